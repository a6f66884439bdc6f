import Tensors

/// The sum of two inputs of one shape, through an activation function: the end of a residual block.
public struct Add: Layer {
    public static let kind = "add"

    public let activation: ActivationFunction

    public init(activation: ActivationFunction = .identity) {
        self.activation = activation
    }

    public func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        guard shapes.count == 2, shapes[0] == shapes[1] else {
            throw .unfit(layer: Self.kind, found: shapes, expected: "two inputs of one shape")
        }
        return shapes[0]
    }

    public mutating func forward(_ x: [Tensor], into y: inout Tensor, pass: inout Pass) {
        y.assignSum(x[0], x[1], activation, threads: pass.threads)
    }

    public mutating func backward(
        _ x: [Tensor], output: Tensor, outputGradient dy: inout Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        Tensor.assignSumGradient(
            x[0], x[1], activation, gradient: &dy, into: &inputGradients, wants: wants,
            threads: pass.threads)
    }

    public func paddingValue(behind value: Float) -> Float { 0 }

    public var state: SavedState {
        var state = SavedState(kind: Self.kind)
        activation.save(to: &state)
        return state
    }

    public init(state: SavedState) throws {
        self.init(activation: try ActivationFunction(state: state))
    }
}
