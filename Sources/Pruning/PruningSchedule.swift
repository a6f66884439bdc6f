import Foundation

/// The sparsities to which a network is pruned one after the other, and when.
public struct PruningSchedule: Sendable, Equatable {
    /// The target of each update, never falling.
    public let sparsities: [Double]
    /// The training step of the first update.
    public let start: Int
    /// Training steps from one update to the next.
    public let interval: Int

    public init(sparsities: [Double], start: Int = 0, interval: Int = 1) {
        precondition(
            sparsities.allSatisfy { (0...1).contains($0) }
                && zip(sparsities, sparsities.dropFirst()).allSatisfy { $0 <= $1 },
            "sparsities rise within 0...1, found \(sparsities)")
        precondition(
            start >= 0 && interval > 0, "updates start at \(start), every \(interval) steps")
        self.sparsities = sparsities
        self.start = start
        self.interval = interval
    }

    /// Gradual pruning (Zhu & Gupta 2017, arXiv 1710.01878, eq. 1): `count + 1` updates, fast at first,
    ///
    ///     s_t = s_f + (s_i − s_f) · (1 − (t − t₀) / (n·Δt))³
    public static func cubic(
        from initial: Double = 0, to final: Double, start: Int = 0, interval: Int = 1, count: Int
    ) -> PruningSchedule {
        precondition(count > 0, "a cubic schedule has at least one interval, not \(count)")
        let sparsities = (0...count).map { k in
            final + (initial - final) * pow(1 - Double(k) / Double(count), 3)
        }
        return PruningSchedule(sparsities: sparsities, start: start, interval: interval)
    }

    /// Whether the mask is made anew before this training step.
    public func isUpdate(at step: Int) -> Bool {
        step >= start && (step - start) % interval == 0
            && (step - start) / interval < sparsities.count
    }

    /// The sparsity in force at a training step; nil before the first update.
    public func sparsity(at step: Int) -> Double? {
        guard step >= start, let last = sparsities.indices.last else { return nil }
        return sparsities[min((step - start) / interval, last)]
    }
}
