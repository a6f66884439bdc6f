/// A coding mode with its parameters and code tables: all that is needed to code a tensor's weights.
enum TensorCoding {
    case raw
    case packed(gapBits: Int)
    case relativeIndex(bits: Int, gaps: PrefixCode, codes: PrefixCode)
    case gapClasses(GapScheme, gaps: PrefixCode, codes: PrefixCode)
    case joint(GapScheme, pairs: PrefixCode)
    /// For each class of lines a code for gap classes, or for pairs if there is no code for codes.
    case lineClasses(LineClasses, GapScheme, firsts: [PrefixCode], codes: PrefixCode?)
    /// `codes` is a Rice parameter 0...6, or `nil` for codes of fixed width.
    case rice(gaps: Int, codes: Int?)

    /// The number of the mode in a file.
    var number: Int {
        switch self {
        case .raw: 0
        case .packed: 1
        case .relativeIndex: 2
        case .gapClasses: 3
        case .joint: 4
        case .rice: 5
        case .lineClasses: 6
        }
    }

    var mode: CodingMode {
        switch self {
        case .raw: .raw
        case .packed: .packed
        case .relativeIndex(let bits, _, _): .deepCompression(indexBits: bits)
        case .gapClasses: .gapClasses
        case .joint: .joint
        case .rice: .rice
        case .lineClasses: .lineClasses
        }
    }

    /// Writes the parameters and tables that stand before the entries.
    func writeTables(symbols: Int, to sink: inout some BitSink) {
        func table(_ code: PrefixCode, period: Int = 0) {
            CodeLengthTable.smallest(code, period: period).form
                .write(code, period: period, to: &sink)
        }
        switch self {
        case .raw: break
        case .packed(let gapBits):
            sink.bits(gapBits, 5)
        case .relativeIndex(let bits, let gaps, let codes):
            sink.bits(bits - 1, 3)
            table(gaps)
            table(codes)
        case .gapClasses(let scheme, let gaps, let codes):
            sink.bits(scheme.direct << 2 | scheme.mantissa, 5)
            table(gaps)
            table(codes)
        case .joint(let scheme, let pairs):
            sink.bits(scheme.direct << 2 | scheme.mantissa, 5)
            table(pairs, period: symbols)
        case .lineClasses(let lines, let scheme, let firsts, let codes):
            lines.write(to: &sink)
            sink.bits(codes == nil ? 1 : 0, 1)
            sink.bits(scheme.direct << 2 | scheme.mantissa, 5)
            for first in firsts { table(first, period: codes == nil ? symbols : 0) }
            if let codes { table(codes) }
        case .rice(let gaps, let codes):
            sink.bits(gaps, 5)
            sink.bits(codes ?? 7, 3)
        }
    }

    /// Reads what `writeTables` writes, for mode `number`.
    static func readTables(
        number: Int, lines: Int, length: Int, symbols: Int, from reader: inout BitReader,
        budget: inout MemoryBudget
    ) throws(ContainerError) -> TensorCoding {
        func table(
            _ name: String, _ alphabet: Int, period: Int = 0
        ) throws(ContainerError) -> PrefixCode {
            try CodeLengthTable.read(
                name, alphabet: alphabet, period: period, from: &reader, budget: &budget)
        }
        func scheme() throws(ContainerError) -> GapScheme {
            let direct = try reader.field("direct gap bits", 3)
            let mantissa = try reader.field("gap mantissa bits", 2, in: 0...min(direct, 3))
            return GapScheme(direct: direct, mantissa: mantissa)
        }
        switch number {
        case 1:
            return .packed(gapBits: try reader.field("gap width", 5))
        case 2:
            let bits = try reader.field("index bits", 3) + 1
            let gaps = try table("gap code", 1 << bits)
            let codes = try table("weight code", symbols + 1)
            guard codes.single != 0 else {
                throw .outOfRange(
                    section: reader.section, field: "weight code symbol", found: 0,
                    expected: 1...symbols)
            }
            return .relativeIndex(bits: bits, gaps: gaps, codes: codes)
        case 3, 4:
            let scheme = try scheme()
            let classes = scheme.classes(lines * length)
            if number == 4 {
                let pairs = try table("joint code", classes * symbols, period: symbols)
                return .joint(scheme, pairs: pairs)
            }
            let gaps = try table("gap code", classes)
            return .gapClasses(scheme, gaps: gaps, codes: try table("weight code", symbols))
        case 5:
            let gaps = try reader.field("Rice parameter", 5)
            let codes = try reader.field("code form", 3)
            return .rice(gaps: gaps, codes: codes == 7 ? nil : codes)
        case 6:
            let lines = try LineClasses.read(
                lines: lines, length: length, from: &reader, budget: &budget)
            let isJoint = try reader.field("joint", 1) == 1
            let scheme = try scheme()
            let classes = scheme.classes(lines.classes.count * length)
            var firsts: [PrefixCode] = []
            for _ in 0..<lines.count {
                firsts.append(
                    isJoint
                        ? try table("joint code", classes * symbols, period: symbols)
                        : try table("gap code", classes))
            }
            let codes = isJoint ? nil : try table("weight code", symbols)
            return .lineClasses(lines, scheme, firsts: firsts, codes: codes)
        default:
            throw .reserved(section: reader.section, field: "mode", found: number)
        }
    }
}

extension TensorCoding {
    /// The bits of the entries, divided into those of gaps, of codes, and of pairs of both.
    func entryBits(_ statistics: WeightStatistics) -> (gaps: Int, codes: Int, pairs: Int) {
        let nonzeros = statistics.nonzeros
        let symbols = statistics.symbols
        guard nonzeros > 0 || number == 0 else { return (0, 0, 0) }
        switch self {
        case .raw:
            return (0, statistics.weights.count * width(symbols), 0)
        case .packed(let gapBits):
            return (nonzeros * gapBits, nonzeros * width(symbols - 1), 0)
        case .relativeIndex(let bits, let gaps, let codes):
            let histogram = statistics.relativeHistogram(bits)
            return (
                gaps.bits(histogram.gaps), codes.bits([histogram.fillers] + statistics.codes), 0
            )
        case .gapClasses(let scheme, let gaps, let codes):
            let histogram = statistics.pairs(scheme).gaps(scheme)
            return (
                gaps.bits(histogram) + scheme.extraBits(histogram), codes.bits(statistics.codes), 0
            )
        case .joint(let scheme, let pairs):
            let histogram = statistics.pairs(scheme)
            return (
                scheme.extraBits(histogram.gaps(scheme)), 0, pairs.bits(histogram.pairs(scheme))
            )
        case .lineClasses(let lines, let scheme, let firsts, let codes):
            let histograms = statistics.pairs(lines, scheme)
            let extra = histograms.reduce(0) { $0 + scheme.extraBits($1.gaps(scheme)) }
            let first = zip(firsts, histograms).reduce(0) { sum, pair in
                sum + pair.0.bits(codes == nil ? pair.1.pairs(scheme) : pair.1.gaps(scheme))
            }
            guard let codes else { return (extra, 0, first) }
            return (extra + first, codes.bits(statistics.codes), 0)
        case .rice(let gaps, let codes):
            return (
                statistics.riceGapBits(gaps),
                codes.map(statistics.riceCodeBits) ?? nonzeros * width(symbols - 1), 0
            )
        }
    }
}
