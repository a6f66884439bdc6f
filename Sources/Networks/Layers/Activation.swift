import Tensors

/// An activation function as a layer of its own.
public struct Activation: Layer {
    public static let kind = "activation"

    public let function: ActivationFunction

    public init(_ function: ActivationFunction) {
        self.function = function
    }

    public func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        try Self.onlyShape(of: shapes)
    }

    public mutating func forward(_ x: [Tensor], into y: inout Tensor, pass: inout Pass) {
        y.assign(function, of: x[0], threads: pass.threads)
    }

    public mutating func backward(
        _ x: [Tensor], output: Tensor, outputGradient dy: inout Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        guard wants[0] else { return }
        swap(&inputGradients[0], &dy)
        inputGradients[0].multiply(byDerivativeOf: function, at: x[0], threads: pass.threads)
    }

    public func paddingValue(behind value: Float) -> Float { 0 }

    public var state: SavedState {
        var state = SavedState(kind: Self.kind)
        function.save(to: &state)
        return state
    }

    public init(state: SavedState) throws {
        self.init(try ActivationFunction(state: state))
    }
}
