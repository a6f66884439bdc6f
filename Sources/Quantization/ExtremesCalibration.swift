/// The extremes of all elements are the ends of the grid: nothing is clipped.
public struct MinMaxCalibration: RangeCalibration {
    public init() {}

    public func range(
        of statistics: ActivationStatistics, extremes: ActivationStatistics.Extremes, bits: Int,
        scheme: ActivationScheme
    ) -> ActivationStatistics.Extremes {
        extremes
    }
}

/// The moving averages of the batches' extremes, from those of the first batch on (TensorFlow's
/// quantizers of activations; Jacob et al. 2018, arXiv 1712.05877, §3.1). Single outliers count
/// less.
public struct MovingAverageCalibration: RangeCalibration {
    /// What stays of the average from batch to batch. TensorFlow has 0.999 while a network is
    /// trained over thousands of batches; a calibration has a few dozen.
    public let momentum: Float

    public init(momentum: Float = 0.9) {
        precondition((0..<1).contains(momentum), "a momentum is in 0..<1, not \(momentum)")
        self.momentum = momentum
    }

    public func range(
        of statistics: ActivationStatistics, extremes: ActivationStatistics.Extremes, bits: Int,
        scheme: ActivationScheme
    ) -> ActivationStatistics.Extremes {
        statistics.batches.dropFirst().reduce(statistics.batches[0]) {
            ActivationStatistics.Extremes(
                low: momentum * $0.low + (1 - momentum) * $1.low,
                high: momentum * $0.high + (1 - momentum) * $1.high)
        }
    }
}
