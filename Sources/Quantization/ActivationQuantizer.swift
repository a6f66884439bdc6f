import Networks
import Tensors

/// Rounds activations to a grid with learned step and offset: LSQ+ (Bhalgat et al. 2020,
/// arXiv 2004.09576). Its rule can be another than LSQ's.
public struct ActivationQuantizer: UniformActivationQuantizer {
    public static let kind = "activation-quantizer"

    /// What counts as sharing the step in the gradient scale `1/√(N·p)`.
    public enum Sharing: Int, Sendable {
        /// Every element of the batch, as most implementations have it.
        case elements = 0
        /// The features of one sample, as in Esser et al. 2020.
        case features = 1
    }

    /// 2...8
    public let bits: Int
    public let scheme: ActivationScheme
    /// Whether step and offset are trained. They are not where the grid is known, as for pixels.
    public let isLearned: Bool
    public let sharing: Sharing
    /// `[1]`; what is used is its absolute value.
    public private(set) var step: Variable
    /// `[1]`; trained only if the scheme has an offset.
    public private(set) var offset: Variable
    /// How gradients pass it.
    public var rule: GradientRule
    private var search = StepSearch(steps: 1)

    public init(
        bits: Int, scheme: ActivationScheme, step: Float = 1, offset: Float = 0,
        isLearned: Bool = true, sharing: Sharing = .elements, rule: GradientRule = GradientRule()
    ) {
        precondition((2...8).contains(bits), "an activation has 2 to 8 bits, not \(bits)")
        precondition(scheme.hasOffset || offset == 0, "\(scheme) has no offset, found \(offset)")
        self.bits = bits
        self.scheme = scheme
        self.isLearned = isLearned
        self.sharing = sharing
        self.rule = rule
        self.step = .learnedSteps([step])
        self.offset = Variable(Tensor(shape: [1], repeating: offset), decays: false)
    }

    /// Takes step and offset from a grid.
    public mutating func place(on grid: UniformGrid) {
        step.value[0] = grid.step
        offset.value[0] = grid.offset
    }

    /// The grid of the present step and offset.
    public var grid: UniformGrid {
        UniformGrid(
            bits: bits, isSigned: scheme.isSigned, step: step.value[0], offset: offset.value[0])
    }

    public var isSigned: Bool { scheme.isSigned }

    public mutating func follow(progress: Float) { rule.progress = progress }

    public mutating func backward(
        _ inputs: [Tensor], output: Tensor, outputGradient: inout Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        let input = inputs[0]
        let sums: GradientSums
        if wants[0] {
            swap(&inputGradients[0], &outputGradient)
            sums = backpropagate(input, gradient: &inputGradients[0], threads: pass.threads)
        } else if isLearned {
            sums = parameterGradients(input, outputGradient, threads: pass.threads)
        } else {
            return
        }
        setGradients(sums, input: input)
    }

    /// - Parameters:
    ///   - sums: unscaled.
    ///   - input: what it reads, or for LSQ's rule something of that shape.
    mutating func setGradients(_ sums: GradientSums, input: Tensor) {
        let grid = grid
        let sharers = sharing == .elements ? input.count : input.count / max(input.shape[0], 1)
        let scale = grid.gradientScale(sharedBy: sharers)
        var gradient = Float(sums.step) * scale
        if isLearned, case .simulated(let amplitude, let probe) = rule.step {
            search.advance(input, grid: grid, steps: [grid.step], probe: probe)
            gradient = search.gradient(
                0, step: grid.step, amplitude: amplitude, sums: sums, learned: gradient)
        }
        step.gradient[0] = step.value.signOfFirst * gradient
        offset.gradient[0] = scheme.hasOffset ? Float(sums.offset) * scale : 0
    }

    /// Turns the gradient of the output into that of the input.
    private func backpropagate(
        _ input: Tensor, gradient: inout Tensor, threads: Int
    ) -> GradientSums {
        if rule.needsSurrogate {
            return grid.backpropagate(
                input, gradient: &gradient, surrogate: rule.surrogate, threads: threads)
        }
        let sums = grid.backpropagate(input, gradient: &gradient, threads: threads)
        return GradientSums(step: sums.step, offset: sums.offset)
    }

    private func parameterGradients(
        _ input: Tensor, _ outputGradient: Tensor, threads: Int
    ) -> GradientSums {
        if rule.needsSurrogate {
            return grid.parameterGradients(
                input, resultGradient: outputGradient, surrogate: rule.surrogate, threads: threads)
        }
        let sums = grid.parameterGradients(
            input, resultGradient: outputGradient, threads: threads)
        return GradientSums(step: sums.step, offset: sums.offset)
    }

    /// `step`, and `offset` where the scheme has one; none if the grid is not learned.
    public mutating func visitVariables(_ visit: (String, inout Variable) -> Void) {
        guard isLearned else { return }
        visit("step", &step)
        if scheme.hasOffset { visit("offset", &offset) }
    }

    public var state: SavedState {
        var state = SavedState(kind: Self.kind)
        state.numbers = [
            "bits": Double(bits), "scheme": Double(scheme.rawValue),
            "isLearned": isLearned ? 1 : 0, "sharing": Double(sharing.rawValue),
        ]
        state.tensors = ["step": step.value, "offset": offset.value]
        rule.save(in: &state)
        search.save(in: &state, rule)
        return state
    }

    public init(state: SavedState) throws {
        let scheme = ActivationScheme(rawValue: try state.integer("scheme", in: 1...4))!
        self.init(
            bits: try state.integer("bits", in: 2...8), scheme: scheme,
            step: try state.scalar("step"),
            offset: scheme.hasOffset ? try state.scalar("offset") : 0,
            isLearned: try state.integer("isLearned", in: 0...1) == 1,
            sharing: Sharing(rawValue: try state.integer("sharing", in: 0...1))!,
            rule: try GradientRule(state: state))
        search = try StepSearch(state: state, steps: 1, rule)
    }
}
