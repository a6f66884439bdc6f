extension Float {
    /// The value of an IEEE half: sign, 5 bits of exponent, 10 of significand.
    package init(half bits: UInt16) {
        let sign: Float = bits >> 15 == 0 ? 1 : -1
        let (exponent, significand) = (Int(bits >> 10) & 31, Float(bits & 1023))
        self =
            switch exponent {
            case 0: sign * significand * 0x1p-24
            case 31: significand == 0 ? sign * .infinity : .nan
            default:
                sign * (1024 + significand)
                    * Float(sign: .plus, exponent: exponent - 25, significand: 1)
            }
    }

    /// The value of a bfloat16: the upper half of a `Float`.
    package init(brain bits: UInt16) { self.init(bitPattern: UInt32(bits) << 16) }
}
