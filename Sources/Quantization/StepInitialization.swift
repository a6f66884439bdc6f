/// How the first step of a weight quantizer is chosen. All look at nonzero weights only.
public enum StepInitialization: String, Sendable, CaseIterable {
    /// `2 · mean|w| / √p` (Esser et al. 2020, §2.1); far too wide at 8 bits.
    case lsq
    /// `max(|μ − 3σ|, |μ + 3σ|) / 2^(b−1)` (Bhalgat et al. 2020, §3.3), with the σ of a population.
    case lsqPlus = "lsq+"
    /// The least squared error.
    case leastSquares = "least-squares"
    /// `max|w| / p`: nothing is clipped. Right for 8 bits.
    case maximum

    /// The step for values that are not zero, or 1 if there are none.
    /// - Parameter counts: how many weights stand behind each value, for a table of centroids.
    public func step(for values: [Float], counts: [Int]? = nil, grid: UniformGrid) -> Float {
        precondition(
            counts == nil || counts!.count == values.count,
            "\(values.count) values, but \(counts?.count ?? 0) counts")
        if values.contains(0) || counts?.contains(0) == true {
            let kept = values.indices.lazy.filter { values[$0] != 0 && counts?[$0] != 0 }
            return step(
                for: kept.map { values[$0] },
                counts: counts.map { counts in kept.map { counts[$0] } }, grid: grid)
        }
        guard let peak = values.lazy.map(abs).max() else { return 1 }
        let p = Double(grid.highest)
        let step: Double =
            switch self {
            case .lsq: 2 * mean(values, counts) { abs($0) } / p.squareRoot()
            case .lsqPlus: threeDeviations(values, counts) / (p + 1)
            case .maximum: Double(peak) / p
            case .leastSquares:
                GridFit(
                    values, counts: counts, lowest: grid.lowest, highest: grid.highest,
                    fitsOffset: false
                ).best(around: Double(peak) / p, offset: 0).step
            }
        return max(Float(step), UniformGrid.smallestStep)
    }

    /// `max(|μ − 3σ|, |μ + 3σ|)`
    private func threeDeviations(_ values: [Float], _ counts: [Int]?) -> Double {
        let mu = mean(values, counts) { $0 }
        let sigma = mean(values, counts) { ($0 - mu) * ($0 - mu) }.squareRoot()
        return max(abs(mu - 3 * sigma), abs(mu + 3 * sigma))
    }

    private func mean(
        _ values: [Float], _ counts: [Int]?, _ term: (Double) -> Double
    ) -> Double {
        var (sum, total) = (0.0, 0)
        for index in values.indices {
            let count = counts?[index] ?? 1
            sum += Double(count) * term(Double(values[index]))
            total += count
        }
        return sum / Double(total)
    }
}
