import Networks
import Tensors

/// Rounds weights between learned bounds `l` and `u` to `2^bits` levels in −1...1 with a learned
/// scale: EWGS (Lee et al. 2021, arXiv 2104.00903).
///
///     q = round(L · x) / L,   x = clip((w − l) / (u − l), 0, 1),   L = 2^bits − 1
///     ŵ = σ · (2·q − 1)
///
/// Backward, rounding turns the gradient `g` of `q` into `g · (1 + δ · sign(g) · (x − q))`; weight
/// and bounds get it through `x`. The paper renews δ from the Hessian's trace now and then; here
/// it stays. Bounds and scale have the gradient scale of LSQ in the place of a learning rate of
/// their own, and there can be some for each output. Rounding can have another slope than 1, and the loss
/// a term for the error, which pulls weights alone. Integers are the odd numbers `−L...L`; 8 bits would not fit `Int8`.
public struct EWGSWeightQuantizer: UniformWeightQuantizer {
    public static let kind = "ewgs-weight-quantizer"
    public static let usualDelta: Float = 1e-3

    /// 2...7
    public let bits: Int
    public let delta: Float
    /// How many weights share the bounds.
    public let weightCount: Int
    /// What is not straight through besides `delta`.
    public var rule: GradientRule
    /// `[1]` or `[outputs]` each.
    public private(set) var lower: Variable
    public private(set) var upper: Variable
    /// `[1]` or `[outputs]`: `σ`; what is used is its absolute value.
    public private(set) var scale: Variable

    /// - Parameters:
    ///   - lower, upper, scale: one number for all outputs or one for each, the last dimension.
    ///   - rule: its discretization is not in the gradient, where `delta` is.
    public init(
        bits: Int, lower: [Float], upper: [Float], scale: [Float], weightCount: Int,
        delta: Float = EWGSWeightQuantizer.usualDelta, rule: GradientRule = GradientRule()
    ) {
        precondition((2...7).contains(bits), "weights of EWGS have 2 to 7 bits, not \(bits)")
        precondition(
            lower.count == upper.count && upper.count == scale.count && !lower.isEmpty,
            "\(lower.count), \(upper.count) bounds, \(scale.count) scales")
        self.bits = bits
        self.delta = delta
        self.weightCount = weightCount
        self.rule = rule
        let variables = [lower, upper, scale].map {
            Variable(Tensor(shape: [$0.count], elements: $0), decays: false)
        }
        (self.lower, self.upper, self.scale) = (variables[0], variables[1], variables[2])
    }

    /// Bounds at three deviations of the values that are not zero, and the scale that leaves
    /// weights about what they are.
    /// - Parameters:
    ///   - counts: how many weights each value stands for.
    ///   - isPerOutput: whether each output, the last dimension, gets its own.
    public init(
        bits: Int, fitting values: Tensor, counts: [Int]? = nil, isPerOutput: Bool = false,
        delta: Float = EWGSWeightQuantizer.usualDelta, rule: GradientRule = GradientRule()
    ) {
        let outputs = isPerOutput ? values.shape.last ?? 1 : 1
        var squares = [Double](repeating: 0, count: outputs)
        var count = [Int](repeating: 0, count: outputs)
        for (index, value) in values.elements.enumerated() where value != 0 {
            let weight = counts?[index] ?? 1
            squares[index % outputs] += Double(weight) * Double(value) * Double(value)
            count[index % outputs] += weight
        }
        let upper = zip(squares, count).map { squares, count -> Float in
            let bound = 3 * Float((squares / Double(max(count, 1))).squareRoot())
            return bound > 0 ? bound : 1
        }
        self.init(
            bits: bits, lower: upper.map { -$0 }, upper: upper, scale: upper,
            weightCount: count.reduce(0, +) / outputs, delta: delta, rule: rule)
    }

    private var levels: Float { Float(1 << bits - 1) }

    public func steps(for value: Tensor) -> [Float] {
        scale.value.elements.map { max(abs($0), UniformGrid.smallestStep) / levels }
    }

    public func requireFit(to shape: [Int]) throws(SavedStateError) {
        guard lower.value.count == 1 || shape.last == lower.value.count else {
            throw .wrongShape(
                kind: Self.kind, field: "lower", found: lower.value.shape,
                expected: [shape.last ?? 1])
        }
    }

    public mutating func follow(progress: Float) { rule.progress = progress }

