import CFloatKernels
import Foundation

/// How gradients pass a uniform quantizer: what the backward pass takes rounding for, and what the
/// step learns from. The forward pass rounds hard under every rule.
///
/// Each part can be chosen alone, for weights and for activations of any grid. The rule of a new
/// quantizer is that of LSQ (Esser et al. 2020, arXiv 1902.08153).
public struct GradientRule: Sendable, Equatable {
    public var rounding = Rounding.straightThrough
    public var discretization = Discretization.ignored
    public var step = StepGradient.learned
    /// Whether values outside the grid get the whole gradient, as LLSQ has it for weights.
    public var passesOutside = false
    /// The share of the training that is done, by which schedules go.
    public var progress: Float = 0

    /// The slope of rounding.
    public enum Rounding: Sendable, Equatable {
        /// 1 everywhere inside.
        case straightThrough
        /// That of the arctangent soft round `r(u) = ⌊u⌋ + ½ + atan(k·d) / (2·atan(k/2))` with `d
        /// = u − ⌊u⌋ − ½`. Its mean over a bin is 1; it is largest at the thresholds and nowhere
        /// zero. With a tail, values outside get a slope as well, which falls with the square of
        /// their distance; step and offset do not see the tail.
        case arctangent(slope: Schedule, hasTail: Bool)
    }

    /// What becomes of the distance between a value and its code.
    public enum Discretization: Sendable, Equatable {
        case ignored
        /// The gradient `g` becomes `g · (1 + δ · sign(g) · (u − code))`: larger where it moves
        /// the value towards the threshold ahead (Lee et al. 2021, arXiv 2104.00903, there in
        /// units of the whole grid).
        case inGradient(Float)
        /// The loss has a term `λ · Σ (x − x̂)²` over what is inside, with the codes held. It pulls
        /// values to their codes: dampening (Nagel et al. 2022, arXiv 2203.11086).
        case inLoss(Schedule)
    }

    /// What the step learns from.
    public enum StepGradient: Sendable, Equatable {
        /// The gradient of the loss.
        case learned
        /// The direction in which the squared error of the grid falls.
        case simulated(Amplitude, Probe)
    }

    /// The size of a simulated gradient of a step `s`.
    public enum Amplitude: String, Sendable, CaseIterable {
        /// `s²`: LLSQ (Zhao et al. 2020).
        case squaredStep
        /// `s · ‖∂L/∂x‖ / ‖x‖`: the step moves relatively as fast as the values, which is the aim
        /// of the gradient scale of LSQ.
        case balanced
        /// That of the learned gradient.
        case learned
    }

    /// How the direction of a simulated gradient is found: by the errors at the step, and at the
    /// step divided by and times a ratio.
    public struct Probe: Sendable, Equatable {
        public var ratio: Float = 2
        /// Training steps between two probes; the direction stays meanwhile.
        public var interval = 10
        /// Values that are looked at.
        public var sampleSize = 1 << 16

        public init(ratio: Float = 2, interval: Int = 10, sampleSize: Int = 1 << 16) {
            precondition(ratio > 1 && interval > 0 && sampleSize > 0, "a probe that finds nothing")
            self.ratio = ratio
            self.interval = interval
            self.sampleSize = sampleSize
        }
    }

    /// LSQ and LSQ+.
    public init() {}

    /// LLSQ (Zhao et al. 2020), which probes at every training step.
    public static func llsq(forWeights isForWeights: Bool) -> GradientRule {
        var rule = GradientRule()
        rule.step = .simulated(.squaredStep, Probe(interval: 1))
        rule.passesOutside = isForWeights
        return rule
    }

    /// In the manner of LG-LSQ (Lin et al. 2022, arXiv 2202.09009). Its formulas are not public;
    /// this reconstructs them from the abstract: an arctangent soft round, a term that minimizes
    /// the discretization error, and a scaled simulated gradient of the step.
    ///
    /// The second part is for weights alone: it pulls values towards their codes, and those behind ReLU
    /// are above theirs in the bin of zero, where most of them are. Steps that follow the squared
    /// error shrink with them; half a ResNet-20 lost 20 points in two epochs at 4 bits, and none without.
    public static func lgLSQStyle(forWeights isForWeights: Bool) -> GradientRule {
        var rule = GradientRule()
        rule.rounding = .arctangent(slope: 4, hasTail: false)
        if isForWeights { rule.discretization = .inGradient(0.2) }
        rule.step = .simulated(.balanced, Probe())
        return rule
    }

    /// Whether its gradients or sums are others than the straight-through kernels compute.
    var needsSurrogate: Bool {
        if case .simulated(.balanced, _) = step { return true }
        return rounding != .straightThrough || discretization != .ignored || passesOutside
    }

    /// Whether anything about it changes with the progress.
    public var isScheduled: Bool {
        if case .arctangent(let slope, _) = rounding, !slope.isConstant { return true }
        if case .inLoss(let weight) = discretization { return !weight.isConstant }
        return false
    }

    /// The rule at the present progress, for kernels.
    var surrogate: cfk_surrogate {
        var surrogate = cfk_surrogate(
            slope: 0, gain: 1, delta: 0, pull: 0, has_tail: 0,
            passes_outside: passesOutside ? 1 : 0)
        if case .arctangent(let schedule, let hasTail) = rounding {
            let slope = schedule.value(at: progress)
            surrogate.slope = slope
            surrogate.gain = slope > 0 ? slope / (2 * atan(slope / 2)) : 1
            surrogate.has_tail = hasTail ? 1 : 0
        }
        switch discretization {
        case .ignored: break
        case .inGradient(let delta): surrogate.delta = delta
        case .inLoss(let weight): surrogate.pull = 2 * weight.value(at: progress)
        }
        return surrogate
    }
}

/// A number that goes from one value to another while a network is trained.
public struct Schedule: Sendable, Equatable, ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral
{
    public var first: Float
    public var last: Float
    /// The share of the training before it starts to change.
    public var start: Float

    public init(from first: Float, to last: Float, start: Float = 0) {
        self.first = first
        self.last = last
        self.start = start
    }

    /// The same all the time.
    public init(_ value: Float) { self.init(from: value, to: value) }
    public init(floatLiteral value: Float) { self.init(value) }
    public init(integerLiteral value: Int) { self.init(Float(value)) }

    public var isConstant: Bool { first == last }

    /// Half a wave of the cosine, from `start` to the end of the training.
    public func value(at progress: Float) -> Float {
        if isConstant { return first }
        let share = min(max((progress - start) / max(1 - start, .ulpOfOne), 0), 1)
        return first + (last - first) * (1 - cos(.pi * share)) / 2
    }
}
