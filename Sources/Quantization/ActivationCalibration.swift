/// Chooses the grid of an activation from what has been seen of it.
public protocol ActivationCalibration: Sendable {
    /// Whether it looks at the histogram of all elements, which takes time to keep.
    var needsHistogram: Bool { get }

    /// The grid for a value that has been seen; of step 1 if that gives no range.
    func grid(
        for statistics: ActivationStatistics, bits: Int, scheme: ActivationScheme
    ) -> UniformGrid
}

/// A calibration that chooses the ends of the grid.
public protocol RangeCalibration: ActivationCalibration {
    /// - Parameter extremes: of all elements.
    func range(
        of statistics: ActivationStatistics, extremes: ActivationStatistics.Extremes, bits: Int,
        scheme: ActivationScheme
    ) -> ActivationStatistics.Extremes
}

extension RangeCalibration {
    public var needsHistogram: Bool { false }

    public func grid(
        for statistics: ActivationStatistics, bits: Int, scheme: ActivationScheme
    ) -> UniformGrid {
        guard let extremes = statistics.extremes else {
            return UniformGrid(bits: bits, isSigned: scheme.isSigned)
        }
        return UniformGrid(
            bits: bits, scheme: scheme,
            spanning: range(of: statistics, extremes: extremes, bits: bits, scheme: scheme))
    }
}

extension UniformGrid {
    /// The grid between two ends, as far as a scheme without an offset reaches them; of step 1 if
    /// there is nothing between them.
    public init(bits: Int, scheme: ActivationScheme, spanning ends: ActivationStatistics.Extremes) {
        self.init(bits: bits, isSigned: scheme.isSigned)
        step = self.step(scheme, spanning: ends) ?? 1
        if scheme.hasOffset { offset = ends.low - lowest * step }
    }

    /// The step between two ends; `nil` if there is nothing between them.
    func step(
        _ scheme: ActivationScheme, spanning ends: ActivationStatistics.Extremes
    ) -> Float? {
        let (extent, steps) =
            switch scheme {
            case .unsignedSymmetric: (ends.high, highest)
            case .signedSymmetric: (max(abs(ends.low), abs(ends.high)), highest)
            case .signedAsymmetric, .unsignedAsymmetric: (ends.high - ends.low, highest - lowest)
            }
        return extent > 0 ? max(extent / steps, Self.smallestStep) : nil
    }

    /// The grid with an exact zero, and wide enough that nothing between the ends is clipped.
    ///
    /// For pixels whose zero lies between two of them (mean and deviation 0.5): they would all lie halfway
    /// between two codes of `withExactZero`, and the rounding of the last bit would tell where they go.
    public var withExactZeroAndEnds: UniformGrid {
        var result = withExactZero
        let zero = (-result.offset / result.step).rounded()
        let low = min(offset + lowest * step, 0)
        let high = max(offset + highest * step, 0)
        if zero > lowest { result.step = max(result.step, low / (lowest - zero)) }
        if zero < highest { result.step = max(result.step, high / (highest - zero)) }
        result.offset = -zero * result.step
        return result
    }

    /// The grid moved by up to half a step, and wider if it leaves zero out, so that one of its
    /// codes is zero exactly: the "nudging" of TensorFlow's quantizers. Padding is exact then.
    public var withExactZero: UniformGrid {
        var result = self
        let low = min(offset + lowest * step, 0)
        let high = max(offset + highest * step, 0)
        result.step = max((high - low) / (highest - lowest), Self.smallestStep)
        // In `Double`, so that ties are decided by the ends and not by the rounding of the step.
        let lowShare = Double(low) / max(Double(high) - Double(low), .leastNormalMagnitude)
        let zero = Float(
            (Double(lowest) - lowShare * Double(highest - lowest))
                .rounded(.toNearestOrAwayFromZero))
        result.offset = -min(max(zero, lowest), highest) * result.step
        return result
    }
}
