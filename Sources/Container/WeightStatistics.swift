/// Histograms of a tensor's nonzero weights in one scan order, from which the exact size of each
/// coding follows without coding anything.
struct WeightStatistics {
    let weights: ScannedWeights
    /// Number of nonzero levels.
    let symbols: Int
    /// How often each code − 1 occurs.
    let codes: [Int]
    private let pairs: PairHistogram

    init(_ weights: ScannedWeights, symbols: Int) {
        self.weights = weights
        self.symbols = symbols
        pairs = weights.pairs(symbols, .finest)
        codes = pairs.codes
    }

    var nonzeros: Int { weights.gaps.count }

    /// The histogram of pairs, for the classes of `scheme`.
    func pairs(_ scheme: GapScheme) -> PairHistogram {
        pairs.covers(scheme) ? pairs : weights.pairs(symbols, scheme)
    }

    /// The histograms of pairs whose gaps begin in lines of each class.
    func pairs(_ lines: LineClasses, _ scheme: GapScheme = .finest) -> [PairHistogram] {
        let finest = pairs.covers(scheme) ? .finest : scheme
        var result = [PairHistogram](
            repeating: PairHistogram(symbols: symbols, count: weights.count, scheme: finest),
            count: lines.count)
        var next = 0
        for (gap, code) in zip(weights.gaps, weights.codes) {
            result[lines.of(next)].add(Int(gap), code)
            next += Int(gap) + 1
        }
        return result
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
    fileprivate func pairs(_ symbols: Int, _ scheme: GapScheme) -> PairHistogram {
        var pairs = PairHistogram(symbols: symbols, count: count, scheme: scheme)
        for (gap, code) in zip(gaps, codes) { pairs.add(Int(gap), code) }
        return pairs
    }
}
