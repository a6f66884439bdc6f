import Foundation

/// The ends of the grid for which the distribution of the rounded elements tells the most of that
/// of the elements themselves: the least Kullback–Leibler divergence, as NVIDIA's TensorRT has it
/// (Migacz 2017, "8-bit inference with TensorRT").
///
/// Grids with an offset clip magnitudes alike at both ends, as far as the elements reach.
public struct EntropyCalibration: RangeCalibration {
    public var needsHistogram: Bool { true }

    public init() {}

    public func range(
        of statistics: ActivationStatistics, extremes: ActivationStatistics.Extremes, bits: Int,
        scheme: ActivationScheme
    ) -> ActivationStatistics.Extremes {
        let histogram = statistics.histogram!
        let bins = scheme == .unsignedSymmetric ? histogram.positive : histogram.magnitudes
        let longer = max(extremes.high, -extremes.low)
        let levels: Float =
            switch scheme {
            case .unsignedSymmetric: Float(1 << bits)
            case .signedSymmetric: Float(1 << (bits - 1))
            // Those on the longer side of zero.
            default: (Float(1 << bits) * longer / max(extremes.high - extremes.low, longer))
            }
        guard longer > 0,
            let best = Self.bestCut(of: bins, levels: max(Int(levels.rounded()), 2))
        else { return extremes }
        let bound = Float(best.bins) * histogram.binWidth
        return ActivationStatistics.Extremes(
            low: max(extremes.low, -bound), high: min(extremes.high, bound))
    }

    /// After how many bins to cut, and the divergence there; `nil` if there are fewer bins
    /// than levels, so that there is nothing to choose.
    ///
    /// For each cut `i` the first `i` bins, with all that lies behind them in the last one, are the
    /// distribution `P`. `Q` has them in `levels` groups, `⌊t · levels / i⌋` for bin `t`, each
    /// group spread evenly over those of its bins that are not empty, without what lies behind.
    /// Bins of one group have one `Q`, so that with sums over the bins before each place
    ///
    ///     Σ P log(P / Q)  =  Σ_t p_t log p_t / p  −  Σ_g p_g log q_g / p  +  log(q / p)
    ///
    /// takes a step for each group. The first bin counts as much as the second: it holds the zeros
    /// of ReLU, which any grid has.
    public static func bestCut(of bins: [Int], levels: Int) -> (bins: Int, divergence: Double)? {
        let used = (bins.lastIndex { $0 > 0 } ?? 0) + 1
        guard used >= levels, used > 1 else { return nil }
        var counts = bins[..<used].map(Double.init)
        counts[0] = counts[1]
        let sums = Prefix(counts) { $0 }
        let filled = Prefix(counts) { $0 > 0 ? 1 : 0 }
        let entropies = Prefix(counts, plogp)
        let total = sums[used]
        var best: (bins: Int, divergence: Double)?
        for cut in levels...used {
            let tail = total - sums[cut]
            let last = counts[cut - 1]
            // The last bin would have a chance in P and none in Q.
            if tail > 0 && last == 0 { continue }
            var cross = 0.0
            for group in 0..<levels {
                let start = (group * cut + levels - 1) / levels
                let end = ((group + 1) * cut + levels - 1) / levels
                let sum = sums[end] - sums[start]
                guard sum > 0 else { continue }
                let p = end == cut ? sum + tail : sum
                cross += p * log(sum / (filled[end] - filled[start]))
            }
            let own = entropies[cut - 1] + plogp(last + tail)
            let divergence = (own - cross) / total + log(sums[cut] / total)
            if divergence <= best?.divergence ?? .infinity { best = (cut, divergence) }
        }
        return best
    }

    /// Sums of a function of the counts before each place: `[n + 1]`.
    private struct Prefix {
        private var sums: [Double] = [0]

        init(_ counts: [Double], _ function: (Double) -> Double) {
            sums.reserveCapacity(counts.count + 1)
            for count in counts { sums.append(sums[sums.count - 1] + function(count)) }
        }

        subscript(place: Int) -> Double { sums[place] }
    }
}

/// `p log p`, 0 at 0.
private func plogp(_ p: Double) -> Double { p > 0 ? p * log(p) : 0 }
