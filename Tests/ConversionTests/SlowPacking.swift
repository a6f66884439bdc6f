import PackedModel

extension PackedTensor {
    /// The tensor of integer weights in row-major order of `shape`, by the rules of `PackedTensor`
    /// and nothing else.
    static func slow(shape: [Int], integers: [Int], scale: Float) -> PackedTensor {
        let levels = [0] + Set(integers).subtracting([0]).sorted()
        let nonzero = integers.indices.filter { integers[$0] != 0 }
        return PackedTensor(
            shape: shape, levels: levels.map { Int8($0) },
            gaps: zip([-1] + nonzero, nonzero).map { UInt32($1 - $0 - 1) },
            codes: nonzero.map { UInt8(levels.firstIndex(of: integers[$0])!) }, scales: [scale])
    }

    /// All weights in row-major order of `shape`.
    var slowWeights: [Float] {
        var weights = [Float](repeating: 0, count: count)
        var index = -1
        for (nonzero, gap) in gaps.enumerated() {
            index += Int(gap) + 1
            let scale = scales[scales.count == 1 ? 0 : index / (count / shape[0])]
            weights[index] =
                scale
                * (halves.isEmpty
                    ? Float(levels[Int(codes[nonzero])]) : HalfPrecision.value(halves[nonzero]))
        }
        return weights
    }
}
