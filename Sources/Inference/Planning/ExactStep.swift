/// Where the exact rule `(acc · M + C) >> shift` of an output gets to a byte, of accumulators up to a
/// bound. A falling rule is looked at as the rising one of negative accumulators.
struct ExactStep {
    /// The last accumulator that gives less, and the first that does not; `nil` where there is none.
    let lastBelow: Int64?
    let first: Int64?

    /// - Parameters:
    ///   - multiplier: the magnitude of `M`.
    ///   - constant: with the half of the rounding; of a magnitude below 2⁶¹.
    init(to byte: Int64, multiplier: Int64, constant: Int64, shift: Int64, bound: Int64) {
        let missing = byte << shift - constant
        guard multiplier > 0 else {
            (lastBelow, first) = missing > 0 ? (bound, nil) : (nil, -bound)
            return
        }
        let quotient = missing / multiplier
        let start = missing % multiplier > 0 ? quotient + 1 : quotient
        if start > bound {
            (lastBelow, first) = (bound, nil)
        } else if start <= -bound {
            (lastBelow, first) = (nil, -bound)
        } else {
            (lastBelow, first) = (start - 1, start)
        }
    }
}
