import Foundation

/// What a bit adds to the loss while a rate term trains.
public enum RatePrice: Sendable, Equatable {
    /// As a schedule says.
    case schedule(Schedule)
    /// What makes the codes of a layer's weights take so many bits on average at the end, pruned weights
    /// and positions included.
    ///
    /// The price follows from where the bits are, and has no memory, so that a training that was
    /// stopped goes on as if it had not been: it grows with the 50th power of the bits' ratio to an
    /// aim that falls from twice the target to the target over the first 70 % of the training. So a
    /// network that settles at a price between 0.003 and 0.3 has bits within 5 % of it. The last part is
    /// for the small learning rates, which move few codes.
    case target(bits: Double)

    static let usualPrice = 0.03
    static let highestPrice = 1.0

    /// - Parameters:
    ///   - progress: the share of the training that is done, 0...1.
    ///   - bits: what a weight takes now, on average.
    public func price(at progress: Float, bits: Double) -> Float {
        switch self {
        case .schedule(let schedule): return schedule.value(at: progress)
        case .target(let target):
            let share = min(Double(progress) / 0.7, 1)
            let aim = target * (1 + (1 + cos(.pi * share)) / 2)
            return Float(min(Self.usualPrice * pow(bits / aim, 50), Self.highestPrice))
        }
    }
}
