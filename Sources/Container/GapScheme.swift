/// How gaps become classes with extra bits.
///
/// Gaps below `2^direct` are classes of their own. Each octave above is cut into `2^mantissa`
/// classes: with `direct` 4 and `mantissa` 1 there are 16 direct and then half-octave classes.
package struct GapScheme: Equatable {
    /// 0...7
    var direct: Int
    /// 0...3, not above `direct`.
    var mantissa: Int

    package init(direct: Int, mantissa: Int) {
        self.direct = direct
        self.mantissa = mantissa
    }

    /// Every class of the schemes in `candidates` is a union of classes of this one.
    static let finest = GapScheme(direct: 6, mantissa: 3)
    /// What the encoder tries.
    static let candidates = [
        GapScheme(direct: 1, mantissa: 0), GapScheme(direct: 2, mantissa: 1),
        GapScheme(direct: 3, mantissa: 1), GapScheme(direct: 4, mantissa: 1),
        GapScheme(direct: 4, mantissa: 2), GapScheme(direct: 5, mantissa: 2),
        GapScheme(direct: 6, mantissa: 3),
    ]

    /// The class of `gap`.
    @inline(__always)
    package func classIndex(_ gap: Int) -> Int {
        if gap < 1 << direct { return gap }
        let exponent = Int.bitWidth &- 1 &- gap.leadingZeroBitCount
        let top = (gap &>> (exponent &- mantissa)) & (1 << mantissa &- 1)
        return 1 << direct + (exponent &- direct) << mantissa + top
    }

    /// How many extra bits follow a class.
    @inline(__always)
    package func extraBits(_ classIndex: Int) -> Int {
        let beyond = classIndex &- 1 << direct
        return beyond < 0 ? 0 : direct &+ beyond &>> mantissa &- mantissa
    }

    /// The smallest gap of a class.
    @inline(__always)
    package func first(_ classIndex: Int) -> Int {
        let beyond = classIndex &- 1 << direct
        if beyond < 0 { return classIndex }
        let top = 1 &<< mantissa &+ (beyond & (1 &<< mantissa &- 1))
        return top &<< (direct &+ beyond &>> mantissa &- mantissa)
    }

    /// How many classes the gaps of a tensor of `count` weights can have.
    func classes(_ count: Int) -> Int {
        classIndex(max(count - 1, 0)) + 1
    }
}
