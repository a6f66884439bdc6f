import Networks
import PackedModel
import Tensors

/// Rounds weights, or the centroids of shared weights, to half precision (IEEE 754 binary16), ties to
/// even. Gradients pass straight through.
public struct HalfRounding: Parametrization {
    public static let kind = "half-rounding"

    public init() {}

    public func apply(to value: Tensor, into effective: inout Tensor, threads: Int) {
        value.withUnsafeElements { x in
            effective.withUnsafeMutableElements { y in
                for index in 0..<x.count {
                    y[index] = HalfPrecision.value(HalfPrecision.bits(rounding: x[index]))
                }
            }
        }
    }

    public func backpropagate(
        value: Tensor, effectiveGradient: Tensor, into valueGradient: inout Tensor,
        threads: Int
    ) {
        effectiveGradient.withUnsafeElements { gradient in
            valueGradient.withUnsafeMutableElements { _ = $0.update(from: gradient) }
        }
    }

    public var state: SavedState { SavedState(kind: Self.kind) }
    public init(state: SavedState) {}
}

extension Parameter {
    /// Rounds its weights to half precision, in place of a quantizer that is there.
    public mutating func roundToHalf() {
        removeWeightQuantizer()
        setChain([HalfRounding()] + chain)
    }
}
