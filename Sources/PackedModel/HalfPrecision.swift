/// Half-precision numbers (IEEE 754 binary16) as their 16 bits, in plain integer arithmetic: not every
/// platform has a type for them.
public enum HalfPrecision {
    /// The bits of the half that is nearest to `x`, ties to even. From 65,520 on in magnitude this is
    /// an infinity; what is not a number stays so.
    public static func bits(rounding x: Float) -> UInt16 {
        let sign = UInt16(x.bitPattern >> 16) & 0x8000
        let magnitude = x.bitPattern & 0x7FFF_FFFF
        if magnitude > 0x7F80_0000 { return sign | 0x7E00 }
        if magnitude < 0x3880_0000 {
            // Below 2^-14 a half is a whole number of 2^-24.
            let units = (Float(bitPattern: magnitude) * 0x1p24).rounded(.toNearestOrEven)
            return sign | UInt16(units)
        }
        if magnitude >= 0x4780_0000 { return sign | infinity }
        // The exponent's bias falls by 112. Of the 13 bits that go, the carry may reach the exponent.
        let odd = magnitude >> 13 & 1
        return sign | UInt16((magnitude - 0x3800_0000 + 0x0FFF + odd) >> 13)
    }

    /// The number that `bits` stand for, exactly.
    public static func value(_ bits: UInt16) -> Float {
        let sign = UInt32(bits & 0x8000) << 16
        let magnitude = UInt32(bits & 0x7FFF)
        if magnitude < 0x0400 {
            return Float(bitPattern: sign | (Float(magnitude) * 0x1p-24).bitPattern)
        }
        let exponent: UInt32 = magnitude < infinity ? 0x3800_0000 : 0x7000_0000
        return Float(bitPattern: sign | (magnitude << 13 + exponent))
    }

    /// Whether `bits` stand for a number other than zero.
    public static func isNonzero(_ bits: UInt16) -> Bool {
        (1..<infinity).contains(bits & 0x7FFF)
    }

    private static let infinity: UInt16 = 0x7C00
}
