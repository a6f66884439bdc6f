import Networks
import Tensors

/// Rounds weights, or the centroids of shared weights, to whole multiples of a learned step: LSQ
/// (Esser et al. 2020, arXiv 1902.08153), signed and symmetric, one step a tensor or one an output.
/// Its rule can be another than LSQ's.
///
/// It stands first in a parameter's chain, next to what is trained. On shared weights it therefore
/// sees the centroids; a centroid's gradient is already the sum over its members, so the step's is
/// the same as over all weights.
public struct WeightQuantizer: UniformWeightQuantizer {
    public static let kind = "weight-quantizer"

    /// 2...8
    public let bits: Int
    /// Whether the lowest code is left out: `-(2^(bits-1)-1)...2^(bits-1)-1`.
    public let isNarrow: Bool
    /// `N` of the gradient scale `1/√(N·p)`: how many weights share a step.
    public var weightCount: Int
    /// `[1]`, or `[outputs]` for weights `[..., outputs]`; what is used is the absolute value.
    public private(set) var step: Variable
    /// How gradients pass it.
    public var rule: GradientRule
    private var search: StepSearch
    /// Which codes go back and forth, where that is tracked.
    public internal(set) var oscillations: OscillationTracker?

    public init(
        bits: Int, steps: [Float], weightCount: Int, isNarrow: Bool = false,
        rule: GradientRule = GradientRule()
    ) {
        precondition((2...8).contains(bits), "a weight has 2 to 8 bits, not \(bits)")
        precondition(!steps.isEmpty, "weights have at least one step")
        self.bits = bits
        self.isNarrow = isNarrow
        self.weightCount = weightCount
        step = .learnedSteps(steps)
        self.rule = rule
        search = StepSearch(steps: steps.count)
    }

    public init(bits: Int, step: Float, weightCount: Int, isNarrow: Bool = false) {
        self.init(bits: bits, steps: [step], weightCount: weightCount, isNarrow: isNarrow)
    }

    /// A quantizer whose first step fits the nonzero values.
    /// - Parameters:
    ///   - values: weights, of which zeros (pruned ones) are left out, or centroids.
    ///   - counts: for centroids, how many weights each stands for.
    public init(
        bits: Int, fitting values: Tensor, counts: [Int]? = nil,
        initialization: StepInitialization = .leastSquares, isNarrow: Bool = false
    ) {
        let values =
            counts == nil
            ? values.withUnsafeElements { $0.filter { $0 != 0 } } : values.elements
        let grid = UniformGrid(bits: bits, isSigned: true, isNarrow: isNarrow)
        let count = counts?.reduce(0, +) ?? values.count
        self.init(
            bits: bits,
            step: initialization.step(for: values, counts: counts, grid: grid),
            weightCount: count, isNarrow: isNarrow)
    }

    /// A quantizer with a step for each output of weights `[..., outputs]`.
    public init(
        bits: Int, fittingEachOutputOf weights: Tensor,
        initialization: StepInitialization = .leastSquares, isNarrow: Bool = false
    ) {
        let outputs = weights.shape.last ?? 1
        let grid = UniformGrid(bits: bits, isSigned: true, isNarrow: isNarrow)
        let steps = weights.withUnsafeElements { values in
            (0..<outputs).map { output in
                initialization.step(
                    for: stride(from: output, to: values.count, by: outputs).map { values[$0] },
                    grid: grid)
            }
        }
        let nonzeros = weights.withUnsafeElements { $0.count { $0 != 0 } }
        self.init(
            bits: bits, steps: steps, weightCount: nonzeros / outputs,
            isNarrow: isNarrow)
    }

    /// The same with other steps, as many as there are.
    public func withSteps(_ steps: [Float]) -> WeightQuantizer {
        precondition(steps.count == step.value.count, "\(steps.count) steps")
        var result = self
        result.step = .learnedSteps(steps)
        return result
    }

    public func steps(for value: Tensor) -> [Float] { steps }

    public mutating func follow(progress: Float) { rule.progress = progress }

    /// Whether each output has its step.
    public var isPerOutput: Bool { step.value.count > 1 }

    /// The steps in use: `[1]` or `[outputs]`, positive.
    public var steps: [Float] {
        step.value.elements.map { max(abs($0), UniformGrid.smallestStep) }
    }

    /// The grid of the present step; of the first one where each output has its own.
    public var grid: UniformGrid {
        UniformGrid(bits: bits, isSigned: true, isNarrow: isNarrow, step: step.value[0])
    }

    /// The integers of which the steps make the effective values.
    public func codes(of value: Tensor) -> [Int8] {
        guard isPerOutput else { return grid.codes(of: value).map { Int8($0) } }
        var effective = Tensor(shape: value.shape)
        apply(to: value, into: &effective, threads: 1)
        let steps = steps
        return effective.elements.enumerated().map {
            Int8(($1 / steps[$0 % steps.count]).rounded(.toNearestOrEven))
        }
    }

