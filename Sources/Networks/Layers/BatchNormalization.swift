import Tensors

/// Batch normalization (Ioffe & Szegedy 2015) with the activation function that follows it in one pass.
///
/// `weight` (γ) and `bias` (β) are `[channels]`. Training normalizes by the batch and follows mean and
/// variance with `running = (1 − momentum) · running + momentum · batch` (the variance unbiased, as in
/// PyTorch); evaluation uses the running values. A batch of one position has no variance and leaves
/// them as they are.
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

    var kernels: NormalizationKernels
    /// `[channels]` each: `y = f(scale · x + shift)` in the last forward pass.
    private(set) var scale: Tensor
    private(set) var shift: Tensor
    /// Mean and `1 / √(variance + ε)` of the last batch.
    private var batchMean: [Double] = []
    private var inverseDeviation: [Double] = []
    /// `dx = g · factors[0] + x · factors[1] + factors[2]`
    private var factors: [Tensor]

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
        kernels = NormalizationKernels(channels: channels)
        scale = Tensor(shape: [channels])
        shift = Tensor(shape: [channels])
        factors = (0..<3).map { _ in Tensor(shape: [channels]) }
    }

    public func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        let shape = try Self.onlyShape(of: shapes)
        guard shape.last == channels else {
            throw .unfit(layer: Self.kind, found: shapes, expected: "\(channels) channels")
        }
        return shape
    }

    public mutating func forward(_ x: [Tensor], into y: inout Tensor, pass: inout Pass) {
        prepare(x[0], pass: pass)
        kernels.forward(
            x[0], activation, scale: scale, shift: shift, into: &y, threads: pass.threads)
    }

    /// Sets scale and shift for the forward pass of `x`.
    mutating func prepare(_ x: Tensor, pass: Pass) {
        if pass.isTraining {
            normalizeByBatch(x, moments: pass.moments, threads: pass.threads)
        } else {
            let (mean, variance, epsilon) = (runningMean, runningVariance, epsilon)
            setScales { (Double(mean[$0]), 1 / Double(variance[$0] + epsilon).squareRoot()) }
        }
    }

    /// Takes mean and variance from the batch, and follows them with the running ones.
    private mutating func normalizeByBatch(
        _ x: Tensor, moments: [(Double, Double)]?, threads: Int
    ) {
        let count = Double(x.count / channels)
        let moments = moments ?? kernels.moments(of: x, threads: threads)
        batchMean = moments.map { $0.0 / count }
        let variance = zip(moments, batchMean).map { max($0.1 / count - $1 * $1, 0) }
        inverseDeviation = variance.map { 1 / ($0 + Double(epsilon)).squareRoot() }
        if count > 1 {
            let unbiased = count / (count - 1)
            followBatch(variance.map { $0 * unbiased })
        }
        let (mean, inverse) = (batchMean, inverseDeviation)
        setScales { (mean[$0], inverse[$0]) }
    }

    /// - Parameter variance: of the last batch, unbiased.
    private mutating func followBatch(_ variance: [Double]) {
        for channel in 0..<channels {
            runningMean[channel] += momentum * (Float(batchMean[channel]) - runningMean[channel])
            runningVariance[channel] +=
                momentum * (Float(variance[channel]) - runningVariance[channel])
        }
    }

    private mutating func setScales(_ moments: (Int) -> (mean: Double, inverseDeviation: Double)) {
        for channel in 0..<channels {
            let (mean, inverse) = moments(channel)
            let factor = Double(weight.effective[channel]) * inverse
            scale[channel] = Float(factor)
            shift[channel] = Float(Double(bias.effective[channel]) - mean * factor)
        }
    }

    public mutating func backward(
        _ x: [Tensor], output: Tensor, outputGradient dy: inout Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        let sums = kernels.gradientSums(
            x[0], activation, scale: scale, shift: shift, gradient: &dy, threads: pass.threads)
        if wants[0] { swap(&inputGradients[0], &dy) }
        finishBackward(
            x[0], sums, gradient: &inputGradients[0], wants: wants[0], pass: &pass)
    }

    /// The rest of the backward pass, when `NormalizationKernels.gradientSums` has done the first step.
    ///
    /// - Parameter g: of that step; becomes the input's gradient if it is wanted and the convolution before
    ///   is not left to do that (`Pass.defersNormalization`).
    mutating func finishBackward(
        _ x: Tensor, _ sums: [(Double, Double)], gradient g: inout Tensor, wants: Bool,
        pass: inout Pass
    ) {
        let count = Double(x.count / channels)
        for (channel, sum) in sums.enumerated() {
            let (mean, inverse) = (batchMean[channel], inverseDeviation[channel])
            let weightGradient = (sum.1 - mean * sum.0) * inverse
            weight.effectiveGradient[channel] = Float(weightGradient)
            bias.effectiveGradient[channel] = Float(sum.0)
            // dx = scale · (g − mean(g) − x̂ · mean(g · x̂)) with x̂ = (x − mean) · inverse
            let factor = Double(scale[channel])
            let slope = -factor * inverse * weightGradient / count
            factors[0][channel] = Float(factor)
            factors[1][channel] = Float(slope)
            factors[2][channel] = Float(-factor * sum.0 / count - slope * mean)
        }
        guard wants else { return }
        if pass.defersNormalization {
            pass.normalization = factors
            return
        }
        kernels.inputGradient(x, gradient: &g, factors: factors, threads: pass.threads)
    }

    public func paddingValue(behind value: Float) -> Float { 0 }

    public mutating func visitParameters(_ visit: (String, inout Parameter) -> Void) {
        visit("weight", &weight)
        visit("bias", &bias)
    }

    public var state: SavedState {
        var state = SavedState(kind: Self.kind)
        state.numbers = [
            "channels": Double(channels), "epsilon": Double(epsilon), "momentum": Double(momentum),
        ]
        activation.save(to: &state)
        state.tensors = ["runningMean": runningMean, "runningVariance": runningVariance]
        return state
    }

    public init(state: SavedState) throws {
        let channels = try state.integer("channels", in: 1...SavedState.largestSize)
        try state.requireRoom(for: [channels])
        self.init(
            channels: channels, epsilon: try state.float("epsilon", in: 0...1),
            momentum: try state.float("momentum", in: 0...1),
            activation: try ActivationFunction(state: state))
        runningMean = try state.tensor("runningMean", shape: [channels])
        runningVariance = try state.tensor("runningVariance", shape: [channels])
        if let channel = firstNotPositive(of: runningVariance) {
            throw SavedStateError.notPositive(
                kind: Self.kind, field: "runningVariance", element: channel,
                found: runningVariance[channel])
        }
    }

    /// The first of `[channels]` variances that can not be divided by: `variance + ε` is not positive,
    /// infinite or not a number.
    package func firstNotPositive(of variances: Tensor) -> Int? {
        (0..<channels).first { channel in
            let sum = variances[channel] + epsilon
            return !(sum > 0 && sum.isFinite)
        }
    }
}
