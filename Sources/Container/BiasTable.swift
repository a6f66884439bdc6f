/// How bias codes are stored: with a fixed width or as Rice codes, whichever is shorter.
struct BiasTable {
    /// The width, or the Rice parameter: 0...16.
    var parameter: Int
    var isRice: Bool

    /// The form with the fewest bits for `codes`.
    static func smallest(_ codes: [Int16]) -> BiasTable {
        let values = codes.map { zigzag(Int($0)) }
        var forms = [BiasTable(parameter: width(values.max() ?? 0), isRice: false)]
        forms += (0...16).map { BiasTable(parameter: $0, isRice: true) }
        let sizes = forms.map { form in
            var counter = BitCounter()
            form.write(codes, to: &counter)
            return counter.count
        }
        return forms[sizes.indices.min { sizes[$0] < sizes[$1] } ?? 0]
    }

    func write(_ codes: [Int16], to sink: inout some BitSink) {
        for code in codes {
            if isRice {
                sink.rice(zigzag(Int(code)), parameter)
            } else {
                sink.bits(zigzag(Int(code)), parameter)
            }
        }
    }

    /// Reads `count` codes of at most `bits` bits, whose fields begin at a byte of `bytes`.
    static func read(
        count: Int, bits: Int, from bytes: inout ByteReader, budget: inout MemoryBudget
    ) throws(ContainerError) -> [Int16] {
        let form = try bytes.flags("bias form", reserved: 0b1100_0000)
        let parameter = form & 31
        guard parameter <= 16 else {
            throw .outOfRange(
                section: bytes.section, field: "bias parameter", found: parameter, expected: 0...16)
        }
        try budget.charge(2 * count, bytes.section, "biases")
        let isRice = form & 32 != 0
        var reader = BitReader(
            bytes.bytes, in: bytes.next..<bytes.next + bytes.remaining, section: bytes.section)
        try reader.require(count * (isRice ? parameter + 1 : parameter), "biases")
        let largest = 2 * (1 << (bits - 1) - 1)
        var codes: [Int16] = []
        codes.reserveCapacity(count)
        for _ in 0..<count {
            let value = isRice ? reader.takeRice(parameter) : reader.take(parameter)
            guard value <= largest else {
                throw .outOfRange(
                    section: bytes.section, field: "bias", found: unzigzag(value),
                    expected: -largest / 2...largest / 2)
            }
            codes.append(Int16(unzigzag(value)))
        }
        try reader.require(0, "biases")
        let padding = (8 - reader.position % 8) % 8
        guard reader.take(padding) == 0 else {
            throw .trailingBits(section: bytes.section, field: "biases")
        }
        _ = try bytes.take(reader.position / 8, "biases")
        return codes
    }
}
