import Container
import Testing

private let nowhere = FileSection.tensor("t")

private func stored(
    _ code: PrefixCode, _ form: CodeLengthTable, period: Int
) throws -> PrefixCode {
    var writer = BitWriter()
    form.write(code, period: period, to: &writer)
    let bytes = writer.finished()
    var reader = BitReader(bytes, in: bytes.indices, section: nowhere)
    var budget = MemoryBudget(1 << 20)
    let result = try CodeLengthTable.read(
        "code", alphabet: code.lengths.count, period: period, from: &reader, budget: &budget)
    try reader.finish("code")
    return result
}

struct PrefixCodeTests {
    @Test func `the example of RFC 1951 has its codes`() {
        // RFC 1951, 3.2.2: A...H with lengths 3, 3, 3, 3, 3, 2, 4, 4.
        let code = PrefixCode(lengths: [3, 3, 3, 3, 3, 2, 4, 4])
        #expect(code.codes == [0b010, 0b011, 0b100, 0b101, 0b110, 0b00, 0b1110, 0b1111])
    }

    @Test(arguments: [2, 3, 7, 30, 400])
    func `every form of table gives back the code`(alphabet: Int) throws {
        var generator = SeededGenerator(seed: UInt64(alphabet))
        for holes in [0.0, 0.3, 0.9] {
            let frequencies = (0..<alphabet).map { symbol in
                symbol > 1 && Double.random(in: 0..<1, using: &generator) < holes
                    ? 0 : 1 + 1000 / (symbol + 1)
            }
            let code = PrefixCode(frequencies: frequencies)
            for period in [0, 1, 3] {
                var forms: [CodeLengthTable] = [
                    .dense, .sparse(parameter: 0), .sparse(parameter: 9),
                ]
                forms += (0..<4).map { .predicted(parameter: $0, holes: true) }
                if holes == 0 { forms.append(.predicted(parameter: 1, holes: false)) }
                for form in forms {
                    #expect(try stored(code, form, period: period) == code, "\(form)")
                }
                let (form, bits) = CodeLengthTable.smallest(code, period: period)
                #expect(forms.allSatisfy { $0.bits(code, period: period) >= bits }, "\(form)")
            }
        }
    }

    @Test func `symbols come back through codes of all lengths`() {
        let lengths = (1...15).map { UInt8($0) } + [15]
        let code = PrefixCode(lengths: lengths)
        let encoder = PrefixEncoder(code)
        var writer = BitWriter()
        let symbols = (0..<1000).map { $0 * 7 % 16 }
        for symbol in symbols { encoder.write(symbol, to: &writer) }
        let bytes = writer.finished()
        var reader = BitReader(bytes, in: bytes.indices, section: nowhere)
        let decoder = PrefixDecoder(code)
        #expect(symbols.map { _ in decoder.read(&reader) } == symbols)
        #expect(reader.remaining >= 0)
    }

    @Test func `codes that do not fill all bit strings are refused`() {
        #expect(
            throws: ContainerError.incompleteCode(
                section: nowhere, field: "code", found: 3 << 13, expected: 1 << 15)
        ) { try stored(PrefixCode(lengths: [1, 2, 0]), .dense, period: 0) }
        #expect(
            throws: ContainerError.oversubscribedCode(
                section: nowhere, field: "code", found: 5 << 13, expected: 1 << 15)
        ) { try stored(PrefixCode(lengths: [1, 1, 2]), .dense, period: 0) }
        #expect(
            throws: ContainerError.incompleteCode(
                section: nowhere, field: "code", found: 1 << 14, expected: 1 << 15)
        ) { try stored(PrefixCode(lengths: [0, 1]), .sparse(parameter: 0), period: 0) }
    }
}

struct BitTests {
    @Test func `the first bit is the most significant of the first byte`() {
        var writer = BitWriter()
        writer.bits(1, 1)
        writer.bits(0b011, 3)
        writer.rice(9, 2)
        #expect(writer.finished() == [0b1011_1100, 0b1000_0000])
    }

    @Test func `numbers of all widths come back, at any bit`() {
        for offset in 0..<40 {
            var writer = BitWriter()
            for _ in 0..<offset { writer.bits(1, 1) }
            for width in 0...32 { writer.bits(0x9ABC_DEF1 & (1 << width - 1), width) }
            let bytes = writer.finished()
            var reader = BitReader(bytes, in: bytes.indices, section: nowhere)
            for _ in 0..<offset { #expect(reader.take(1) == 1) }
            for width in 0...32 {
                #expect(reader.take(width) == 0x9ABC_DEF1 & (1 << width - 1))
            }
        }
    }

    @Test(arguments: 0..<10)
    func `Rice codes of small and large numbers come back`(parameter: Int) {
        let values = Array(0..<70) + [1000, 4095, 1 << 13]
        var writer = BitWriter()
        var counter = BitCounter()
        for value in values {
            writer.rice(value, parameter)
            counter.rice(value, parameter)
        }
        let bytes = writer.finished()
        var reader = BitReader(bytes, in: bytes.indices, section: nowhere)
        #expect(values.map { _ in reader.takeRice(parameter) } == values)
        #expect(reader.position == counter.count)
    }

    @Test func `bits behind the end are noticed`() {
        var reader = BitReader([0xFF, 0xFF], in: 0..<2, section: nowhere)
        #expect(reader.takeRice(0) == 16)
        #expect(
            throws: ContainerError.truncated(
                section: nowhere, field: "x", needed: 0, available: -1)
        ) { try reader.require(0, "x") }
    }

    @Test func `gap classes tile the gaps`() {
        for direct in 0...7 {
            for mantissa in 0...min(direct, 3) {
                let scheme = GapScheme(direct: direct, mantissa: mantissa)
                var next = 0
                var index = 0
                while next < 100_000 {
                    #expect(scheme.first(index) == next)
                    next += 1 << scheme.extraBits(index)
                    #expect(scheme.classIndex(next - 1) == index)
                    index += 1
                }
                #expect(scheme.classIndex(next) == index)
            }
        }
    }
}
