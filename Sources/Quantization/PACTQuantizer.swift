import Networks
import Tensors

/// Rounds activations to a grid from 0 to a learned bound `α`: PACT (Choi et al. 2018, arXiv
/// 1805.06085).
///
///     y = clip(x, 0, α)     ∂y/∂x = 1 inside, 0 outside     ∂y/∂α = 1 where x ≥ α, else 0
///
/// As in the paper, the bound learns from what is clipped alone, its gradient is not scaled, and
/// weight decay pulls it down. Its step is `α / (2^bits − 1)`. Its rule can round otherwise than straight
/// through; the bound sees nothing of that.
public struct PACTQuantizer: UniformActivationQuantizer {
    public static let kind = "pact-quantizer"

    /// 2...8
    public let bits: Int
    /// `[1]`: `α`; what is used is its absolute value.
    public private(set) var bound: Variable
    public var rule: GradientRule

    public init(bits: Int, bound: Float, rule: GradientRule = GradientRule()) {
        precondition((2...8).contains(bits), "an activation has 2 to 8 bits, not \(bits)")
        self.bits = bits
        self.bound = Variable(Tensor(shape: [1], repeating: bound), decays: true)
        self.rule = rule
    }

    public var isSigned: Bool { false }

    public var grid: UniformGrid {
        var grid = UniformGrid(bits: bits, isSigned: false)
        grid.step = max(abs(bound.value[0]) / grid.highest, UniformGrid.smallestStep)
        return grid
    }

    public mutating func follow(progress: Float) { rule.progress = progress }

    public mutating func backward(
        _ inputs: [Tensor], output: Tensor, outputGradient: inout Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        let surrogate = rule.surrogate
        let sums: GradientSums
        if wants[0] {
            swap(&inputGradients[0], &outputGradient)
            sums = grid.backpropagate(
                inputs[0], gradient: &inputGradients[0], surrogate: surrogate,
                threads: pass.threads)
        } else {
            sums = grid.parameterGradients(
                inputs[0], resultGradient: outputGradient, surrogate: surrogate,
                threads: pass.threads)
        }
        bound.gradient[0] = bound.value.signOfFirst * Float(sums.above)
    }

    public mutating func visitVariables(_ visit: (String, inout Variable) -> Void) {
        visit("bound", &bound)
    }

    public var state: SavedState {
        var state = SavedState(kind: Self.kind)
        state.numbers = ["bits": Double(bits)]
        state.tensors = ["bound": bound.value]
        rule.save(in: &state)
        return state
    }

    public init(state: SavedState) throws {
        self.init(
            bits: try state.integer("bits", in: 2...8), bound: try state.scalar("bound"),
            rule: try GradientRule(state: state))
    }
}
