import Foundation

/// The factor on the learning rate over the course of a training.
public enum LearningRateSchedule: Sendable, Equatable {
    case constant
    /// Half a cosine from 1 to `end` (Loshchilov & Hutter 2017, without restarts).
    case cosine(end: Float)
    /// Multiplied by `factor` at each of the given shares of the training, such as 0.5 and 0.75.
    case step(at: [Float], factor: Float)

    /// - Parameters:
    ///   - progress: the share of the training that is done, 0...1.
    ///   - warmUp: the share over which the rate grows linearly from 0 to its value.
    public func factor(at progress: Float, warmUp: Float = 0) -> Float {
        let ramp = warmUp > 0 ? min(1, progress / warmUp) : 1
        switch self {
        case .constant:
            return ramp
        case .cosine(let end):
            return ramp * (end + (1 - end) * 0.5 * (1 + cos(.pi * progress)))
        case .step(let shares, let factor):
            return ramp * pow(factor, Float(shares.count { $0 <= progress }))
        }
    }
}
