/// How many weights of a layer each trained number stands for: one in a layer with weights of its own, as
/// many as share it for a centroid, none for a weight that is pruned.
public struct WeightShares {
    /// The trained numbers that count, as indices into their tensor: most weights are pruned, and
    /// those that are not have to be found once a step only.
    private let indices: [Int]
    /// For each of `indices`; one if `nil`.
    private let counts: [Int]?
    /// Weights that are zero whatever is trained.
    public let zeros: Int

    /// Every trained number stands for `counts[index]` weights, 0 if it counts for none.
    /// - Parameter zeros: how many more weights of the layer are zero whatever is trained.
    public init(counts: [Int], zeros: Int = 0) {
        indices = counts.indices.filter { counts[$0] > 0 }
        self.counts = counts.filter { $0 > 0 }
        self.zeros = zeros
    }

    /// Every one of `count` trained numbers is a weight.
    public init(count: Int, zeros: Int = 0) {
        indices = Array(0..<count)
        counts = nil
        self.zeros = zeros
    }

    /// Trained numbers are weights; those whose byte of `mask` is 0 are pruned.
    public init(mask: [UInt8]) {
        var kept = [Int]()
        mask.withUnsafeBytes { bytes in
            // Eight at a time: a masked layer is mostly words of zeros.
            let whole = bytes.count & ~7
            for start in stride(from: 0, to: whole, by: 8)
            where bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self) != 0 {
                for index in start..<start + 8 where bytes[index] != 0 { kept.append(index) }
            }
            for index in whole..<bytes.count where bytes[index] != 0 { kept.append(index) }
        }
        indices = kept
        counts = nil
        zeros = mask.count - kept.count
    }

    /// Whether each trained number is a weight of its own.
    var areWeights: Bool { counts == nil }

    /// Weights that are not pruned.
    public var total: Int { counts?.reduce(0, +) ?? indices.count }

    @inline(__always)
    func forEach(_ body: (_ index: Int, _ count: Double) -> Void) {
        if let counts {
            for (place, index) in indices.enumerated() { body(index, Double(counts[place])) }
        } else {
            for index in indices { body(index, 1) }
        }
    }
}
