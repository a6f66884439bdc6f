import Tensors

/// `y = max(x, 0)`
public struct ReLU: Layer {
    public static let kind = "relu"

    public init() {}

    public func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        try Self.onlyShape(of: shapes)
    }

    public mutating func forward(_ x: [Tensor], into y: inout Tensor, pass: inout Pass) {
        y.assignReLU(of: x[0])
    }

    public mutating func backward(
        _ x: [Tensor], output: Tensor, outputGradient dy: Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        if wants[0] { inputGradients[0].assignReLUGradient(dy, where: output) }
    }

    public func paddingValue(behind value: Float) -> Float { max(value, 0) }

    public var state: SavedState { SavedState(kind: Self.kind) }
    public init(state: SavedState) {}
}
