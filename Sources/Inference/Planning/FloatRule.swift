/// A rule from accumulators to bytes as one fused multiply-add of floats:
/// `⌊acc · m + c⌋`, which for every accumulator that can come is the byte that the exact rule gives.
///
/// A fused multiply-add rounds once, and rounding never turns an order around. So both rules are
/// monotone, and it is enough that they agree on the two accumulators about each step from a byte to
/// the next. Where they do not, numbers beside the rounded ones are tried: for accumulators up to 1.3
/// million and 16 bytes, as in a first layer, that finds 98 % of the rules.
package struct FloatRule: Sendable {
    /// One for each output; 0 for an output that has no such rule.
    package let multipliers: [Float]
    package let constants: [Float]

    /// Whether all outputs have one.
    package var isComplete: Bool { multipliers.allSatisfy { $0 != 0 } }

    /// Steps of an output that are looked at; with more, of 8-bit results, floats hardly ever do.
    private static let mostSteps = 63
    private static let mostTries = 16
    /// Floats hold every accumulator up to this.
    private static let largestBound: Int64 = 1 << 24
    /// Results stay below it, far from where a conversion to 32 bits overflows.
    private static let largestResult: Float = 0x1p30

    /// - Parameters:
    ///   - constants: `B` of the exact rule for each output, for bytes, without the half of the rounding.
    ///   - bytes: what results are cut to.
    ///   - bound: the largest magnitude of an accumulator.
    /// - Returns: `nil` if most outputs have no such rule.
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
            let nearest = Float(Double(multiplier.magnitude) * unit)
            let rounded = Float(Double(constant + half) * unit)
            let steps = ((bytes.lowerBound + 1)..<(bytes.upperBound + 1)).map { byte in
                Step(
                    byte,
                    ExactStep(
                        to: Int64(byte), multiplier: Int64(multiplier.magnitude),
                        constant: constant + half, shift: Int64(shift), bound: bound))
            }
            let grain = max(abs(rounded), Float(bytes.upperBound)).ulp / 2
            let (above, below) = (nearest.nextUp, nearest.nextDown)
            // 0 stands for no rule: an output without weights has a multiplier too small to change sums.
            let multipliers =
                nearest == 0
                ? [Float.leastNormalMagnitude]
                : [nearest, above, below, above.nextUp, below.nextDown]
            let tries = (-Self.mostTries...Self.mostTries).sorted { abs($0) < abs($1) }
            let candidates = multipliers.lazy.flatMap { multiplier in
                tries.lazy.map { (multiplier, rounded + grain * Float($0)) }
            }
            let (float, constant) =
                candidates.first { float, constant in
                    Float(bound) * float + abs(constant) < Self.largestResult
                        && steps.allSatisfy { $0.isMet(multiplier: float, constant: constant) }
                } ?? (0, 0)
            found.multipliers.append(multiplier < 0 ? -float : float)
            found.constants.append(constant)
        }
        guard found.multipliers.count(where: { $0 != 0 }) * 2 > multipliers.count else {
            return nil
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
