import CFloatKernels

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

extension ActivationFunction {
    var kernel: cfk_activation {
        switch self {
        case .identity: cfk_activation(kind: cfk_identity, a: 0, b: 0)
        case .relu: cfk_activation(kind: cfk_relu_function, a: 0, b: 0)
        case .clip(let lowest, let highest): cfk_activation(kind: cfk_clip, a: lowest, b: highest)
        case .leakyReLU(let slope): cfk_activation(kind: cfk_leaky_relu, a: slope, b: 0)
        case .sigmoid: cfk_activation(kind: cfk_sigmoid, a: 0, b: 0)
        case .hardSigmoid: cfk_activation(kind: cfk_hard_sigmoid, a: 0, b: 0)
        case .silu: cfk_activation(kind: cfk_silu, a: 0, b: 0)
        case .hardSwish: cfk_activation(kind: cfk_hard_swish, a: 0, b: 0)
        }
    }
}

extension Tensor {
    /// `self = f(x)`
    public mutating func assign(_ f: ActivationFunction, of x: Tensor, threads: Int) {
        precondition(count == x.count)
        let count = count
        withPointers(x, &self) { x, y in
            parallel(chunks: (count + Self.part - 1) / Self.part, threads: threads) { chunk in
                let part = range(ofChunk: chunk, size: Self.part, count: count)
                cfk_activate(
                    bestISA, f.kernel, x + part.lowerBound, y + part.lowerBound, Int64(part.count))
            }
        }
    }

    /// `self = self · f′(x)`
    public mutating func multiply(
        byDerivativeOf f: ActivationFunction, at x: Tensor, threads: Int
    ) {
        precondition(count == x.count)
        let count = count
        withPointers(x, &self) { x, dy in
            parallel(chunks: (count + Self.part - 1) / Self.part, threads: threads) { chunk in
                let part = range(ofChunk: chunk, size: Self.part, count: count)
                cfk_activate_gradient(
                    bestISA, f.kernel, x + part.lowerBound, dy + part.lowerBound,
                    dy + part.lowerBound, Int64(part.count))
            }
        }
    }

    /// Elements that one thread takes at a time: a multiple of all vector lengths, 256 KB.
    static let part = 1 << 16
}
