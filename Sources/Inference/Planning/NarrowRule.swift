import CIntegerKernels

/// Rules from accumulators to bytes in 16 bits (`cik_narrow_rule`), which for every accumulator that can
/// come give the bytes of the exact rules.
///
/// Shifted at once or in two steps, a number is the same; so with `p = 15 + shift` such a rule is
///
///     (acc · m + k) >> p,   k = addend · m + 2¹⁴ + constant · 2¹⁵
///
/// Both are monotone, so it is enough that they agree about each step from a byte to the next. With `a`
/// the first accumulator behind a step to byte `b`, that is
///
///     b · 2ᵖ − a · m  <=  k  <  b · 2ᵖ − (a − 1) · m
///
/// The steps of one output together leave a range of `k`, or none: then the multipliers beside the rounded
/// one are tried. In a range there is a `k` that some addend and constant make: the fractions that
/// multiples of `m` leave over 2¹⁵ are spread evenly. Of outputs of 4 bits 99 % have such a rule, of
/// 6 bits 70 %.
package struct NarrowRule: Sendable {
    /// One for each output; with a multiplier of 0 for an output that has none.
    package let outputs: [cik_narrow_rule]

    /// Whether so many outputs have one that a kernel may run the others apart.
    package var isNearlyComplete: Bool {
        outputs.count { $0.multiplier.0 == 0 } * 16 <= outputs.count
    }

    /// Steps of an output that are looked at; with more, of 8-bit results, 16 bits hardly ever do.
    private static let mostSteps: Int64 = 63
    private static let mostTries: Int64 = 3
    private static let mostAddend: Int64 = 255

    /// - Parameters:
    ///   - constants: `B` of the exact rule for each output, for bytes, without the half of the rounding.
    ///   - bytes: what results are cut to.
    ///   - bound: the largest magnitude of an accumulator, at most 2¹⁵ − 1.
    /// - Returns: `nil` if most outputs have no such rule.
    package init?(
        multipliers: [Int32], constants: [Int64], shift: Int32, bytes: ClosedRange<Int32>,
        bound: Int64
    ) {
        let (lowest, highest) = (Int64(bytes.lowerBound), Int64(bytes.upperBound))
        guard highest - lowest <= Self.mostSteps else { return nil }
        let half = Int64(1) << Int64(shift - 1)
        outputs = zip(multipliers, constants).map { multiplier, constant in
            let steps = ((lowest + 1)..<(highest + 1)).map { byte in
                ExactStep(
                    to: byte, multiplier: abs(Int64(multiplier)), constant: constant + half,
                    shift: Int64(shift), bound: bound)
            }
            return Self.output(
                multiplier: Int64(multiplier), shift: Int64(shift), steps: steps, lowest: lowest,
                bound: bound)
        }
        guard outputs.count(where: { $0.multiplier.0 != 0 }) * 2 > outputs.count else { return nil }
    }

    /// The rule of one output, with steps to the bytes behind `lowest`.
    private static func output(
        multiplier: Int64, shift: Int64, steps: [ExactStep], lowest: Int64, bound: Int64
    ) -> cik_narrow_rule {
        let exact = abs(multiplier)
        let sign: Int64 = multiplier < 0 ? -1 : 1
        // The highest byte has to be below 2^15; with it the shift is the largest for which the
        // multiplier fits 16 bits.
        var inner = Int64(15)
        while (lowest + Int64(steps.count)) << inner > Int16.max
            || scaled(exact, by: 15 + inner - shift) > Int64(Int16.max) - mostTries
        {
            inner -= 1
            if inner < 0 { return cik_narrow_rule() }
        }
        let rounded = scaled(exact, by: 15 + inner - shift)
        for attempt in 0...2 * mostTries {
            let candidate = max(rounded, 1) + (attempt % 2 == 0 ? 1 : -1) * ((attempt + 1) / 2)
            guard candidate > 0 else { continue }
            // What constants can make.
            var (least, most) = (Int64(Int16.min) << 15, Int64(Int16.max) << 15)
            for (number, step) in steps.enumerated() {
                let start = (lowest + Int64(number) + 1) << (15 + inner)
                if let first = step.first { least = max(least, start - first * candidate) }
                if let last = step.lastBelow { most = min(most, start - last * candidate - 1) }
            }
            guard least <= most,
                let sum = sum(in: least...most, multiplier: sign * candidate, bound: bound)
            else { continue }
            let (addend, constant) = (Int16(sum.addend), Int16(sum.constant))
            let multiplier = Int16(sign * candidate)
            return cik_narrow_rule(
                addend: (addend, addend), multiplier: (multiplier, multiplier),
                constant: (constant, constant),
                sum: Int32(sum.addend * sign * candidate + 1 << 14 + sum.constant << 15),
                shift: Int32(inner))
        }
        return cik_narrow_rule()
    }

    /// `number · 2^exponent`, rounded.
    private static func scaled(_ number: Int64, by exponent: Int64) -> Int64 {
        exponent >= 0 ? number << exponent : (number + 1 << (-exponent - 1)) >> -exponent
    }

    /// The smallest addend with a constant whose sum is in a range, as the type says it.
    private static func sum(
        in range: ClosedRange<Int64>, multiplier: Int64, bound: Int64
    ) -> (addend: Int64, constant: Int64)? {
        for addend in 0...min(mostAddend, Int64(Int16.max) - bound) {
            for addend in addend == 0 ? [0] : [addend, -addend] {
                let rest = addend * multiplier + 1 << 14
                let constant = (range.lowerBound - rest + 0x7fff) >> 15
                if constant << 15 + rest <= range.upperBound, Int16(exactly: constant) != nil {
                    return (addend, constant)
                }
            }
        }
        return nil
    }
}
