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
/// their own. Integers are the odd numbers `−L...L`; 8 bits would not fit `Int8`.
public struct EWGSWeightQuantizer: UniformWeightQuantizer {
    public static let kind = "ewgs-weight-quantizer"
    public static let usualDelta: Float = 1e-3

    /// 2...7
    public let bits: Int
    public let delta: Float
    /// How many weights share the bounds.
    public let weightCount: Int
    /// `[1]` each.
    public private(set) var lower: Variable
    public private(set) var upper: Variable
    /// `[1]`: `σ`; what is used is its absolute value.
    public private(set) var scale: Variable

    public init(
        bits: Int, lower: Float, upper: Float, scale: Float, weightCount: Int,
        delta: Float = EWGSWeightQuantizer.usualDelta
    ) {
        precondition((2...7).contains(bits), "weights of EWGS have 2 to 7 bits, not \(bits)")
        self.bits = bits
        self.delta = delta
        self.weightCount = weightCount
        let variables = [lower, upper, scale].map {
            Variable(Tensor(shape: [1], repeating: $0), decays: false)
        }
        (self.lower, self.upper, self.scale) = (variables[0], variables[1], variables[2])
    }

    /// Bounds at three deviations of the values that are not zero, and the scale that leaves
    /// weights about what they are.
    /// - Parameter counts: how many weights each value stands for.
    public init(
        bits: Int, fitting values: Tensor, counts: [Int]? = nil,
        delta: Float = EWGSWeightQuantizer.usualDelta
    ) {
        var (squares, count) = (0.0, 0)
        for (index, value) in values.elements.enumerated() where value != 0 {
            let weight = counts?[index] ?? 1
            squares += Double(weight) * Double(value) * Double(value)
            count += weight
        }
        let bound = 3 * Float((squares / Double(max(count, 1))).squareRoot())
        let upper = bound > 0 ? bound : 1
        self.init(
            bits: bits, lower: -upper, upper: upper, scale: upper, weightCount: count, delta: delta)
    }

    private var levels: Float { Float(1 << bits - 1) }

    public func steps(for value: Tensor) -> [Float] {
        [max(abs(scale.value[0]), UniformGrid.smallestStep) / levels]
    }

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

    private var interval: Interval {
        let width = max(upper.value[0] - lower.value[0], UniformGrid.smallestStep)
        return Interval(lower: lower.value[0], width: width, levels: levels)
    }

    public func apply(to value: Tensor, into effective: inout Tensor) {
        let (step, interval) = (steps(for: value)[0], interval)
        value.withUnsafeElements { w in
            effective.withUnsafeMutableElements { result in
                for index in w.indices {
                    result[index] = step * (2 * interval.place(w[index]).code - interval.levels)
                }
            }
        }
    }

    public mutating func backpropagate(
        value: Tensor, effectiveGradient: Tensor, into valueGradient: inout Tensor
    ) {
        let (interval, factor, delta) = (interval, 2 * abs(scale.value[0]), delta)
        var (byLower, byUpper, byScale) = (0.0, 0.0, 0.0)
        value.withUnsafeElements { w in
            effectiveGradient.withUnsafeElements { gradient in
                valueGradient.withUnsafeMutableElements { result in
                    for index in w.indices {
                        let (x, code) = interval.place(w[index])
                        let q = code / interval.levels
                        byScale += Double(gradient[index]) * Double(2 * q - 1)
                        let g = x > 0 && x < 1 ? factor * gradient[index] : 0
                        let scaled = (g + delta * abs(g) * (x - q)) / interval.width
                        result[index] = scaled
                        byUpper -= Double(scaled * x)
                        byLower += Double(scaled * (x - 1))
                    }
                }
            }
        }
        let share = gradientScale
        lower.gradient[0] = Float(byLower) * share
        upper.gradient[0] = Float(byUpper) * share
        scale.gradient[0] = scale.value.signOfFirst * Float(byScale) * share
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
        return state
    }

    public init(state: SavedState) throws {
        self.init(
            bits: try state.integer("bits", in: 2...7), lower: try state.scalar("lower"),
            upper: try state.scalar("upper"), scale: try state.scalar("scale"),
            weightCount: try state.integer("weightCount", in: 0...Int(Int32.max)),
            delta: try state.float("delta", in: 0...1000))
    }
}
