import Container
import PackedModel
import Testing

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Independent weights with geometric gaps; codes are those of Laplacian weights above a threshold,
/// rounded to the grid ±1...±7.
func laplacianTensor(side: Int, density: Double, seed: UInt64) -> PackedTensor {
    var generator = SeededGenerator(seed: seed)
    var gaps: [UInt32] = []
    var codes: [UInt8] = []
    var position = 0
    while true {
        let u = Double.random(in: Double.leastNonzeroMagnitude..<1, using: &generator)
        let gap = Int(log(u) / log(1 - density))
        position += gap + 1
        guard position <= side * side else { break }
        // Above its threshold a Laplacian is exponential; its largest values are clipped to ±7.
        let v = Double.random(in: Double.leastNonzeroMagnitude..<1, using: &generator)
        let magnitude = min(7, Int(2.5 - 1.4 * log(v)))
        gaps.append(UInt32(gap))
        codes.append(UInt8(2 * magnitude - Int.random(in: 0...1, using: &generator)))
    }
    return PackedTensor(
        shape: [side, side], levels: gridLevels(15), gaps: gaps, codes: codes, scales: [1])
}

struct EntropyBoundTests {
    @Test func `a large tensor of independent weights is within 1 percent of its entropy`() throws {
        let model = linearModel(laplacianTensor(side: 4096, density: 0.04, seed: 11))
        let (bytes, summary) = try Container.write(model)
        let tensor = summary.tensors[0]
        #expect(Double(tensor.bytes) <= 1.008 * Double(tensor.entropyBoundBytes), "\(tensor)")
        #expect(try Container.read(bytes) == model)
    }

    @Test func `the bound is the sum of two entropies`() throws {
        // 4 nonzeros of 16: 16 · h(1/4) = 12.98 bits; codes 1, 1, 2, 3: 4 · 1.5 = 6 bits.
        let dense: [UInt8] = [1, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0, 0, 0, 0, 3, 0]
        let model = linearModel(tensor(shape: [4, 4], levels: gridLevels(4), dense: dense))
        #expect(try Container.write(model).summary.tensors[0].entropyBoundBytes == 3)
    }

    @Test(arguments: [4, 15])
    func `classes of lines pay where some inputs matter more than others`(levels: Int) throws {
        // 300 × 784, 8 %: the density of a column falls with the pixel's distance from the middle.
        var generator = SeededGenerator(seed: 21)
        let dense = (0..<300 * 784).map { index -> UInt8 in
            let x = Double(index % 28) - 13.5
            let y = Double(index / 28 % 28) - 13.5
            let density = 0.29 * exp(-(x * x + y * y) / 72) + 0.001
            guard Double.random(in: 0..<1, using: &generator) < density else { return 0 }
            return UInt8.random(in: 1..<UInt8(levels), using: &generator)
        }
        let model = linearModel(
            tensor(shape: [300, 784], levels: gridLevels(levels), dense: dense))
        let (bytes, summary) = try Container.write(model)
        let tensor = summary.tensors[0]
        let others = tensor.candidates.filter { $0.mode != .lineClasses }.map(\.bytes).min()!
        #expect(tensor.mode == .lineClasses)
        #expect(tensor.scanOrder == .columnMajor)
        #expect(Double(tensor.bytes) < 0.98 * Double(others), "\(tensor.bytes) of \(others)")
        #expect(try Container.read(bytes) == model)
    }
}
