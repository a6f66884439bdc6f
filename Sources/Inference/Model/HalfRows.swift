import PackedModel

/// The nonzero weights of a layer in half precision in plain coordinates, output by output; see
/// `SparseRows`.
struct HalfRows: Sendable, Equatable {
    /// Weights an output, zeros included.
    let columnCount: Int
    /// `[outputs + 1]`: where the nonzeros of each output start.
    private(set) var starts: [Int] = [0]
    /// Ascending inside an output.
    private(set) var columns: [UInt32] = []
    /// The weights: half times scale, rounded once.
    private(set) var weights: [Float] = []

    var outputs: Int { starts.count - 1 }
    var nonzeros: Int { columns.count }

    /// Spreads out gaps and halves; the product of `tensor.shape` and the scales have been checked.
    init(_ tensor: PackedTensor, at place: EngineError.Place) throws(EngineError) {
        try Self.check(tensor, at: place)
        columnCount = tensor.count / tensor.shape[0]
        columns.reserveCapacity(tensor.halves.count)
        weights.reserveCapacity(tensor.halves.count)
        var position = -1
        for (gap, half) in zip(tensor.gaps, tensor.halves) {
            position += Int(gap) + 1
            guard position < tensor.count else {
                throw .weightPosition(place, found: position, count: tensor.count)
            }
            let value = HalfPrecision.value(half)
            guard value.isFinite else {
                throw .value(place, of: "a weight", found: Double(value))
            }
            let output = position / columnCount
            while starts.count <= output { starts.append(columns.count) }
            columns.append(UInt32(position - output * columnCount))
            weights.append(value * tensor.scales[tensor.scales.count == 1 ? 0 : output])
        }
        while starts.count <= tensor.shape[0] { starts.append(columns.count) }
    }

    /// Rows without nonzeros.
    init(emptyOutputs outputs: Int, columnCount: Int) {
        self.columnCount = columnCount
        starts = [Int](repeating: 0, count: outputs + 1)
    }

    private static func check(
        _ tensor: PackedTensor, at place: EngineError.Place
    ) throws(EngineError) {
        guard tensor.halves.count == tensor.gaps.count else {
            throw .count(
                place, of: "halves", found: tensor.halves.count, expected: [tensor.gaps.count])
        }
        guard tensor.codes.isEmpty else {
            throw .count(
                place, of: "codes beside halves", found: tensor.codes.count, expected: [0])
        }
    }
}
