/// One way to code a tensor, and what it costs to the bit.
struct TensorPlan {
    var order: ScanOrder
    var coding: TensorCoding
    var levelBits = 0
    /// The bits of the number of nonzeros.
    var countBits = 0
    /// The bits of the mode's parameters and code lengths.
    var tableBits = 0
    var gapBits = 0
    var codeBits = 0
    /// The bits of symbols that stand for gap class and code together.
    var pairBits = 0

    var bodyBits: Int { levelBits + countBits + tableBits + gapBits + codeBits + pairBits }
    var bodyBytes: Int { (bodyBits + 7) / 8 }

    /// Measures `coding` on the weights of `statistics`.
    init(_ coding: TensorCoding, _ levels: [Int8], _ statistics: WeightStatistics) {
        order = statistics.weights.order
        self.coding = coding
        var levelCounter = BitCounter()
        LevelTable.smallest(levels).write(levels, to: &levelCounter)
        levelBits = levelCounter.count
        if coding.number != 0 { countBits = width(statistics.weights.count) }
        if statistics.nonzeros > 0 {
            var tables = BitCounter()
            coding.writeTables(symbols: statistics.symbols, to: &tables)
            tableBits = tables.count
        }
        (gapBits, codeBits, pairBits) = coding.entryBits(statistics)
    }

    /// The smallest way to code the weights of `statistics` in `mode`.
    static func smallest(
        _ mode: CodingMode, _ levels: [Int8], _ statistics: WeightStatistics
    ) -> TensorPlan {
        codings(mode, statistics).map { TensorPlan($0, levels, statistics) }.smallest!
    }

    /// All codings of `mode` that come into question.
    private static func codings(
        _ mode: CodingMode, _ statistics: WeightStatistics
    ) -> [TensorCoding] {
        if statistics.nonzeros == 0, mode != .raw { return [.packed(gapBits: 0)] }
        switch mode {
        case .raw:
            return [.raw]
        case .packed:
            return [.packed(gapBits: width(Int(statistics.weights.gaps.max() ?? 0)))]
        case .deepCompression(let bits):
            let histogram = statistics.relativeHistogram(bits)
            return [
                .relativeIndex(
                    bits: bits, gaps: PrefixCode(frequencies: histogram.gaps),
                    codes: PrefixCode(frequencies: [histogram.fillers] + statistics.codes))
            ]
        case .gapClasses:
            let codes = PrefixCode(frequencies: statistics.codes)
            return GapScheme.candidates.map {
                let gaps = PrefixCode(frequencies: statistics.gapHistogram($0))
                return .gapClasses($0, gaps: gaps, codes: codes)
            }
        case .joint:
            return GapScheme.candidates.compactMap {
                let pairs = statistics.pairHistogram($0)
                guard pairs.count(where: { $0 > 0 }) <= 1 << PrefixCode.longest else { return nil }
                return .joint($0, pairs: PrefixCode(frequencies: pairs))
            }
        case .rice:
            return riceCodings(statistics)
        }
    }

    /// Parameters near the mean gap's logarithm, where the best one is, with the best for codes.
    private static func riceCodings(_ statistics: WeightStatistics) -> [TensorCoding] {
        let zeros = statistics.weights.gaps.reduce(0) { $0 + Int($1) }
        let middle = width(zeros / statistics.nonzeros)
        let fixed = statistics.nonzeros * width(statistics.symbols - 1)
        let best = (0...6).min { statistics.riceCodeBits($0) < statistics.riceCodeBits($1) }
        let codes = best.flatMap { statistics.riceCodeBits($0) < fixed ? $0 : nil }
        return (max(middle - 2, 0)...middle).map { .rice(gaps: $0, codes: codes) }
    }
}

extension [TensorPlan] {
    /// The first of those with the fewest bytes.
    var smallest: TensorPlan? {
        self.min { $0.bodyBytes < $1.bodyBytes }
    }
}
