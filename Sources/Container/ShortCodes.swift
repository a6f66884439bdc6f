/// How a list of short numbers is stored, codes of biases and of scales: with a fixed width or as Rice
/// codes, whichever is shorter.
struct ShortCodes {
    /// The width, or the Rice parameter: 0...16.
    var parameter: Int
    var isRice: Bool

    /// Bits 0–4 of the form are the parameter, bit 5 is Rice.
    var form: Int { parameter | (isRice ? 32 : 0) }

    private init(parameter: Int, isRice: Bool) {
        self.parameter = parameter
        self.isRice = isRice
    }

    /// Reads a form; its bits 6 and 7 do not count.
    init(form: Int, _ field: String, _ section: FileSection) throws(ContainerError) {
        parameter = form & 31
        isRice = form & 32 != 0
        guard parameter <= 16 else {
            throw .outOfRange(
                section: section, field: "\(field) parameter", found: parameter, expected: 0...16)
        }
    }

    /// The form with the fewest bits for `values`, which are 0..<2^16.
    static func smallest(_ values: [Int]) -> ShortCodes {
        var forms = [ShortCodes(parameter: width(values.max() ?? 0), isRice: false)]
        forms += (0...16).map { ShortCodes(parameter: $0, isRice: true) }
        let sizes = forms.map { form in
            var counter = BitCounter()
            form.write(values, to: &counter)
            return counter.count
        }
        return forms[sizes.indices.min { sizes[$0] < sizes[$1] } ?? 0]
    }

    /// The bits of `values`, filled up to whole bytes.
    func coded(_ values: [Int]) -> [UInt8] {
        var writer = BitWriter()
        write(values, to: &writer)
        return writer.finished()
    }

    private func write(_ values: [Int], to sink: inout some BitSink) {
        for value in values {
            if isRice {
                sink.rice(value, parameter)
            } else {
                sink.bits(value, parameter)
            }
        }
    }

    /// Reads `count` values of at most `largest`, whose fields begin at a byte of `bytes`, and makes
    /// codes of them.
    func read(
        _ field: String, count: Int, largest: Int, from bytes: inout ByteReader,
        budget: inout MemoryBudget, code: (Int) -> Int
    ) throws(ContainerError) -> [Int16] {
        try budget.charge(2 * count, bytes.section, field)
        var reader = BitReader(
            bytes.bytes, in: bytes.next..<bytes.next + bytes.remaining, section: bytes.section)
        try reader.require(count * (isRice ? parameter + 1 : parameter), field)
        var codes: [Int16] = []
        codes.reserveCapacity(count)
        for _ in 0..<count {
            let value = isRice ? reader.takeRice(parameter) : reader.take(parameter)
            guard value <= largest else {
                throw .outOfRange(
                    section: bytes.section, field: "coded \(field)", found: value,
                    expected: 0...largest)
            }
            codes.append(Int16(code(value)))
        }
        try reader.require(0, field)
        let padding = (8 - reader.position % 8) % 8
        guard reader.take(padding) == 0 else {
            throw .trailingBits(section: bytes.section, field: field)
        }
        _ = try bytes.take(reader.position / 8, field)
        return codes
    }
}
