/// The four ways of LSQ+ to place the grid of activations (Bhalgat et al. 2020, table 1).
public enum ActivationScheme: Int, Sendable, CaseIterable {
    /// Codes from 0, no offset: LSQ. For inputs that are never negative; zero stays zero.
    case unsignedSymmetric = 1
    /// Codes around 0, no offset; zero stays zero.
    case signedSymmetric = 2
    /// Codes around 0, learned offset.
    case signedAsymmetric = 3
    /// Codes from 0, learned offset. For activation functions that dip below zero, such as SiLU.
    case unsignedAsymmetric = 4

    public var isSigned: Bool { self == .signedSymmetric || self == .signedAsymmetric }
    public var hasOffset: Bool { self == .signedAsymmetric || self == .unsignedAsymmetric }
}

extension ActivationScheme {
    /// The scheme for some values, by the extremes of them.
    public static func fitting(_ sample: [Float], allowsSigned: Bool) -> ActivationScheme {
        fitting(ActivationStatistics(of: sample).extremes, allowsSigned: allowsSigned)
    }

    /// The scheme for values of which the extremes are known: unsigned without an offset if none is
    /// negative; else, if both signs are about as large, signed without an offset where that is
    /// allowed; else with an offset.
    /// - Parameter extremes: of the values; `nil` if there are none.
    public static func fitting(
        _ extremes: ActivationStatistics.Extremes?, allowsSigned: Bool
    ) -> ActivationScheme {
        let (low, high) = (extremes?.low ?? 0, extremes?.high ?? 0)
        if low >= 0 { return .unsignedSymmetric }
        let isBalanced = high >= -low / 2 && high <= -low * 2
        return allowsSigned && isBalanced ? .signedSymmetric : .unsignedAsymmetric
    }
}

/// How the first grid of an activation quantizer is chosen, or the only one if nothing is trained.
public enum ActivationInitialization: String, Sendable, CaseIterable {
    case minMax = "min-max"
    case movingAverage = "moving-average"
    case percentile
    case lsq
    case leastSquares = "least-squares"
    case entropy

    /// - Parameter percentile: the share of elements in the grid, for `percentile` alone.
    public func calibration(
        percentile: Double = PercentileCalibration.usualPercentile
    ) -> any ActivationCalibration {
        switch self {
        case .minMax: MinMaxCalibration()
        case .movingAverage: MovingAverageCalibration()
        case .percentile: PercentileCalibration(percentile: percentile)
        case .lsq: MeanMagnitudeCalibration()
        case .leastSquares: LeastSquaresCalibration()
        case .entropy: EntropyCalibration()
        }
    }
}
