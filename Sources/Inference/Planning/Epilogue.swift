import CIntegerKernels
import PackedModel

/// What follows the accumulators of a layer: bytes for the next one, or logits.
///
/// Kernels add bytes `u = q − lowest`, so their accumulators lack `lowest · Σ level`; and they return
/// bytes. Both are moved into the constants, which is exact: adding a multiple of `2^shift` before an
/// arithmetic shift adds the whole number behind it.
///
/// Both are classes: a run counts one reference to them, not one to each of their parts, which took a
/// quarter of the 1.7 µs of LeNet-300-100.
enum Epilogue: Sendable {
    case bytes(ByteEpilogue)
    case logits(LogitEpilogue)

    /// `rule` belongs to the layer's output quantizer and is `nil` without one; `isVector` tells if the
    /// layer reads its whole input.
    init(
        _ layer: PackedLayer, weights: SparseRows, input: PackedQuantizer, bound: Int,
        rule: Requantization?, isVector: Bool
    ) {
        let corrections = (0..<weights.outputs).map { Int(input.lowest) * weights.sum(of: $0) }
        guard let output = layer.output, let rule else {
            self = .logits(
                LogitEpilogue(
                    output: RealOutput(layer, weights: weights, input: input),
                    corrections: corrections.map(Int32.init)))
            return
        }
        self = .bytes(
            ByteEpilogue(
                rule, corrections: corrections, lowest: output.lowest, bound: bound,
                isVector: isVector))
    }
}

extension Epilogue {
    /// Whether the outputs of a layer over planes may come in any order: logits are made of some outputs at a
    /// time.
    var orderIsFree: Bool { if case .bytes = self { true } else { false } }

    /// Whether kernels run an output apart from most others.
    func isApart(_ output: Int) -> Bool {
        guard case .bytes(let epilogue) = self, epilogue.view.most_are_narrow else { return false }
        return epilogue.view.narrow[output].multiplier.0 == 0
    }
}

/// The real outputs of the last layer.
final class LogitEpilogue: Sendable {
    let output: RealOutput
    /// `lowest · Σ level` of each output.
    let corrections: [Int32]

    init(output: RealOutput, corrections: [Int32]) {
        self.output = output
        self.corrections = corrections
    }
}

/// The fixed-point rule from accumulators of bytes to bytes.
final class ByteEpilogue: @unchecked Sendable {
    /// A ``NarrowRule`` and a ``FloatRule`` are in it if there are any.
    let view: cik_epilogue
    /// Outputs.
    let count: Int
    /// Whether each of them has a rule in floats.
    private let allHaveFloats: Bool
    private let buffers: [AlignedBuffer]

    /// `bound` is the largest magnitude of an accumulator.
    init(
        _ rule: Requantization, corrections: [Int], lowest: Int32, bound: Int, isVector: Bool
    ) {
        // |lowest · Σ level| < 2³⁰ by the accumulator's bound and |B| < 2⁶²: the sum fits.
        let constants = rule.constants.indices.map {
            rule.constants[$0] + Int64(corrections[$0]) * Int64(rule.multipliers[$0])
                - rule.byteShift(lowest: lowest)
        }
        let rounding = rule.rounding(lowest: lowest)
        let bits = Self.bits(rule, constants: constants, bound: bound)
        let bytes = rounding.low...rounding.high
        let narrow =
            bits == 16
            ? NarrowRule(
                multipliers: rule.multipliers, constants: constants, shift: rule.shift,
                bytes: bytes, bound: Int64(bound)) : nil
        let float =
            bits == 32 || bits == 16 && isVector
            ? FloatRule(
                multipliers: rule.multipliers, constants: constants, shift: rule.shift,
                bytes: bytes, bound: Int64(bound)) : nil
        var buffers: [AlignedBuffer] = []
        func kept<Number: BitwiseCopyable>(_ numbers: [Number]) -> UnsafePointer<Number> {
            buffers.append(AlignedBuffer(numbers))
            return buffers.last!.pointer(to: Number.self)
        }
        view = cik_epilogue(
            multipliers: kept(rule.multipliers), constants: kept(constants),
            halves: kept(bits == 16 ? Self.halves(rule, constants: constants) : []),
            rounding: rounding, bits: bits,
            narrow: narrow.map { kept($0.outputs) },
            most_are_narrow: narrow?.isNearlyComplete ?? false,
            float_multipliers: float.map { kept($0.multipliers) },
            float_constants: float.map { kept($0.constants) })
        count = constants.count
        allHaveFloats = float?.isComplete ?? false
        self.buffers = buffers
    }

    /// Writes the bytes of one accumulator of each output.
    var each: EachRule {
        EachRule(
            count: count, multipliers: view.multipliers, constants: view.constants,
            floatMultipliers: allHaveFloats ? view.float_multipliers : nil,
            floatConstants: allHaveFloats ? view.float_constants : nil,
            rounding: view.rounding)
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

/// How one accumulator of each output becomes a byte, as numbers and pointers into an epilogue.
struct EachRule {
    var count: Int
    var multipliers: UnsafePointer<Int32>
    var constants: UnsafePointer<Int64>
    var floatMultipliers, floatConstants: UnsafePointer<Float>?
    var rounding: cik_rounding

    func write(
        _ sums: UnsafePointer<Int32>, to bytes: UnsafeMutablePointer<UInt8>,
        _ kernels: UnsafePointer<cik_kernel_set>
    ) {
        if let floatMultipliers, let kernel = kernels.pointee.s32_requantize_floats {
            kernel(sums, count, floatMultipliers, floatConstants, rounding, bytes)
        } else {
            kernels.pointee.s32_requantize_each(
                sums, count, multipliers, constants, rounding, bytes)
        }
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
