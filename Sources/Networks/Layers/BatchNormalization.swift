import Tensors

/// Batch normalization (Ioffe & Szegedy 2015) with the activation function that follows it in one pass.
///
/// `weight` (γ) and `bias` (β) are `[channels]`. Training normalizes by the batch and follows mean and
/// variance with `running = (1 − momentum) · running + momentum · batch` (the variance unbiased, as in
/// PyTorch); evaluation uses the running values.
public struct BatchNormalization: Layer {
    public static let kind = "batch-normalization"

    public let channels: Int
    public let epsilon: Float
    public let momentum: Float
    public var activation: ActivationFunction
    public var weight: Parameter
    public var bias: Parameter
    /// `[channels]`
    public var runningMean: Tensor
    /// `[channels]`
    public var runningVariance: Tensor

    /// γ of 1, β of 0.
    public init(
        channels: Int, epsilon: Float = 1e-5, momentum: Float = 0.1,
        activation: ActivationFunction = .identity
    ) {
        self.channels = channels
        self.epsilon = epsilon
        self.momentum = momentum
        self.activation = activation
        weight = Parameter(Tensor(shape: [channels], repeating: 1), decays: false)
        bias = Parameter(Tensor(shape: [channels]), decays: false)
        runningMean = Tensor(shape: [channels])
        runningVariance = Tensor(shape: [channels], repeating: 1)
    }

    public func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        let shape = try Self.onlyShape(of: shapes)
        guard shape.last == channels else {
            throw .unfit(layer: Self.kind, found: shapes, expected: "\(channels) channels")
        }
        return shape
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

    public func paddingValue(behind value: Float) -> Float { 0 }

    public mutating func visitParameters(_ visit: (String, inout Parameter) -> Void) {
        visit("weight", &weight)
        visit("bias", &bias)
    }

    public var state: SavedState { SavedState(kind: Self.kind) }
    public init(state: SavedState) throws { fatalError("not yet") }
}
