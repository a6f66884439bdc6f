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

    /// Ascending.
    private let values: [Double]
    /// Sums over the values before each place: of counts, of values and of squares, each `[n + 1]`.
    private var counts: [Double] = [0]
    private var sums: [Double] = [0]
    private var squares: [Double] = [0]
    let lowest: Double
    let highest: Double
    let fitsOffset: Bool

    /// - Parameter counts: how many equal values each stands for.
    init(
        _ values: [Float], counts: [Int]? = nil, lowest: Float, highest: Float, fitsOffset: Bool
    ) {
        let stride = (values.count + Self.sampleSize - 1) / Self.sampleSize
        let order = Swift.stride(from: 0, to: values.count, by: max(stride, 1))
            .sorted { values[$0] < values[$1] }
        self.values = order.map { Double(values[$0]) }
        for (place, index) in order.enumerated() {
            let (value, count) = (self.values[place], Double(counts?[index] ?? 1))
            self.counts.append(self.counts[place] + count)
            sums.append(sums[place] + count * value)
            squares.append(squares[place] + count * value * value)
        }
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
    ///
    /// The values of one code lie side by side, so that a sweep costs a search for each code.
    private func sweep(_ grid: Solution) -> (error: Double, next: Solution?) {
        var (error, sumQ, sumQX, sumQQ) = (0.0, 0.0, 0.0, 0.0)
        var (q, start) = (lowest, 0)
        while q <= highest {
            let end =
                q < highest
                ? firstPlace(from: start, atLeast: grid.offset + grid.step * (q + 0.5))
                : values.count
            if end > start {
                let n = counts[end] - counts[start]
                let x = sums[end] - sums[start]
                let value = grid.step * q + grid.offset
                error += squares[end] - squares[start] - 2 * value * x + value * value * n
                sumQ += n * q
                sumQX += q * x
                sumQQ += n * q * q
            }
            (q, start) = (q + 1, end)
        }
        let (n, sumX) = (counts[values.count], sums[values.count])
        let meanQ = fitsOffset && n > 0 ? sumQ / n : 0
        let spread = sumQQ - meanQ * sumQ
        let step = (sumQX - meanQ * sumX) / spread
        error = max(error, 0)
        guard spread > 0, step > 0 else { return (error, nil) }
        let offset = fitsOffset ? sumX / n - step * meanQ : grid.offset
        return (error, Solution(step: step, offset: offset, squaredError: error))
    }

    /// The first place, from `start` on, of a value that is not less than `bound`.
    private func firstPlace(from start: Int, atLeast bound: Double) -> Int {
        var (low, high) = (start, values.count)
        while low < high {
            let middle = (low + high) / 2
            if values[middle] < bound { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
