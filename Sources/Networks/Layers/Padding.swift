import Tensors

/// Zeros around images: for what a convolution's symmetric padding can not express.
public struct Padding: Layer {
    public static let kind = "padding"

    public let top: Int
    public let left: Int
    public let bottom: Int
    public let right: Int

    public init(top: Int, left: Int, bottom: Int, right: Int) {
        self.top = top
        self.left = left
        self.bottom = bottom
        self.right = right
    }

    public func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        [shapes[0][0] + top + bottom, shapes[0][1] + left + right, shapes[0][2]]
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
