import Tensors

/// A fully connected layer: `y = x W + b`.
///
/// `weight` is `[inputs, outputs]`, `bias` is `[outputs]`.
public struct Linear: Layer {
    public static let kind = "linear"

    public let inputs: Int
    public let outputs: Int
    public var weight: Parameter
    public var bias: Parameter
    private var kernels: LinearKernels

    /// Weights of zero; see `initialize(using:)`.
    public init(inputs: Int, outputs: Int) {
        self.inputs = inputs
        self.outputs = outputs
        weight = Parameter(Tensor(shape: [inputs, outputs]), decays: true)
        bias = Parameter(Tensor(shape: [outputs]), decays: false)
        kernels = LinearKernels(inputs: inputs, outputs: outputs)
    }

    public func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        guard shapes.count == 1, shapes[0] == [inputs] else {
            throw .unfit(layer: Self.kind, found: shapes, expected: "[\(inputs)]")
        }
        return [outputs]
    }

    public mutating func forward(_ x: [Tensor], into y: inout Tensor, pass: inout Pass) {
        kernels.forward(
            x[0], weights: weight.effective, bias: bias.effective, into: &y, threads: pass.threads)
    }

    public mutating func backward(
        _ x: [Tensor], output: Tensor, outputGradient dy: inout Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        kernels.parameterGradients(
            x[0], dy, weights: &weight.effectiveGradient, bias: &bias.effectiveGradient,
            threads: pass.threads)
        if wants[0] {
            kernels.inputGradient(
                dy, weights: weight.effective, into: &inputGradients[0], threads: pass.threads)
        }
    }

    public func paddingValue(behind value: Float) -> Float { 0 }

    public mutating func visitParameters(_ visit: (String, inout Parameter) -> Void) {
        visit("weight", &weight)
        visit("bias", &bias)
    }

    public var state: SavedState {
        var state = SavedState(kind: Self.kind)
        state.numbers = ["inputs": Double(inputs), "outputs": Double(outputs)]
        return state
    }

    public init(state: SavedState) throws {
        let sizes = 1...SavedState.largestSize
        let inputs = try state.integer("inputs", in: sizes)
        let outputs = try state.integer("outputs", in: sizes)
        try state.requireRoom(for: [inputs, outputs])
        self.init(inputs: inputs, outputs: outputs)
    }
}
