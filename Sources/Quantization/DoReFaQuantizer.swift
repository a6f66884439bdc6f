import Foundation
import Networks
import Tensors

/// Rounds weights by DoReFa (Zhou et al. 2016, arXiv 1606.06160, eq. 9): the hyperbolic tangent
/// brings them into −1...1, where `2^bits` levels lie evenly and none of them is zero.
///
///     ŵ = m · (2 · round(L · (tanh(w) / (2·M) + ½)) / L − 1)      L = 2^bits − 1, M = max|tanh(w)|
///     ∂ŵ/∂w = m · (1 − tanh²(w)) / M                              M held
///
/// In the paper `m` is 1, and batch normalization takes up the scale. With `keepsScale` it is `M`,
/// so that a trained network stays about what it was; then each output can have an `M` of its own.
/// Rounding can have another slope than 1. Integers are the odd numbers `−L...L`; 8 bits would not fit
/// `Int8`.
public struct DoReFaWeightQuantizer: UniformWeightQuantizer {
    public static let kind = "dorefa-weight-quantizer"

    /// 2...7
    public let bits: Int
    public let keepsScale: Bool
    /// Whether `M` is that of each output, the last dimension of the weights.
    public let isPerOutput: Bool
    public var rule: GradientRule

    public init(
        bits: Int, keepsScale: Bool = true, isPerOutput: Bool = false,
        rule: GradientRule = GradientRule()
    ) {
        precondition((2...7).contains(bits), "weights of DoReFa have 2 to 7 bits, not \(bits)")
        self.bits = bits
        precondition(keepsScale || !isPerOutput, "outputs differ in the scale that is left out")
        self.keepsScale = keepsScale
        self.isPerOutput = isPerOutput
        self.rule = rule
    }

    private var levels: Float { Float(1 << bits - 1) }

    public func steps(for value: Tensor) -> [Float] {
        keepsScale ? bounds(value).map { $0 / levels } : [1 / levels]
    }

    public mutating func follow(progress: Float) { rule.progress = progress }

    /// `max|tanh(w)|`, positive: `[1]` or `[outputs]`.
    private func bounds(_ value: Tensor) -> [Float] {
        let outputs = isPerOutput ? value.shape.last ?? 1 : 1
        var most = [Float](repeating: 0, count: outputs)
        value.withUnsafeElements { w in
            for index in w.indices {
                most[index % outputs] = max(most[index % outputs], abs(w[index]))
            }
        }
        return most.map { max(tanh($0), UniformGrid.smallestStep) }
    }

    /// `L · (tanh(w) / (2·M) + ½)`
    @inline(__always)
    private func place(_ tangent: Float, _ bound: Float) -> Float {
        levels * (tangent / (2 * bound) + 0.5)
    }

    public func apply(to value: Tensor, into effective: inout Tensor, threads: Int) {
        let (levels, bounds, steps) = (levels, bounds(value), steps(for: value))
        value.withUnsafeElements { w in
            effective.withUnsafeMutableElements { result in
                for index in w.indices {
                    let output = index % bounds.count
                    let code = place(tanh(w[index]), bounds[output]).rounded(.toNearestOrEven)
                    result[index] = steps[output] * (2 * code - levels)
                }
            }
        }
    }

    public func backpropagate(
        value: Tensor, effectiveGradient: Tensor, into valueGradient: inout Tensor,
        threads: Int
    ) {
        let (bounds, steps, surrogate) = (bounds(value), steps(for: value), rule.surrogate)
        value.withUnsafeElements { w in
            effectiveGradient.withUnsafeElements { gradient in
                valueGradient.withUnsafeMutableElements { result in
                    for index in w.indices {
                        let (t, output) = (tanh(w[index]), index % bounds.count)
                        let u = place(t, bounds[output])
                        let rounded = surrogate.gradient(
                            gradient[index], u: u, code: u.rounded(.toNearestOrEven),
                            step: 2 * steps[output], isInside: true)
                        let scale = keepsScale ? 1 : 1 / bounds[output]
                        result[index] = rounded * (1 - t * t) * scale
                    }
                }
            }
        }
    }

    public var state: SavedState {
        var state = SavedState(kind: Self.kind)
        state.numbers = [
            "bits": Double(bits), "keepsScale": keepsScale ? 1 : 0,
            "isPerOutput": isPerOutput ? 1 : 0,
        ]
        rule.save(in: &state)
        return state
    }

    public init(state: SavedState) throws {
        let keepsScale = try state.integer("keepsScale", in: 0...1) == 1
        // Older checkpoints say nothing of it.
        let isPerOutput =
            state.numbers["isPerOutput"] == nil
            ? false : try state.integer("isPerOutput", in: 0...(keepsScale ? 1 : 0)) == 1
        self.init(
            bits: try state.integer("bits", in: 2...7), keepsScale: keepsScale,
            isPerOutput: isPerOutput, rule: try GradientRule(state: state))
    }
}

extension ActivationQuantizer {
    /// DoReFa's: the grid from 0 to 1, and nothing to learn.
    public static func doReFa(
        bits: Int, rule: GradientRule = GradientRule()
    ) -> ActivationQuantizer {
        let grid = UniformGrid(bits: bits, isSigned: false)
        return ActivationQuantizer(
            bits: bits, scheme: .unsignedSymmetric, step: 1 / grid.highest, isLearned: false,
            rule: rule)
    }
}
