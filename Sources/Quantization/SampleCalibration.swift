/// The least squared error over a sample, searched from the extremes (Bhalgat et al. 2020, §3.3).
public struct LeastSquaresCalibration: ActivationCalibration {
    public var needsHistogram: Bool { false }

    public init() {}

    public func grid(
        for statistics: ActivationStatistics, bits: Int, scheme: ActivationScheme
    ) -> UniformGrid {
        var grid = MinMaxCalibration().grid(for: statistics, bits: bits, scheme: scheme)
        guard let extremes = statistics.extremes,
            grid.step(scheme, spanning: extremes) != nil
        else { return grid }
        let fit = GridFit(
            statistics.sample, lowest: grid.lowest, highest: grid.highest,
            fitsOffset: scheme.hasOffset
        ).best(around: Double(grid.step), offset: Double(grid.offset))
        grid.step = max(Float(fit.step), UniformGrid.smallestStep)
        grid.offset = Float(fit.offset)
        return grid
    }
}

/// `2 · mean|x| / √p` over a sample (Esser et al. 2020, §2.1), with the lower end at 0.
public struct MeanMagnitudeCalibration: ActivationCalibration {
    public var needsHistogram: Bool { false }

    public init() {}

    public func grid(
        for statistics: ActivationStatistics, bits: Int, scheme: ActivationScheme
    ) -> UniformGrid {
        var grid = MinMaxCalibration().grid(for: statistics, bits: bits, scheme: scheme)
        guard let extremes = statistics.extremes,
            grid.step(scheme, spanning: extremes) != nil
        else { return grid }
        let sample = statistics.sample
        let mean = sample.reduce(0) { $0 + Double(abs($1)) } / Double(sample.count)
        grid.step = max(
            Float(2 * mean / Double(grid.highest).squareRoot()), UniformGrid.smallestStep)
        grid.offset = scheme.hasOffset ? -grid.lowest * grid.step : 0
        return grid
    }
}
