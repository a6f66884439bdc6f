import Tensors

/// Criteria that keep the weights of largest magnitude (Han et al. 2015, arXiv 1506.02626).
///
/// Given effective weights, what is pruned stays pruned where no more are to stay than are left, since
/// zeros are the smallest. Given the trained weights under a mask that regrows, weights can come back.
extension Mask {
    /// Prunes exactly `round(sparsity · count)` weights. Among equal magnitudes the first ones stay.
    public init(pruning weights: Tensor, toSparsity sparsity: Double, regrows: Bool = false) {
        let kept = weights.count - prunedCount(sparsity, of: weights.count)
        self = Self.masks(keeping: kept, of: [weights], regrows: regrows)[0]
    }

    /// Prunes weights of a magnitude below `quality · σ`, σ being the standard deviation of the
    /// weights (Han et al. 2015, §3.4), or of those that are not zero, if `skipsZeros`.
    public init(
        pruning weights: Tensor, belowDeviations quality: Double, skipsZeros: Bool = false,
        regrows: Bool = false
    ) {
        let threshold = quality * standardDeviation(of: weights, skipsZeros: skipsZeros)
        let bytes: [UInt8] = weights.withUnsafeElements { elements in
            elements.map { Double($0.magnitude) < threshold ? 0 : 1 }
        }
        self.init(bytes: bytes, regrows: regrows)
    }

    /// What a threshold over all layers compares.
    public enum Score: Sendable {
        case magnitude
        /// `w² / Σ v²` over the `v` of the same layer that are not smaller (LAMP: Lee et al. 2021,
        /// arXiv 2010.07611, eq. 1), which spreads the sparsity over the layers by itself.
        case lamp
    }

    /// One threshold over all layers: prunes `round(sparsity · count)` of all weights together.
    ///
    /// - Parameter minimumDensities: the share of each layer that stays in any case, rounded up; empty
    ///   for none. Where those are already more than may stay, they are all that stays.
    public static func masks(
        pruning layers: [Tensor], toGlobalSparsity sparsity: Double, by score: Score = .magnitude,
        minimumDensities: [Double] = [], regrows: Bool = false
    ) -> [Mask] {
        precondition(minimumDensities.isEmpty || minimumDensities.count == layers.count)
        let total = layers.reduce(0) { $0 + $1.count }
        let wanted = total - prunedCount(sparsity, of: total)
        var scores = score == .lamp ? layers.map(lampScores) : layers
        var reserved = 0
        for (index, density) in minimumDensities.enumerated() where density > 0 {
            precondition(density <= 1, "a density lies in 0...1, not \(density)")
            let floor = Int((density * Double(layers[index].count)).rounded(.up))
            let marks = LargestSelection.marks(floor, of: [layers[index]])[0]
            // What a layer keeps in any case goes before everything else.
            scores[index].replace(where: marks, by: .infinity)
            reserved += floor
        }
        return masks(keeping: max(wanted, reserved), of: scores, regrows: regrows)
    }

    private static func masks(keeping count: Int, of scores: [Tensor], regrows: Bool) -> [Mask] {
        LargestSelection.marks(count, of: scores).map { Mask(bytes: $0, regrows: regrows) }
    }
}

/// LAMP scores; a layer's largest weight has 1. Costs a sort.
func lampScores(_ weights: Tensor) -> Tensor {
    let elements = weights.elements
    // Equal magnitudes: the later one first, so that the earlier one gets the higher score.
    let ascending = elements.indices.sorted {
        (elements[$0].magnitude, $1) < (elements[$1].magnitude, $0)
    }
    var scores = [Float](repeating: 0, count: elements.count)
    var sum = 0.0
    for index in ascending.reversed() {
        let square = Double(elements[index]) * Double(elements[index])
        sum += square
        scores[index] = sum > 0 ? Float(square / sum) : 0
    }
    return Tensor(shape: weights.shape, elements: scores)
}

private func prunedCount(_ sparsity: Double, of count: Int) -> Int {
    precondition((0...1).contains(sparsity), "a sparsity lies in 0...1, not \(sparsity)")
    return Int((sparsity * Double(count)).rounded())
}

/// `√(Σ(w − μ)² / n)`
private func standardDeviation(of weights: Tensor, skipsZeros: Bool) -> Double {
    weights.withUnsafeElements { elements in
        var (sum, squares, count) = (0.0, 0.0, 0)
        for element in elements where !(skipsZeros && element == 0) {
            sum += Double(element)
            count += 1
        }
        let mean = sum / Double(max(count, 1))
        for element in elements where !(skipsZeros && element == 0) {
            squares += (Double(element) - mean) * (Double(element) - mean)
        }
        return (squares / Double(max(count, 1))).squareRoot()
    }
}

extension Tensor {
    fileprivate mutating func replace(where marks: [UInt8], by value: Float) {
        withUnsafeMutableElements { elements in
            for index in elements.indices where marks[index] == 1 { elements[index] = value }
        }
    }
}
