import Tensors

/// The mean over all positions: `[height, width, channels]` to `[1, 1, channels]`.
public struct GlobalAveragePooling: Layer {
    public static let kind = "global-average-pooling"


    public init() {}

    public func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        [1, 1, try Self.onlyShape(of: shapes).last!]
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
