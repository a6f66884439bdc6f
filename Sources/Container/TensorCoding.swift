/// A coding mode with its parameters and code tables: all that is needed to code a tensor's weights.
enum TensorCoding {
    case raw
    case packed(gapBits: Int)
    case relativeIndex(bits: Int, gaps: PrefixCode, codes: PrefixCode)
    case gapClasses(GapScheme, gaps: PrefixCode, codes: PrefixCode)
    case joint(GapScheme, pairs: PrefixCode)
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
        case .rice(let gaps, let codes):
            sink.bits(gaps, 5)
            sink.bits(codes ?? 7, 3)
        }
    }

    /// Reads what `writeTables` writes, for mode `number`.
    static func readTables(
        number: Int, count: Int, symbols: Int, from reader: inout BitReader,
        budget: inout MemoryBudget
    ) throws(ContainerError) -> TensorCoding {
        func table(
            _ name: String, _ alphabet: Int, period: Int = 0
        ) throws(ContainerError) -> PrefixCode {
            try CodeLengthTable.read(
                name, alphabet: alphabet, period: period, from: &reader, budget: &budget)
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
            let direct = try reader.field("direct gap bits", 3)
            let mantissa = try reader.field("gap mantissa bits", 2, in: 0...min(direct, 3))
            let scheme = GapScheme(direct: direct, mantissa: mantissa)
            let classes = scheme.classes(count)
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
            let histogram = statistics.gapHistogram(scheme)
            return (
                gaps.bits(histogram) + scheme.extraBits(histogram), codes.bits(statistics.codes), 0
            )
        case .joint(let scheme, let pairs):
            return (
                scheme.extraBits(statistics.gapHistogram(scheme)), 0,
                pairs.bits(statistics.pairHistogram(scheme))
            )
        case .rice(let gaps, let codes):
            return (
                statistics.riceGapBits(gaps),
                codes.map(statistics.riceCodeBits) ?? nonzeros * width(symbols - 1), 0
            )
        }
    }
}

extension GapScheme {
    /// The extra bits of gaps whose classes occur as often as `histogram` says.
    fileprivate func extraBits(_ histogram: [Int]) -> Int {
        histogram.indices.reduce(0) { $0 + histogram[$1] * extraBits($1) }
    }
}
