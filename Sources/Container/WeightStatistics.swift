/// Histograms of a tensor's nonzero weights in one scan order, from which the exact size of each
/// coding follows without coding anything.
struct WeightStatistics {
    let weights: ScannedWeights
    /// Number of nonzero levels.
    let symbols: Int
    /// How often each code − 1 occurs.
    let codes: [Int]
    /// `[finest gap class, code − 1]`: how often the pair occurs.
    private let pairs: [Int]

    init(_ weights: ScannedWeights, symbols: Int) {
        self.weights = weights
        self.symbols = symbols
        pairs = weights.pairHistogram(.finest, symbols)
        codes = (0..<symbols).map { [pairs] code in
            stride(from: code, to: pairs.count, by: symbols).reduce(0) { $0 + pairs[$1] }
        }
    }

    var nonzeros: Int { weights.gaps.count }

    /// `[class, code − 1]` for the classes of `scheme`.
    func pairHistogram(_ scheme: GapScheme) -> [Int] {
        let finest = GapScheme.finest
        guard scheme.direct <= finest.direct, scheme.mantissa <= finest.mantissa else {
            return weights.pairHistogram(scheme, symbols)
        }
        var sums = [Int](repeating: 0, count: scheme.classes(weights.count) * symbols)
        for fine in 0..<finest.classes(weights.count) {
            let row = scheme.classIndex(finest.first(fine)) * symbols
            for code in 0..<symbols { sums[row + code] += pairs[fine * symbols + code] }
        }
        return sums
    }

    /// How often each class of `scheme` occurs.
    func gapHistogram(_ scheme: GapScheme) -> [Int] {
        let pairs = pairHistogram(scheme)
        return (0..<pairs.count / max(symbols, 1)).map { index in
            pairs[index * symbols..<(index + 1) * symbols].reduce(0, +)
        }
    }

    /// How often each gap of `bits` bits occurs, and how many fillers there are (they are among the
    /// largest gaps).
    func relativeHistogram(_ bits: Int) -> (gaps: [Int], fillers: Int) {
        var gaps = [Int](repeating: 0, count: 1 << bits)
        var fillers = 0
        let mask = 1 << bits - 1
        for gap in weights.gaps {
            fillers += Int(gap) >> bits
            gaps[Int(gap) & mask] += 1
        }
        gaps[mask] += fillers
        return (gaps, fillers)
    }

    /// The bits of all gaps with Rice codes of `parameter`.
    func riceGapBits(_ parameter: Int) -> Int {
        weights.gaps.reduce(nonzeros * (1 + parameter)) { $0 + Int($1 >> UInt32(parameter)) }
    }

    /// The bits of all codes − 1 with Rice codes of `parameter`.
    func riceCodeBits(_ parameter: Int) -> Int {
        codes.indices.reduce(nonzeros * (1 + parameter)) { $0 + codes[$1] * ($1 >> parameter) }
    }
}

extension ScannedWeights {
    /// `[class, code − 1]`: how often each pair of gap class and code occurs.
    fileprivate func pairHistogram(_ scheme: GapScheme, _ symbols: Int) -> [Int] {
        var pairs = [Int](repeating: 0, count: scheme.classes(count) * symbols)
        for (gap, code) in zip(gaps, codes) {
            pairs[scheme.classIndex(Int(gap)) * symbols + Int(code) - 1] += 1
        }
        return pairs
    }
}
