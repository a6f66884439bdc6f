import Tensors

/// The values of a sample in `[channels, height, width]` order (that of PyTorch and ONNX, whatever the
/// layout in memory) under another shape.
public struct Reshape: Layer {
    public static let kind = "reshape"

    /// `[height, width, channels]` or `[features]`: the layout in memory, as everywhere.
    public let shape: [Int]
    /// The values with the channels outermost, on the way between two images.
    private var channelsFirst = Tensor.empty

    /// The most dimensions that a shape may have.
    private static let largestRank = 4

    public init(_ shape: [Int]) {
        self.shape = shape
    }

    public func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        let found = try Self.onlyShape(of: shapes)
        guard (1...Self.largestRank).contains(shape.count), let count = elementCount(of: shape),
            count > 0, elementCount(of: found) == count
        else {
            throw .unfit(
                layer: Self.kind, found: shapes, expected: "as many values as \(shape) has")
        }
        return shape
    }

    public mutating func forward(_ x: [Tensor], into y: inout Tensor, pass: inout Pass) {
        rearrange(x[0], into: &y, threads: pass.threads)
    }

    public mutating func backward(
        _ x: [Tensor], output: Tensor, outputGradient dy: inout Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        if wants[0] { rearrange(dy, into: &inputGradients[0], threads: pass.threads) }
    }

    /// Copies values to the shape that `y` has.
    private mutating func rearrange(_ x: Tensor, into y: inout Tensor, threads: Int) {
        let (from, to) = (Self.sizes(x), Self.sizes(y))
        if from.positions == to.positions {
            y.assign(x)
        } else if from.positions == 1 {
            y.assignTransposed(x, rows: to.channels, columns: to.positions, threads: threads)
        } else if to.positions == 1 {
            y.assignTransposed(x, rows: from.positions, columns: from.channels, threads: threads)
        } else {
            channelsFirst.resize(to: [x.count])
            channelsFirst.assignTransposed(
                x, rows: from.positions, columns: from.channels, threads: threads)
            y.assignTransposed(
                channelsFirst, rows: to.channels, columns: to.positions, threads: threads)
        }
    }

    private static func sizes(_ x: Tensor) -> (positions: Int, channels: Int) {
        (x.shape.dropFirst().dropLast().reduce(1, *), x.shape.last!)
    }

    public var state: SavedState {
        var state = SavedState(kind: Self.kind)
        state.numbers["rank"] = Double(shape.count)
        for (axis, size) in shape.enumerated() { state.numbers["size\(axis)"] = Double(size) }
        return state
    }

    public init(state: SavedState) throws {
        let rank = try state.integer("rank", in: 1...Self.largestRank)
        shape = try (0..<rank).map {
            try state.integer("size\($0)", in: 1...SavedState.largestSize)
        }
    }
}
