import Foundation
import Networks
import Tensors

/// Rounds activations between learned bounds `l` and `u`: EWGS (Lee et al. 2021, arXiv 2104.00903).
///
///     q = round(L · x) / L,   x = clip((a − l) / (u − l), 0, 1),   L = 2^bits − 1
///     â = l + (u − l) · q
///
/// The paper hands `q` on and leaves the scale to the layer; here it is put back, so that a step
/// and an offset say all about the codes. Backward, rounding turns the gradient `g` of `q` into `g
/// · (1 + δ · sign(g) · (x − q))`; bounds learn straight through, with the gradient scale of LSQ:
///
///     ∂â/∂u = q − x inside, 1 above, 0 below       ∂â/∂l = x − q inside, 0 above, 1 below
///
/// Rounding can have another slope than 1, which the bounds then see as well.
public struct EWGSActivationQuantizer: UniformActivationQuantizer {
    public static let kind = "ewgs-activation-quantizer"

    /// 2...8
    public let bits: Int
    public let delta: Float
    /// `[1]` each.
    public private(set) var lower: Variable
    public private(set) var upper: Variable
    /// What is not straight through besides `delta`.
    public private(set) var rounding: GradientRule.Rounding
    private var progress: Float = 0

    public init(
        bits: Int, lower: Float, upper: Float, delta: Float = EWGSWeightQuantizer.usualDelta,
        rounding: GradientRule.Rounding = .straightThrough
    ) {
        precondition((2...8).contains(bits), "an activation has 2 to 8 bits, not \(bits)")
        self.bits = bits
        self.delta = delta
        self.rounding = rounding
        self.lower = Variable(Tensor(shape: [1], repeating: lower), decays: false)
        self.upper = Variable(Tensor(shape: [1], repeating: upper), decays: false)
    }

    /// From the least value to three deviations of a half-normal distribution.
    public init(
        bits: Int, fitting sample: [Float], delta: Float = EWGSWeightQuantizer.usualDelta,
        rounding: GradientRule.Rounding = .straightThrough
    ) {
        let mean = sample.reduce(0) { $0 + Double($1) } / Double(max(sample.count, 1))
        let squares = sample.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
        let deviation = (squares / Double(max(sample.count, 1))).squareRoot()
        let lower = sample.min() ?? 0
        let upper = Float(3 * deviation / (1 - 2 / Double.pi).squareRoot())
        self.init(
            bits: bits, lower: lower, upper: upper > lower ? upper : lower + 1, delta: delta,
            rounding: rounding)
    }

    public var isSigned: Bool { false }

    public var grid: UniformGrid {
        var grid = UniformGrid(bits: bits, isSigned: false, offset: lower.value[0])
        let width = upper.value[0] - lower.value[0]
        grid.step = max(width / grid.highest, UniformGrid.smallestStep)
        return grid
    }

    public mutating func follow(progress: Float) { self.progress = progress }

    /// In units of the step, which errors are there.
    private var rule: GradientRule {
        var rule = GradientRule()
        rule.discretization = .inGradient(delta / grid.highest)
        rule.rounding = rounding
        rule.progress = progress
        return rule
    }

    public mutating func backward(
        _ inputs: [Tensor], output: Tensor, outputGradient: inout Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        let (grid, surrogate) = (grid, rule.surrogate)
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
        let scale = grid.gradientScale(sharedBy: inputs[0].count)
        let byUpper = sums.step / Double(grid.highest)
        upper.gradient[0] = Float(byUpper) * scale
        lower.gradient[0] = Float(sums.offset - byUpper) * scale
    }

    public mutating func visitVariables(_ visit: (String, inout Variable) -> Void) {
        visit("lower", &lower)
        visit("upper", &upper)
    }

    public var state: SavedState {
        var state = SavedState(kind: Self.kind)
        state.numbers = ["bits": Double(bits), "delta": Double(delta)]
        state.tensors = ["lower": lower.value, "upper": upper.value]
        rule.save(in: &state)
        return state
    }

    public init(state: SavedState) throws {
        self.init(
            bits: try state.integer("bits", in: 2...8), lower: try state.scalar("lower"),
            upper: try state.scalar("upper"), delta: try state.float("delta", in: 0...1000))
        let rule = try GradientRule(state: state)
        (rounding, progress) = (rule.rounding, rule.progress)
    }
}
