import Tensors

/// Some consecutive channels of the input.
public struct Slice: Layer {
    public static let kind = "slice"

    public let channels: Range<Int>

    public init(channels: Range<Int>) {
        self.channels = channels
    }

    public func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        Array(try Self.onlyShape(of: shapes).dropLast()) + [channels.count]
    }

    public mutating func forward(_ x: [Tensor], into y: inout Tensor, pass: inout Pass) {
        fatalError("not yet")
    }

    public mutating func backward(
        _ x: [Tensor], output: Tensor, outputGradient dy: Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        fatalError("not yet")
    }

    public var state: SavedState { SavedState(kind: Self.kind) }
    public init(state: SavedState) throws { fatalError("not yet") }
}
