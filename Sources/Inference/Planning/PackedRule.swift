import CIntegerKernels
import PackedModel

/// What an operation without weights needs while it runs: its rule for bytes, or its tables.
///
/// Kernels see bytes `u = q − lowest`; what the lowest codes add to a sum is folded into its constant,
/// without any error.
enum PackedRule: Sendable {
    case averaging(multiplier: Int32, constant: Int64, rounding: cik_rounding)
    /// `residual`: the same for a layer that adds to its own bytes, if there is such a rule.
    case addition(
        AlignedBuffer, constant: Int64, rounding: cik_rounding, residual: ResidualRule?)
    case multiplication(
        both: Int64, first: Int64, second: Int64, constant: Int64, rounding: cik_rounding)
    /// One table of 256 bytes for each input; `nil` where it would change nothing.
    case lookup([AlignedBuffer?])

    /// The rule of node `index`, if it is one of these.
    init?(node index: Int, of checked: CheckedModel) throws(EngineError) {
        let node = checked.model.nodes[index]
        let grids = checked.inputs(of: index).compactMap(\.quantizer)
        switch node.operation {
        case .function(let function, let output):
            self = .lookup([Self.table(function, from: grids[0], to: output!)])
        case .concatenation(let output):
            self = .lookup(grids.map { Self.table(.identity, from: $0, to: output!) })
        case .averagePooling, .add, .multiply:
            let rule = try checked.requantization(of: index)!
            let output = checked.values[index + 1].quantizer!
            let readsLayer = node.inputs.contains { $0 > 0 && checked.weights[$0 - 1] != nil }
            self.init(
                node.operation, rule, from: grids, to: output.lowest, mayBeResidual: readsLayer)
        default:
            return nil
        }
    }

    private init(
        _ operation: PackedOperation, _ rule: Requantization, from grids: [PackedQuantizer],
        to low: Int32, mayBeResidual: Bool
    ) {
        let lowest = grids.map { Int64($0.lowest) }
        let multipliers = rule.multipliers.map(Int64.init)
        let constant = rule.constants[0] - rule.byteShift(lowest: low)
        let rounding = rule.rounding(lowest: low)
        switch operation {
        case .averagePooling(let window, _):
            let count = Int64(window.kernel[0] * window.kernel[1])
            self = .averaging(
                multiplier: rule.multipliers[0],
                constant: constant + count * lowest[0] * multipliers[0], rounding: rounding)
        case .add:
            let sum = zip(lowest, multipliers).reduce(constant) { $0 + $1.0 * $1.1 }
            self = .addition(
                AlignedBuffer(rule.multipliers), constant: sum, rounding: rounding,
                residual: mayBeResidual
                    ? ResidualRule(
                        multipliers: multipliers, constant: sum + 1 << Int64(rule.shift - 1),
                        shift: Int64(rule.shift), bytes: rounding.low...rounding.high,
                        highest: grids.map { Int64($0.highest - $0.lowest) })
                    : nil)
        default:
            let (both, first, second) = (multipliers[0], multipliers[1], multipliers[2])
            self = .multiplication(
                both: both, first: first + lowest[1] * both, second: second + lowest[0] * both,
                constant: constant + lowest[0] * lowest[1] * both + lowest[0] * first
                    + lowest[1] * second,
                rounding: rounding)
        }
    }

    /// A table of bytes, filled up to 256; `nil` if every byte stands for itself.
    private static func table(
        _ function: PackedActivation, from input: PackedQuantizer, to output: PackedQuantizer
    ) -> AlignedBuffer? {
        let bytes = function.table(from: input, to: output).map { UInt8($0 - output.lowest) }
        let isIdentity = bytes.enumerated().allSatisfy { $0.offset == Int($0.element) }
        if isIdentity { return nil }
        return AlignedBuffer(bytes + [UInt8](repeating: 0, count: 256 - bytes.count))
    }
}
