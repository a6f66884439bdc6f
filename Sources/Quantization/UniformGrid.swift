import CFloatKernels
import Tensors

/// The values that a uniform quantizer can represent: `step · code + offset` for `code` in
/// `lowest...highest`.
public struct UniformGrid: Sendable, Equatable {
    /// The smallest step in use, so that no learned step divides by zero.
    public static let smallestStep = Float.ulpOfOne

    /// Positive.
    public var step: Float
    public var offset: Float
    /// Whole numbers.
    public var lowest: Float
    public var highest: Float

    /// A grid of 2...16 bits: `-2^(bits-1)...2^(bits-1)-1` if signed, else `0...2^bits-1`. A narrow
    /// signed one leaves out the lowest code and so is symmetric.
    public init(
        bits: Int, isSigned: Bool, isNarrow: Bool = false, step: Float = 1, offset: Float = 0
    ) {
        precondition((2...16).contains(bits), "a code has 2 to 16 bits, not \(bits)")
        self.step = max(abs(step), Self.smallestStep)
        self.offset = offset
        highest = Float(isSigned ? 1 << (bits - 1) - 1 : 1 << bits - 1)
        lowest = isSigned ? (isNarrow ? -highest : -highest - 1) : 0
    }

    /// The factor that balances the gradient of a step with those of the weights, `1/√(N·p)` for a
    /// step that `count` elements share and the highest code `p` (Esser et al. 2020, §2.2).
    public func gradientScale(sharedBy count: Int) -> Float {
        1 / (Float(max(count, 1)) * highest).squareRoot()
    }

    /// The code of each element: `round(clip((x − offset) / step))`, ties to even.
    public func codes(of values: Tensor) -> [Int32] {
        values.withUnsafeElements { x in
            [Int32](unsafeUninitializedCapacity: x.count) { codes, count in
                count = x.count
                cfk_quantization_codes(
                    cfk_best_isa(), kernelGrid, x.baseAddress, codes.baseAddress, Int64(x.count))
            }
        }
    }

    var kernelGrid: cfk_grid {
        cfk_grid(step: step, offset: offset, lowest: lowest, highest: highest)
    }
}
