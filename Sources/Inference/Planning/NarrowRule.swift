/// A rule from accumulators to bytes as one product: `(acc · m + c) >> shift` with `m` of 16 bits and
/// all else of 32, which for every accumulator that can come is the byte that the exact rule gives.
///
/// Both rules are monotone, so it is enough that they agree about each step from a byte to the next.
/// With `a` the first accumulator behind a step to byte `k`, that is
///
///     k · 2^shift − a · m  <=  c  <  k · 2^shift − (a − 1) · m
///
/// The steps of one output together leave a range of constants, or none: then the multipliers beside
/// the rounded one are tried.
package struct NarrowRule: Sendable {
    /// One for each output.
    package let multipliers: [Int16]
    package let constants: [Int32]
    package let shift: Int32

    /// Steps of an output that are looked at; with more, of 8-bit results, 16 bits hardly ever do.
    private static let mostSteps = 63
    private static let mostTries: Int64 = 3

    /// - Parameters:
    ///   - constants: `B` of the exact rule for each output, for bytes, without the half of the rounding.
    ///   - bytes: what results are cut to.
    ///   - bound: the largest magnitude of an accumulator, at most 2¹⁵ − 1.
    /// - Returns: `nil` if an output has no such rule.
    package init?(
        multipliers: [Int32], constants: [Int64], shift: Int32, bytes: ClosedRange<Int32>,
        bound: Int64
    ) {
        guard bytes.count <= Self.mostSteps + 1 else { return nil }
        let half = Int64(1) << Int64(shift - 1)
        let largest = multipliers.lazy.map { Int64($0).magnitude }.max() ?? 0
        let largestSum =
            zip(multipliers, constants).lazy.map {
                Int64($0).magnitude * bound.magnitude + ($1 + half).magnitude
            }.max() ?? 0
        // Bits to leave out so that multipliers fit 16 bits and sums 32.
        var cut: Int64 = 0
        while largest >> cut >= Int16.max - 4 || largestSum >> cut >= Int32.max / 2 { cut += 1 }
        let narrowShift = Int64(shift) - cut
        // Kernels shift numbers of 32 bits.
        guard (1..<32).contains(narrowShift) else { return nil }
        var narrow: (multipliers: [Int16], constants: [Int32]) = ([], [])
        for (multiplier, constant) in zip(multipliers, constants) {
            guard
                let found = Self.output(
                    multiplier: Int64(multiplier), constant: constant + half, shift: Int64(shift),
                    cut: cut, bytes: bytes, bound: bound)
            else { return nil }
            narrow.multipliers.append(found.multiplier)
            narrow.constants.append(found.constant)
        }
        self.multipliers = narrow.multipliers
        self.constants = narrow.constants
        self.shift = Int32(narrowShift)
    }

    /// The rule of one output.
    private static func output(
        multiplier: Int64, constant: Int64, shift: Int64, cut: Int64, bytes: ClosedRange<Int32>,
        bound: Int64
    ) -> (multiplier: Int16, constant: Int32)? {
        let sign: Int64 = multiplier < 0 ? -1 : 1
        let exact = sign * multiplier
        let rounded = cut == 0 ? exact : (exact + (1 << (cut - 1))) >> cut
        let steps = ((Int64(bytes.lowerBound) + 1)..<(Int64(bytes.upperBound) + 1)).map { byte in
            let step = ExactStep(
                to: byte, multiplier: exact, constant: constant, shift: shift, bound: bound)
            return (start: byte << (shift - cut), step)
        }
        for attempt in 0...2 * mostTries {
            let candidate = rounded + (attempt % 2 == 0 ? 1 : -1) * ((attempt + 1) / 2)
            guard candidate >= 0 else { continue }
            var (least, most) = (-Int64(Int32.max / 2), Int64(Int32.max / 2))
            for (start, step) in steps {
                if let first = step.first { least = max(least, start - first * candidate) }
                if let last = step.lastBelow { most = min(most, start - last * candidate - 1) }
            }
            if least <= most {
                return (Int16(sign * candidate), Int32(least + (most - least) / 2))
            }
        }
        return nil
    }
}
