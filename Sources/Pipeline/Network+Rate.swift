import Networks
import Pruning
import Quantization
import WeightSharing

extension Network {
    /// Adds the gradient of `price · bits / weights` over all layers, with the bits that codes and
    /// positions take and the weights that are not pruned.
    mutating func addRateGradient(price: Float) {
        var shares = [WeightShares]()
        visitWeights { shares.append($1.shares) }
        let kept = shares.reduce(0) { $0 + $1.total }
        var next = shares.makeIterator()
        visitWeights { _, weight in
            weight.addRateGradient(price: price / Float(max(kept, 1)), shares: next.next()!)
        }
    }
}

extension Parameter {
    /// Weights that are not pruned.
    var keptCount: Int {
        parametrization(Mask.self)?.keptCount ?? effective.count
    }

    /// How many weights each number that is trained stands for.
    fileprivate var shares: WeightShares {
        let mask = parametrization(Mask.self)?.bytes
        guard let codebook = parametrization(Codebook.self) else {
            return mask.map(WeightShares.init) ?? WeightShares(count: trained.value.count)
        }
        var counts = [Int](repeating: 0, count: 256)
        for (index, code) in codebook.codes.enumerated() where mask?[index] != 0 {
            counts[Int(code)] += 1
        }
        let centroids = Array(counts[1..<trained.value.count + 1])
        return WeightShares(
            counts: centroids, zeros: codebook.codes.count - centroids.reduce(0, +))
    }
}
