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
/// so that a trained network stays about what it was. Integers are the odd numbers `−L...L`; 8
/// bits would not fit `Int8`.
public struct DoReFaWeightQuantizer: UniformWeightQuantizer {
    public static let kind = "dorefa-weight-quantizer"

    /// 2...7
    public let bits: Int
    public let keepsScale: Bool

    public init(bits: Int, keepsScale: Bool = true) {
        precondition((2...7).contains(bits), "weights of DoReFa have 2 to 7 bits, not \(bits)")
        self.bits = bits
        self.keepsScale = keepsScale
    }

    private var levels: Float { Float(1 << bits - 1) }

    public func steps(for value: Tensor) -> [Float] {
        [(keepsScale ? Self.bound(value) : 1) / levels]
    }

    /// `max|tanh(w)|`, positive.
    private static func bound(_ value: Tensor) -> Float {
        let most = value.withUnsafeElements { $0.reduce(0) { max($0, abs($1)) } }
        return max(tanh(most), UniformGrid.smallestStep)
    }

    public func apply(to value: Tensor, into effective: inout Tensor) {
        let (levels, bound, step) = (levels, Self.bound(value), steps(for: value)[0])
        value.withUnsafeElements { w in
            effective.withUnsafeMutableElements { result in
                for index in w.indices {
                    let place = tanh(w[index]) / (2 * bound) + 0.5
                    let code = (levels * place).rounded(.toNearestOrEven)
                    result[index] = step * (2 * code - levels)
                }
            }
        }
    }

    public func backpropagate(
        value: Tensor, effectiveGradient: Tensor, into valueGradient: inout Tensor
    ) {
        let scale = keepsScale ? 1 : 1 / Self.bound(value)
        value.withUnsafeElements { w in
            effectiveGradient.withUnsafeElements { gradient in
                valueGradient.withUnsafeMutableElements { result in
                    for index in w.indices {
                        let t = tanh(w[index])
                        result[index] = gradient[index] * (1 - t * t) * scale
                    }
                }
            }
        }
    }

    public var state: SavedState {
        var state = SavedState(kind: Self.kind)
        state.numbers = ["bits": Double(bits), "keepsScale": keepsScale ? 1 : 0]
        return state
    }

    public init(state: SavedState) throws {
        self.init(
            bits: try state.integer("bits", in: 2...7),
            keepsScale: try state.integer("keepsScale", in: 0...1) == 1)
    }
}

extension ActivationQuantizer {
    /// DoReFa's: the grid from 0 to 1, and nothing to learn.
    public static func doReFa(bits: Int) -> ActivationQuantizer {
        let grid = UniformGrid(bits: bits, isSigned: false)
        return ActivationQuantizer(
            bits: bits, scheme: .unsignedSymmetric, step: 1 / grid.highest, isLearned: false)
    }
}
