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
    /// The scheme for values of which a sample is known: unsigned without an offset if none is
    /// negative; else, if both signs are about as large, signed without an offset where that is
    /// allowed; else with an offset.
    public static func fitting(_ sample: [Float], allowsSigned: Bool) -> ActivationScheme {
        let low = sample.min() ?? 0
        let high = sample.max() ?? 0
        if low >= 0 { return .unsignedSymmetric }
        let isBalanced = high >= -low / 2 && high <= -low * 2
        return allowsSigned && isBalanced ? .signedSymmetric : .unsignedAsymmetric
    }
}

/// How the first grid of an activation quantizer is chosen from a sample.
public enum ActivationInitialization: String, Sendable, CaseIterable {
    /// The extremes of the sample are the ends of the grid.
    case minMax = "min-max"
    /// `2 · mean|x| / √p` (Esser et al. 2020, §2.1), with the lower end at 0.
    case lsq
    /// The least squared error, searched from the extremes (Bhalgat et al. 2020, §3.3).
    case leastSquares = "least-squares"

    /// The grid for a sample; of step 1 if the sample gives no range.
    public func grid(for sample: [Float], bits: Int, scheme: ActivationScheme) -> UniformGrid {
        var grid = UniformGrid(bits: bits, isSigned: scheme.isSigned)
        guard let first = sample.first else { return grid }
        let (low, high) = sample.reduce((first, first)) { (min($0.0, $1), max($0.1, $1)) }
        switch scheme {
        case .unsignedSymmetric: grid.step = high / grid.highest
        case .signedSymmetric: grid.step = max(abs(low), abs(high)) / grid.highest
        default: grid.step = (high - low) / (grid.highest - grid.lowest)
        }
        let hasRange = grid.step > UniformGrid.smallestStep
        if !hasRange { grid.step = 1 }
        if scheme.hasOffset { grid.offset = low - grid.lowest * grid.step }
        if self == .minMax || !hasRange { return grid }
        if self == .lsq {
            let mean = sample.reduce(0) { $0 + Double(abs($1)) } / Double(sample.count)
            grid.step = max(
                Float(2 * mean / Double(grid.highest).squareRoot()), UniformGrid.smallestStep)
            grid.offset = scheme.hasOffset ? -grid.lowest * grid.step : 0
            return grid
        }
        let fit = GridFit(
            sample, lowest: grid.lowest, highest: grid.highest, fitsOffset: scheme.hasOffset
        ).best(around: Double(grid.step), offset: Double(grid.offset))
        grid.step = max(Float(fit.step), UniformGrid.smallestStep)
        grid.offset = Float(fit.offset)
        return grid
    }
}
