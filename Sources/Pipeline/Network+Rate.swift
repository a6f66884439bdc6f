import Networks
import Pruning
import Quantization
import WeightSharing

extension Network {
    /// Adds the gradient of `price · bits / weights` over all layers, with the bits that codes and
    /// positions take and the weights that are not pruned.
    /// - Parameter progress: the share of the training that is done.
    mutating func addRateGradient(price: RatePrice, progress: Float) {
        var layers = [(shares: WeightShares, rate: CodeRate?)]()
        visitWeights { _, weight in
            let shares = weight.shares
            layers.append((shares, weight.codeRate(shares: shares)))
        }
        let rates = layers.compactMap(\.rate)
        let bits = rates.reduce(0) { $0 + $1.roundedBits }
        let weights = rates.reduce(0) { $0 + $1.weights }
        let kept = layers.reduce(0) { $0 + $1.shares.total }
        let price =
            price.price(at: progress, bits: bits / Double(max(weights, 1))) / Float(max(kept, 1))
        var next = layers.makeIterator()
        visitWeights { _, weight in
            guard case (let shares, let rate?) = next.next()! else { return }
            weight.addRateGradient(of: rate, price: price, shares: shares)
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
