/// A share of the elements, as 99.99 %, is inside the grid; the largest ones are clipped.
///
/// A signed grid without an offset counts magnitudes; an unsigned one clips above only. Grids with
/// an offset leave as large a share out below as above. Where nearly all elements are zero and nothing
/// else would be inside, the extremes count.
public struct PercentileCalibration: RangeCalibration {
    public static let usualPercentile = 99.99
    public var needsHistogram: Bool { true }

    /// 50...100
    public let percentile: Double

    public init(percentile: Double = usualPercentile) {
        precondition((50...100).contains(percentile), "no percentile: \(percentile)")
        self.percentile = percentile
    }

    public func range(
        of statistics: ActivationStatistics, extremes: ActivationStatistics.Extremes, bits: Int,
        scheme: ActivationScheme
    ) -> ActivationStatistics.Extremes {
        let histogram = statistics.histogram!
        let width = histogram.binWidth
        func cut(_ bins: [Int], behind others: Int) -> Float {
            Float(Self.lastBin(of: bins, behind: others, percentile: percentile)) * width
        }
        if scheme == .signedSymmetric {
            let bound = cut(histogram.magnitudes, behind: 0)
            if bound == 0 { return extremes }
            return ActivationStatistics.Extremes(low: -bound, high: bound)
        }
        let high = cut(histogram.positive, behind: histogram.negative.reduce(0, +))
        let low = -cut(histogram.negative, behind: histogram.positive.reduce(0, +))
        if high == 0, low == 0 || !scheme.hasOffset { return extremes }
        return ActivationStatistics.Extremes(
            low: max(low, extremes.low), high: min(high, extremes.high))
    }

    /// The bin with which the share is reached, counted outwards from zero.
    /// - Parameter others: how many elements lie on the other side of zero.
    public static func lastBin(of bins: [Int], behind others: Int = 0, percentile: Double) -> Int {
        let total = bins.reduce(others, +)
        let wanted = Int((percentile / 100 * Double(total) - 1e-9).rounded(.up))
        var sum = others
        for (bin, count) in bins.enumerated() {
            sum += count
            if sum >= wanted { return bin }
        }
        return 0
    }
}
