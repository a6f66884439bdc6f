/// A function of each value by itself, as a layer of its own or fused with the layer before it.
public enum ActivationFunction: Sendable, Equatable {
    case identity
    /// `max(x, 0)`
    case relu
    /// `min(max(x, lowest), highest)`; ReLU6 is `clip(lowest: 0, highest: 6)`.
    case clip(lowest: Float, highest: Float)
    /// `x` where positive, else `slope · x`.
    case leakyReLU(slope: Float)
    /// `1 / (1 + exp(−x))`
    case sigmoid
    /// `clip(x / 6 + 1/2, 0, 1)`, as PyTorch and ONNX (with alpha 1/6) have it.
    case hardSigmoid
    /// `x · sigmoid(x)`, also called swish.
    case silu
    /// `x · hardSigmoid(x)` (Howard et al. 2019, section 5.2).
    case hardSwish

    public static let relu6 = ActivationFunction.clip(lowest: 0, highest: 6)

    /// Whether it only cuts off values, so that it commutes with rounding to a grid.
    public var isClamp: Bool {
        switch self {
        case .identity, .relu, .clip: true
        default: false
        }
    }
}
