/// Weight scales as multiples of one base: `scale = base · code`, rounded once to `Float`.
struct ScaleMultiples {
    private let base: Float
    /// `[outputs]`, not zero.
    private let codes: [Int16]

    private static let largestCode = 32_767
    /// Bit 6 of the form: all codes are positive.
    private static let positive = 64

    /// The multiples of the smallest codes that give back `scales` exactly, if there are some and they
    /// take fewer bytes than the scales themselves.
    ///
    /// If the code of the largest magnitude is `c`, the base is `largest / c` or a neighbour of it.
    init?(ifShorter scales: [Float]) {
        guard scales.count > 1, let largest = scales.lazy.map(\.magnitude).max() else { return nil }
        for code in 1...Self.largestCode {
            guard let base = Self.base(of: scales, largest, code) else { continue }
            self.base = base
            codes = scales.map { Int16(Self.code(of: $0, base: base)!) }
            var writer = ByteWriter()
            write(to: &writer)
            if writer.bytes.count < 4 * scales.count { return }
            return nil
        }
        return nil
    }

    /// The base of which `largest` is the multiple by `code`, if all other scales are multiples, too.
    private static func base(of scales: [Float], _ largest: Float, _ code: Int) -> Float? {
        let quotient = largest / Float(code)
        for step in -1...1 {
            let base = step == 0 ? quotient : step < 0 ? quotient.nextDown : quotient.nextUp
            guard base > 0, base * Float(code) == largest else { continue }
            if scales.allSatisfy({ self.code(of: $0, base: base) != nil }) { return base }
        }
        return nil
    }

    /// The code whose product with `base` is `scale`, if there is one.
    private static func code(of scale: Float, base: Float) -> Int? {
        let code = (scale / base).rounded(.toNearestOrEven)
        guard code != 0, code.magnitude <= Float(largestCode), base * code == scale else {
            return nil
        }
        return Int(code)
    }

    /// Writes `scaleBase`, `scaleForm` and `scaleCodes`.
    func write(to writer: inout ByteWriter) {
        let isPositive = codes.allSatisfy { $0 > 0 }
        let values = codes.map { isPositive ? Int($0) - 1 : zigzag(Int($0)) }
        let table = ShortCodes.smallest(values)
        writer.float(base)
        writer.byte(table.form | (isPositive ? Self.positive : 0))
        writer.append(table.coded(values))
    }

    /// Reads what `write` wrote and returns the `count` scales.
    static func read(
        _ field: String, count: Int, from bytes: inout ByteReader, budget: inout MemoryBudget
    ) throws(ContainerError) -> [Float] {
        let base = try bytes.float("base of the \(field)", .positive)
        let form = try bytes.flags("scale form", reserved: 0b1000_0000)
        let isPositive = form & positive != 0
        let codes = try ShortCodes(form: form, "scale", bytes.section).read(
            field, count: count, largest: isPositive ? largestCode - 1 : 2 * largestCode,
            from: &bytes, budget: &budget, code: { isPositive ? $0 + 1 : unzigzag($0) })
        try budget.charge(4 * count, bytes.section, field)
        var scales: [Float] = []
        scales.reserveCapacity(count)
        for code in codes {
            let scale = base * Float(code)
            guard NumberRule.nonzero.allows(scale) else {
                throw .invalidNumber(
                    section: bytes.section, field: field, found: scale, expected: .nonzero)
            }
            scales.append(scale)
        }
        return scales
    }
}
