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
    /// The bits of halves behind the entries.
    var halfBits = 0

    var bodyBits: Int {
        levelBits + countBits + tableBits + gapBits + codeBits + pairBits + halfBits
    }
    var bodyBytes: Int { (bodyBits + 7) / 8 }

    /// Measures `coding` on the weights of `statistics`.
    init(_ coding: TensorCoding, _ values: WeightValues, _ statistics: WeightStatistics) {
        order = statistics.weights.order
        self.coding = coding
        var levelCounter = BitCounter()
        values.write(to: &levelCounter)
        levelBits = levelCounter.count
        if coding.number != 0 { countBits = width(statistics.weights.count) }
        if statistics.nonzeros > 0 {
            var tables = BitCounter()
            coding.writeTables(symbols: statistics.symbols, to: &tables)
            tableBits = tables.count
        }
        (gapBits, codeBits, pairBits) = coding.entryBits(statistics)
        if case .planes(let planes) = values, statistics.nonzeros > 0 {
            tableBits += planes.tableBits
            halfBits = planes.byteBits
        }
    }

    /// The smallest way to code the weights of `statistics` in `mode`.
    static func smallest(
        _ mode: CodingMode, _ values: WeightValues, _ statistics: WeightStatistics
    ) -> TensorPlan {
        codings(mode, statistics).map { TensorPlan($0, values, statistics) }.smallest!
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
                let gaps = PrefixCode(frequencies: statistics.pairs($0).gaps($0))
                return .gapClasses($0, gaps: gaps, codes: codes)
            }
        case .joint:
            return GapScheme.candidates.compactMap {
                let pairs = statistics.pairs($0).pairs($0)
                guard pairs.count(where: { $0 > 0 }) <= 1 << PrefixCode.longest else { return nil }
                return .joint($0, pairs: PrefixCode(frequencies: pairs))
            }
        case .lineClasses:
            return lineCodings(statistics)
        case .rice:
            return riceCodings(statistics)
        }
    }

    /// For some numbers of classes of lines, joint or not, the best scheme; `gapClasses` where all
    /// lines are alike.
    private static func lineCodings(_ statistics: WeightStatistics) -> [TensorCoding] {
        var codings: [TensorCoding] = []
        for count in [2, 4, 8] {
            guard let lines = LineClasses(statistics.weights, count: count) else {
                return TensorPlan.codings(.gapClasses, statistics)
            }
            let histograms = statistics.pairs(lines)
            let codes = PrefixCode(frequencies: statistics.codes)
            for isJoint in [false, true] {
                let schemes = GapScheme.candidates.compactMap { scheme in
                    LineCoding(scheme, histograms, isJoint: isJoint)
                }
                guard let best = schemes.min(by: { $0.bits < $1.bits }) else { continue }
                codings.append(
                    .lineClasses(
                        lines, best.scheme, firsts: best.codes, codes: isJoint ? nil : codes))
            }
        }
        return codings
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

/// The codes of gap classes or pairs for each class of lines, with their bits.
private struct LineCoding {
    let scheme: GapScheme
    var codes: [PrefixCode] = []
    var bits = 0

    init?(_ scheme: GapScheme, _ histograms: [PairHistogram], isJoint: Bool) {
        self.scheme = scheme
        for histogram in histograms {
            let gaps = histogram.gaps(scheme)
            let frequencies = isJoint ? histogram.pairs(scheme) : gaps
            guard frequencies.count(where: { $0 > 0 }) <= 1 << PrefixCode.longest else {
                return nil
            }
            var code = PrefixCode(frequencies: frequencies)
            // A class in which no gap begins has a code, too.
            if !gaps.contains(where: { $0 > 0 }) {
                code = PrefixCode(single: 0, of: frequencies.count)
            }
            bits += CodeLengthTable.smallest(code, period: isJoint ? histogram.symbols : 0).bits
            bits += code.bits(frequencies) + scheme.extraBits(gaps)
            codes.append(code)
        }
    }
}

extension [TensorPlan] {
    /// The first of those with the fewest bytes.
    var smallest: TensorPlan? {
        self.min { $0.bodyBytes < $1.bodyBytes }
    }
}