    /// Where weights lie between the bounds.
    private struct Interval {
        let lower: Float
        let width: Float
        let levels: Float

        /// `x` before it is clipped, and the code `L · q`.
        func place(_ weight: Float) -> (x: Float, code: Float) {
            let x = (weight - lower) / width
            return (x, (levels * min(max(x, 0), 1)).rounded(.toNearestOrEven))
        }
    }

    /// One for all outputs or one for each.
    private var intervals: [Interval] {
        zip(lower.value.elements, upper.value.elements).map { lower, upper in
            Interval(
                lower: lower, width: max(upper - lower, UniformGrid.smallestStep), levels: levels)
        }
    }

    public func apply(to value: Tensor, into effective: inout Tensor, threads: Int) {
        let (steps, intervals) = (steps(for: value), intervals)
        value.withUnsafeElements { w in
            effective.withUnsafeMutableElements { result in
                for index in w.indices {
                    let output = index % intervals.count
                    let interval = intervals[output]
                    result[index] =
                        steps[output] * (2 * interval.place(w[index]).code - interval.levels)
                }
            }
        }
    }

    public mutating func backpropagate(
        value: Tensor, effectiveGradient: Tensor, into valueGradient: inout Tensor,
        threads: Int
    ) {
        let (intervals, scales, levels) = (intervals, scale.value.elements.map(abs), levels)
        var surrogate = rule.surrogate
        // There in units of the whole grid.
        surrogate.delta = delta / levels
        // The term of the loss pulls weights; bounds learn from the rest.
        let pull = surrogate.pull
        surrogate.pull = 0
        let zeros = [Double](repeating: 0, count: scales.count)
        var (byLower, byUpper, byScale) = (zeros, zeros, zeros)
        value.withUnsafeElements { w in
            effectiveGradient.withUnsafeElements { gradient in
                valueGradient.withUnsafeMutableElements { result in
                    for index in w.indices {
                        let output = index % intervals.count
                        let interval = intervals[output]
                        let (x, code) = interval.place(w[index])
                        let (u, isInside) = (levels * x, x > 0 && x < 1)
                        byScale[output] += Double(gradient[index] * (2 * code / levels - 1))
                        // ŵ by the weight, as if it were not rounded.
                        let slope = 2 * scales[output] / interval.width
                        let scaled =
                            slope
                            * surrogate.gradient(
                                gradient[index], u: u, code: code, step: 0, isInside: isInside)
                        result[index] = scaled
                        guard isInside else { continue }
                        let step = 2 * scales[output] / levels
                        result[index] += slope * pull * step * (u - code)
                        byUpper[output] -= Double(scaled * x)
                        byLower[output] += Double(scaled * (x - 1))
                    }
                }
            }
        }
        let share = gradientScale
        for output in scales.indices {
            lower.gradient[output] = Float(byLower[output]) * share
            upper.gradient[output] = Float(byUpper[output]) * share
            let sign: Float = scale.value[output] < 0 ? -1 : 1
            scale.gradient[output] = sign * Float(byScale[output]) * share
        }
    }

    /// `1/√(N·L)`
    public var gradientScale: Float {
        UniformGrid(bits: bits, isSigned: false).gradientScale(sharedBy: weightCount)
    }

    public mutating func visitVariables(_ visit: (String, inout Variable) -> Void) {
        visit("lower", &lower)
        visit("upper", &upper)
        visit("scale", &scale)
    }

    public var state: SavedState {
        var state = SavedState(kind: Self.kind)
        state.numbers = [
            "bits": Double(bits), "delta": Double(delta), "weightCount": Double(weightCount),
        ]
        state.tensors = ["lower": lower.value, "upper": upper.value, "scale": scale.value]
        rule.save(in: &state)
        return state
    }

    public init(state: SavedState) throws {
        let lower = try state.tensor("lower").elements
        let others = try ["upper", "scale"].map { name in
            let tensor = try state.tensor(name)
            guard tensor.count == lower.count, !lower.isEmpty else {
                throw SavedStateError.wrongShape(
                    kind: Self.kind, field: name, found: tensor.shape, expected: [lower.count])
            }
            return tensor.elements
        }
        self.init(
            bits: try state.integer("bits", in: 2...7), lower: lower, upper: others[0],
            scale: others[1],
            weightCount: try state.integer("weightCount", in: 0...Int(Int32.max)),
            delta: try state.float("delta", in: 0...1000), rule: try GradientRule(state: state))
    }
}
