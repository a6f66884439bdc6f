/// A rule from accumulators to bytes as one fused multiply-add of floats:
/// `⌊acc · m + c⌋`, which for every accumulator that can come is the byte that the exact rule gives.
///
/// A fused multiply-add rounds once, and rounding never turns an order around. So both rules are
/// monotone, and it is enough that they agree on the two accumulators about each step from a byte to
/// the next. Where they do not, constants beside the rounded one are tried.
package struct FloatRule: Sendable {
    /// One for each output.
    package let multipliers: [Float]
    package let constants: [Float]

    /// Steps of an output that are looked at; with more, of 8-bit results, floats hardly ever do.
    private static let mostSteps = 63
    private static let mostTries = 16
    /// Floats hold every accumulator up to this.
    private static let largestBound: Int64 = 1 << 24

    /// - Parameters:
    ///   - constants: `B` of the exact rule for each output, for bytes, without the half of the rounding.
    ///   - bytes: what results are cut to.
    ///   - bound: the largest magnitude of an accumulator.
    /// - Returns: `nil` if an output has no such rule.
    package init?(
        multipliers: [Int32], constants: [Int64], shift: Int32, bytes: ClosedRange<Int32>,
        bound: Int64
    ) {
        guard bytes.count <= Self.mostSteps + 1, bound <= Self.largestBound,
            constants.allSatisfy({ $0.magnitude < 1 << 60 })
        else { return nil }
        let unit = Double(sign: .plus, exponent: -Int(shift), significand: 1)
        let half = Int64(1) << Int64(shift - 1)
        var found: (multipliers: [Float], constants: [Float]) = ([], [])
        for (multiplier, constant) in zip(multipliers, constants) {
            let float = Float(Double(multiplier.magnitude) * unit)
            let rounded = Float(Double(constant + half) * unit)
            let steps = ((bytes.lowerBound + 1)..<(bytes.upperBound + 1)).map { byte in
                Step(
                    byte,
                    ExactStep(
                        to: Int64(byte), multiplier: Int64(multiplier.magnitude),
                        constant: constant + half, shift: Int64(shift), bound: bound))
            }
            let grain = max(abs(rounded), Float(bytes.upperBound)).ulp / 2
            let tries = -Self.mostTries...Self.mostTries
            let candidates = tries.sorted { abs($0) < abs($1) }.lazy.map { index -> Float in
                rounded + grain * Float(index)
            }
            guard
                let constant = candidates.first(where: { candidate in
                    steps.allSatisfy { $0.isMet(multiplier: float, constant: candidate) }
                })
            else { return nil }
            found.multipliers.append(multiplier < 0 ? -float : float)
            found.constants.append(constant)
        }
        self.multipliers = found.multipliers
        self.constants = found.constants
    }

    /// The accumulators about the step to a byte.
    private struct Step {
        let byte: Float
        let lastBelow: Float?
        let first: Float?

        init(_ byte: Int32, _ step: ExactStep) {
            self.byte = Float(byte)
            lastBelow = step.lastBelow.map { Float($0) }
            first = step.first.map { Float($0) }
        }

        func isMet(multiplier: Float, constant: Float) -> Bool {
            if let lastBelow, constant.addingProduct(lastBelow, multiplier) >= byte { return false }
            if let first, constant.addingProduct(first, multiplier) < byte { return false }
            return true
        }
    }
}
