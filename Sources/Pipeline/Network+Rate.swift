import Networks
import Pruning
import Quantization
import WeightSharing

extension Network {
    /// Adds the gradient of `price · bits / weights` over all layers, with the bits that codes and
    /// positions take and the weights that are not pruned.
    mutating func addRateGradient(price: Float) {
        var kept = 0
        visitWeights { kept += $1.keptCount }
        visitWeights { _, weight in
            let (counts, zeros) = weight.shares
            weight.addRateGradient(price: price / Float(max(kept, 1)), counts: counts, zeros: zeros)
        }
    }
}

extension Parameter {
    /// Weights that are not pruned.
    var keptCount: Int {
        parametrization(Mask.self)?.keptCount ?? effective.count
    }

    /// For each number that is trained, how many weights it stands for; and how many weights are
    /// zero whatever is trained.
    fileprivate var shares: (counts: [Int]?, zeros: Int) {
        let mask = parametrization(Mask.self)?.bytes
        guard let codebook = parametrization(Codebook.self) else {
            guard let mask else { return (nil, 0) }
            let counts = mask.map { Int($0) }
            return (counts, mask.count - counts.reduce(0, +))
        }
        var counts = [Int](repeating: 0, count: 256)
        for (index, code) in codebook.codes.enumerated() where mask?[index] != 0 {
            counts[Int(code)] += 1
        }
        let shares = Array(counts[1..<trained.value.count + 1])
        return (shares, codebook.codes.count - shares.reduce(0, +))
    }
}