    public func requireFit(to shape: [Int]) throws(SavedStateError) {
        if let tracked = oscillations?.frequencies.count, tracked != shape.reduce(1, *) {
            throw .wrongShape(
                kind: Self.kind, field: "oscillations", found: [tracked], expected: shape)
        }
        guard !isPerOutput || shape.last == step.value.count else {
            throw .wrongShape(
                kind: Self.kind, field: "step", found: step.value.shape,
                expected: [shape.last ?? 1])
        }
    }

    public func apply(to value: Tensor, into effective: inout Tensor, threads: Int) {
        if isPerOutput {
            grid.fakeQuantize(value, steps: steps, into: &effective)
        } else {
            grid.fakeQuantize(value, into: &effective, threads: threads)
        }
    }

    public mutating func backpropagate(
        value: Tensor, effectiveGradient: Tensor, into valueGradient: inout Tensor,
        threads: Int
    ) {
        let (steps, scale) = (steps, gradientScale)
        let sums = sums(value, effectiveGradient, into: &valueGradient, threads: threads)
        if case .simulated(_, let probe) = rule.step {
            search.advance(value, grid: grid, steps: steps, probe: probe)
        }
        for (index, sums) in sums.enumerated() {
            var gradient = Float(sums.step) * scale
            if case .simulated(let amplitude, _) = rule.step {
                gradient = search.gradient(
                    index, step: steps[index], amplitude: amplitude, sums: sums, learned: gradient)
            }
            step.gradient[index] = step.value[index] < 0 ? -gradient : gradient
        }
    }

    /// Writes the gradient of the value, and returns the sums of each step.
    private func sums(
        _ value: Tensor, _ effectiveGradient: Tensor, into valueGradient: inout Tensor, threads: Int
    ) -> [GradientSums] {
        guard rule.needsSurrogate else {
            guard isPerOutput else {
                let sums = grid.backpropagate(
                    value, resultGradient: effectiveGradient, into: &valueGradient,
                    threads: threads)
                return [GradientSums(step: sums.step)]
            }
            return grid.backpropagate(
                value, steps: steps, resultGradient: effectiveGradient, into: &valueGradient
            ).map { GradientSums(step: $0) }
        }
        guard isPerOutput else {
            return [
                grid.backpropagate(
                    value, resultGradient: effectiveGradient, surrogate: rule.surrogate,
                    into: &valueGradient, threads: threads)
            ]
        }
        return grid.backpropagate(
            value, steps: steps, resultGradient: effectiveGradient, surrogate: rule.surrogate,
            into: &valueGradient)
    }

    /// Adds to the gradients of the steps.
    /// - Parameter gradients: of the loss by each step, unscaled.
    mutating func addStepGradients(_ gradients: [Double]) {
        for (index, gradient) in gradients.enumerated() {
            let sign: Float = step.value[index] < 0 ? -1 : 1
            step.gradient[index] += sign * Float(gradient) * gradientScale
        }
    }

    public var gradientScale: Float { grid.gradientScale(sharedBy: weightCount) }

    public mutating func visitVariables(_ visit: (String, inout Variable) -> Void) {
        visit("step", &step)
    }

    public var state: SavedState {
        var state = SavedState(kind: Self.kind)
        state.numbers = [
            "bits": Double(bits), "isNarrow": isNarrow ? 1 : 0,
            "weightCount": Double(weightCount),
        ]
        state.tensors = ["step": step.value]
        rule.save(in: &state)
        search.save(in: &state, rule)
        oscillations?.save(in: &state)
        return state
    }

    public init(state: SavedState) throws {
        let steps = try state.tensor("step")
        guard steps.shape.count == 1, steps.count > 0 else {
            throw SavedStateError.wrongShape(
                kind: state.kind, field: "step", found: steps.shape, expected: [1])
        }
        self.init(
            bits: try state.integer("bits", in: 2...8),
            steps: steps.elements,
            weightCount: try state.integer("weightCount", in: 0...Int(Int32.max)),
            isNarrow: try state.integer("isNarrow", in: 0...1) == 1,
            rule: try GradientRule(state: state))
        search = try StepSearch(state: state, steps: steps.count, rule)
        oscillations = try OscillationTracker(state: state)
    }
}

extension Parameter {
    /// Whether all that is trained are numbers; they are not once a training has diverged.
    var isFinite: Bool {
        let steps = parametrization(WeightQuantizer.self)?.step.value.elements ?? []
        return steps.allSatisfy(\.isFinite)
            && trained.value.withUnsafeElements { $0.allSatisfy(\.isFinite) }
    }
}

extension Tensor {
    /// The derivative of the absolute value of a tensor of shape `[1]`, 1 at zero.
    var signOfFirst: Float { self[0] < 0 ? -1 : 1 }
}

extension SavedState {
    /// The element of a tensor of shape `[1]`.
    func scalar(_ name: String) throws(SavedStateError) -> Float {
        let tensor = try tensor(name)
        guard tensor.shape == [1] else {
            throw .wrongShape(kind: kind, field: name, found: tensor.shape, expected: [1])
        }
        return tensor[0]
    }
}
