extension PackedTensor {
    /// Scales that a file holds in `bits` bits each instead of 32: every one is `base · code`, rounded
    /// once to `Float`, with a code of `-(2^(bits-1)-1)...2^(bits-1)-1` other than zero.
    ///
    /// The base gives the largest magnitude the largest code. A scale moves by at most half a base,
    /// or up to a whole one where its code would be zero, and keeps its sign. A single scale stays
    /// as it is, and so do scales whose base would not be a normal number.
    ///
    /// - Parameter bits: 2...16
    public static func roundedScales(_ scales: [Float], bits: Int) -> [Float] {
        precondition((2...16).contains(bits), "\(bits) bits for scales, expected 2...16")
        let most = Float((1 << (bits - 1)) - 1)
        let base = (scales.lazy.map(\.magnitude).max() ?? 0) / most
        guard scales.count > 1, base.isNormal else { return scales }
        return scales.map { scale in
            let code = (scale.magnitude / base).rounded(.toNearestOrEven)
            let kept = base * min(max(code, 1), most)
            return scale < 0 ? -kept : kept
        }
    }
}
