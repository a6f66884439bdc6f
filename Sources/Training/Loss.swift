import Foundation
import Tensors

/// Softmax cross-entropy, optionally smoothed and mixed with a teacher's opinion.
///
/// `L = mean over the batch of CE(target, softmax(z)) + w T² KL(softmax(z_t / T) ‖ softmax(z / T))`
/// with teacher logits `z_t` (Hinton, Vinyals & Dean 2015). The target puts `1 − ε` on the label and
/// spreads `ε` evenly over all classes (Szegedy et al. 2016).
public struct Loss: Sendable, Equatable {
    public var labelSmoothing: Float = 0
    /// `w`; 0 leaves the teacher out.
    public var distillationWeight: Float = 0
    /// `T`
    public var temperature: Float = 1

    public init(
        labelSmoothing: Float = 0, distillationWeight: Float = 0, temperature: Float = 1
    ) {
        self.labelSmoothing = labelSmoothing
        self.distillationWeight = distillationWeight
        self.temperature = temperature
    }

    /// The loss and its gradient with respect to the logits.
    /// - Parameters:
    ///   - logits: `[batch, classes]`
    ///   - teacher: `[batch, classes]`, or `nil`; it must be there if the weight is not 0.
    ///   - gradient: receives `[batch, classes]`.
    public func evaluate(
        logits: Tensor, labels: [Int], teacher: Tensor?, gradient: inout Tensor
    ) -> Float {
        let batch = labels.count
        let classes = logits.count / batch
        precondition(logits.count == batch * classes, "\(logits.shape) for \(batch) labels")
        precondition(
            labels.allSatisfy { 0..<classes ~= $0 }, "a label is outside of 0..<\(classes)")
        precondition(distillationWeight == 0 || teacher?.count == logits.count, "no teacher")
        gradient.resize(to: [batch, classes])
        let scale = 1 / Float(batch)
        var total: Double = 0
        gradient.withUnsafeMutableElements { gradient in
            logits.withUnsafeElements { logits in
                for (sample, label) in labels.enumerated() {
                    let row = sample * classes..<(sample + 1) * classes
                    let (p, logP) = softmax(logits[row], temperature: 1)
                    for (c, index) in row.enumerated() {
                        let target =
                            labelSmoothing / Float(classes) + (c == label ? 1 - labelSmoothing : 0)
                        gradient[index] = (p[c] - target) * scale
                        if target > 0 { total -= Double(target * logP[c]) }
                    }
                }
            }
        }
        if let teacher, distillationWeight > 0 {
            total += distill(logits, teacher, classes: classes, scale: scale, into: &gradient)
        }
        return Float(total / Double(batch))
    }

    /// Adds the teacher's part. Its gradient is `w T (softmax(z / T) − softmax(z_t / T))`.
    private func distill(
        _ logits: Tensor, _ teacher: Tensor, classes: Int, scale: Float, into gradient: inout Tensor
    ) -> Double {
        var total: Double = 0
        let (weight, temperature) = (distillationWeight, temperature)
        gradient.withUnsafeMutableElements { gradient in
            logits.withUnsafeElements { logits in
                teacher.withUnsafeElements { teacher in
                    for start in stride(from: 0, to: logits.count, by: classes) {
                        let row = start..<start + classes
                        let (p, logP) = softmax(logits[row], temperature: temperature)
                        let (q, logQ) = softmax(teacher[row], temperature: temperature)
                        for (c, index) in row.enumerated() {
                            gradient[index] += weight * temperature * (p[c] - q[c]) * scale
                            let divergence = q[c] > 0 ? q[c] * (logQ[c] - logP[c]) : 0
                            total += Double(weight * temperature * temperature * divergence)
                        }
                    }
                }
            }
        }
        return total
    }
}

/// `p = exp(z / T) / Σ exp(z / T)`, shifted by the maximum, and its logarithm, which does not
/// end where `p` becomes 0.
private func softmax(
    _ z: Slice<UnsafeBufferPointer<Float>>, temperature: Float
) -> (p: [Float], logP: [Float]) {
    let top = z.max()!
    let shifted = z.map { ($0 - top) / temperature }
    let powers = shifted.map { exp($0) }
    let sum = powers.reduce(0, +)
    let logSum = log(sum)
    return (powers.map { $0 / sum }, shifted.map { $0 - logSum })
}
