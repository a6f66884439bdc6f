import Networks
import Tensors

/// Rounds biases to whole multiples of a step that follows the largest one:
/// `step = max|b| / (2^(bits−1) − 1)`, so nothing is clipped and nothing has to be learned.
///
/// Gradients pass straight through; that the step depends on the largest bias is left out.
public struct BiasQuantizer: Parametrization {
    public static let kind = "bias-quantizer"

    /// 2...16
    public let bits: Int

    public init(bits: Int) {
        precondition((2...16).contains(bits), "a bias has 2 to 16 bits, not \(bits)")
        self.bits = bits
    }

    /// Step and codes of biases: the effective bias is `step · code`. The step is 1 if all are zero.
    public func codes(of value: Tensor) -> (step: Float, codes: [Int16]) {
        let grid = grid(of: value)
        return (grid.step, grid.codes(of: value).map { Int16($0) })
    }

    public func apply(to value: Tensor, into effective: inout Tensor, threads: Int) {
        grid(of: value).fakeQuantize(value, into: &effective, threads: threads)
    }

    public func backpropagate(
        value: Tensor, effectiveGradient: Tensor, into valueGradient: inout Tensor,
        threads: Int
    ) {
        effectiveGradient.withUnsafeElements { gradient in
            valueGradient.withUnsafeMutableElements { _ = $0.update(from: gradient) }
        }
    }

    private func grid(of value: Tensor) -> UniformGrid {
        var grid = UniformGrid(bits: bits, isSigned: true, isNarrow: true)
        let step = (value.elements.map(abs).max() ?? 0) / grid.highest
        grid.step = step > 0 ? step : 1
        return grid
    }

    public var state: SavedState {
        var state = SavedState(kind: Self.kind)
        state.numbers = ["bits": Double(bits)]
        return state
    }

    public init(state: SavedState) throws {
        self.init(bits: try state.integer("bits", in: 2...16))
    }
}
