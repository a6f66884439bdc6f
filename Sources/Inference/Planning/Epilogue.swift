import CIntegerKernels
import PackedModel

/// What follows the accumulators of a layer: bytes for the next one, or logits.
///
/// Kernels add bytes `u = q − lowest`, so their accumulators lack `lowest · Σ level`; and they return
/// bytes. Both are moved into the constants, which is exact: adding a multiple of `2^shift` before an
/// arithmetic shift adds the whole number behind it.
enum Epilogue: Sendable {
    case bytes(ByteEpilogue)
    /// `corrections[output]` is `lowest · Σ level`.
    case logits(RealOutput, corrections: [Int32])

    /// `rule` belongs to the layer's output quantizer and is `nil` without one.
    init(
        _ layer: PackedLayer, weights: SparseRows, input: PackedQuantizer, bound: Int,
        rule: Requantization?
    ) {
        let corrections = (0..<weights.outputs).map { Int(input.lowest) * weights.sum(of: $0) }
        guard let output = layer.output, let rule else {
            self = .logits(
                RealOutput(layer, weights: weights, input: input),
                corrections: corrections.map(Int32.init))
            return
        }
        self = .bytes(
            ByteEpilogue(rule, corrections: corrections, lowest: output.lowest, bound: bound))
    }
}

/// The fixed-point rule from accumulators of bytes to bytes.
struct ByteEpilogue: Sendable {
    private let multiplierBuffer: AlignedBuffer
    private let constantBuffer: AlignedBuffer
    private let halfBuffer: AlignedBuffer
    /// Multipliers and constants of a ``NarrowRule``, if there is one.
    private let narrow: (multipliers: AlignedBuffer, constants: AlignedBuffer, shift: Int32)?
    /// Those of a ``FloatRule``.
    private let float: (multipliers: AlignedBuffer, constants: AlignedBuffer)?
    let rounding: cik_rounding
    /// Bits that the rule can be computed in, as `cik_epilogue` defines them.
    let bits: Int32
    /// Outputs.
    let count: Int

    /// One for each output.
    var multipliers: UnsafePointer<Int32> { multiplierBuffer.pointer(to: Int32.self) }
    var constants: UnsafePointer<Int64> { constantBuffer.pointer(to: Int64.self) }

    var view: cik_epilogue {
        cik_epilogue(
            multipliers: multipliers, constants: constants,
            halves: halfBuffer.pointer(to: Int32.self), rounding: rounding, bits: bits,
            narrow_multipliers: narrow?.multipliers.pointer(to: Int16.self),
            narrow_constants: narrow?.constants.pointer(to: Int32.self),
            narrow_shift: narrow?.shift ?? 0,
            float_multipliers: float?.multipliers.pointer(to: Float.self),
            float_constants: float?.constants.pointer(to: Float.self))
    }

    /// `bound` is the largest magnitude of an accumulator.
    init(_ rule: Requantization, corrections: [Int], lowest: Int32, bound: Int) {
        // |lowest · Σ level| < 2³⁰ by the accumulator's bound and |B| < 2⁶²: the sum fits.
        let constants = rule.constants.indices.map {
            rule.constants[$0] + Int64(corrections[$0]) * Int64(rule.multipliers[$0])
                - rule.byteShift(lowest: lowest)
        }
        count = constants.count
        multiplierBuffer = AlignedBuffer(rule.multipliers)
        constantBuffer = AlignedBuffer(constants)
        rounding = rule.rounding(lowest: lowest)
        bits = Self.bits(rule, constants: constants, bound: bound)
        halfBuffer = AlignedBuffer(bits == 16 ? Self.halves(rule, constants: constants) : [])
        let bytes = rounding.low...rounding.high
        let (multipliers, shift) = (rule.multipliers, rule.shift)
        let narrow =
            bits == 16
            ? NarrowRule(
                multipliers: multipliers, constants: constants, shift: shift, bytes: bytes,
                bound: Int64(bound)) : nil
        let float =
            bits == 32
            ? FloatRule(
                multipliers: multipliers, constants: constants, shift: shift, bytes: bytes,
                bound: Int64(bound)) : nil
        self.narrow = narrow.map {
            (AlignedBuffer($0.multipliers), AlignedBuffer($0.constants), $0.shift)
        }
        self.float = float.map { (AlignedBuffer($0.multipliers), AlignedBuffer($0.constants)) }
    }

    /// `[outputs, 4]`: multipliers and constants in halves, as `cik_epilogue` wants them.
    private static func halves(_ rule: Requantization, constants: [Int64]) -> [Int32] {
        let half = Int64(1) << Int64(rule.shift - 1)
        var halves: [Int32] = []
        for (multiplier, constant) in zip(rule.multipliers, constants) {
            let sum = constant + half
            halves.append(((multiplier + 0x8000) >> 16) & 0xffff)
            halves.append(multiplier & 0xffff)
            halves.append(Int32(sum >> 16))
            halves.append(Int32(sum & 0xffff))
        }
        return halves
    }

    private static func bits(_ rule: Requantization, constants: [Int64], bound: Int) -> Int32 {
        let half = Int64(1) << Int64(rule.shift - 1)
        let largestConstant = constants.lazy.map { $0.magnitude }.max() ?? 0
        let largestMultiplier = rule.multipliers.lazy.map { $0.magnitude }.max() ?? 0
        let constant = largestConstant + half.magnitude
        if bound <= Int16.max, rule.shift >= 16, constant < 1 << 46, largestMultiplier < 0x7fff_8000
        {
            return 16
        }
        // Both are below 2^62 and 2^63.
        let sum = UInt64(bound) * UInt64(largestMultiplier) + constant
        return sum >> UInt64(rule.shift) < Int32.max ? 32 : 64
    }
}

extension Requantization {
    /// The rule for bytes `code − lowest`; its constant has to be lowered by ``byteShift(lowest:)``.
    func rounding(lowest: Int32) -> cik_rounding {
        cik_rounding(shift: shift, low: low - lowest, high: high - lowest)
    }

    /// What `lowest` codes are worth in a sum.
    func byteShift(lowest: Int32) -> Int64 { Int64(lowest) << Int64(shift) }
}
