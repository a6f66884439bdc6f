/// Finds the step and the offset of a grid that lie closest to a sample in the sum of squares.
///
/// Alternates codes and least squares of the sample on the codes, from several starts: for fixed
/// codes `q` the best grid is `step = cov(q, x) / var(q)`, `offset = mean(x) − step · mean(q)`, or
/// `step = Σqx / Σq²` without an offset. A sweep never raises the error, but ends in a local
/// minimum; hence the starts. It stands for the gradient descent of LSQ+ (Bhalgat et al. 2020, §3.3).
struct GridFit {
    /// More values than this are thinned out evenly before the fit.
    static let sampleSize = 1 << 16
    static let startFactors = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2]

    struct Solution: Equatable {
        var step: Double
        var offset: Double
        /// The weighted sum of squares.
        var squaredError: Double
    }

    private var values: [Double]
    /// How many equal values each stands for.
    private var counts: [Double]
    let lowest: Double
    let highest: Double
    let fitsOffset: Bool

    init(
        _ values: [Float], counts: [Int]? = nil, lowest: Float, highest: Float, fitsOffset: Bool
    ) {
        let stride = (values.count + Self.sampleSize - 1) / Self.sampleSize
        let kept = Swift.stride(from: 0, to: values.count, by: max(stride, 1))
        self.values = kept.map { Double(values[$0]) }
        self.counts = kept.map { Double(counts?[$0] ?? 1) }
        self.lowest = Double(lowest)
        self.highest = Double(highest)
        self.fitsOffset = fitsOffset
    }

    /// The best end of the sweeps from all starts around a first grid.
    func best(around step: Double, offset: Double) -> Solution {
        let low = offset + lowest * step
        let middle = low + (highest - lowest) * step / 2
        var best = refined(step: step, offset: offset)
        for factor in Self.startFactors {
            let step = factor * step
            var offsets = [offset]
            if fitsOffset {
                // Smaller grids leave out the top, or top and bottom alike.
                offsets = [low - lowest * step, middle - (lowest + highest) * step / 2]
            }
            for offset in offsets {
                let end = refined(step: step, offset: offset)
                if end.squaredError < best.squaredError { best = end }
            }
        }
        let near = nearby(best)
        return near.squaredError < best.squaredError ? near : best
    }

    /// From 6 bits on the error has many narrow minima: looks at steps within 10 %, with the lower
    /// end of the grid held if it has an offset, and starts again from the best.
    private func nearby(_ solution: Solution) -> Solution {
        let low = solution.offset + lowest * solution.step
        let tried = (-25...25).map { k in
            let step = solution.step * (1 + 0.004 * Double(k))
            let offset = fitsOffset ? low - lowest * step : solution.offset
            var tried = Solution(step: step, offset: offset, squaredError: 0)
            tried.squaredError = sweep(tried).error
            return tried
        }
        let best = tried.min { $0.squaredError < $1.squaredError }!
        return refined(step: best.step, offset: best.offset)
    }

    /// Sweeps from one start until the grid stays.
    func refined(step: Double, offset: Double, maximumSweeps: Int = 200) -> Solution {
        var current = Solution(step: step, offset: offset, squaredError: 0)
        for _ in 0..<maximumSweeps {
            let (error, next) = sweep(current)
            current.squaredError = error
            guard let next else { return current }
            let change = max(abs(next.step - current.step), abs(next.offset - current.offset))
            if change <= 1e-12 * current.step { return current }
            current = next
        }
        current.squaredError = sweep(current).error
        return current
    }

    /// The error of a grid, and the best grid for its codes (nil where the codes are all alike).
    private func sweep(_ grid: Solution) -> (error: Double, next: Solution?) {
        var (error, n, sumQ, sumX, sumQX, sumQQ) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        for index in values.indices {
            let (x, count) = (values[index], counts[index])
            let u = min(max((x - grid.offset) / grid.step, lowest), highest)
            let q = u.rounded(.toNearestOrEven)
            let difference = grid.step * q + grid.offset - x
            error += count * difference * difference
            n += count
            sumQ += count * q
            sumX += count * x
            sumQX += count * q * x
            sumQQ += count * q * q
        }
        let meanQ = fitsOffset && n > 0 ? sumQ / n : 0
        let spread = sumQQ - meanQ * sumQ
        let step = (sumQX - meanQ * sumX) / spread
        guard spread > 0, step > 0 else { return (error, nil) }
        let offset = fitsOffset ? sumX / n - step * meanQ : grid.offset
        return (error, Solution(step: step, offset: offset, squaredError: error))
    }
}
