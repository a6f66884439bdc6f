import Tensors

/// The sum of two or more inputs of one shape, through an activation function.
public struct Add: Layer {
    public static let kind = "add"

    public let activation: ActivationFunction

    public init(activation: ActivationFunction = .identity) {
        self.activation = activation
    }

    public func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        shapes[0]
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
