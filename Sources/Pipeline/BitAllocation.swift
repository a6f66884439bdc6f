/// Chooses the bits of each layer so that the mean over all weights keeps to a budget and the error is
/// small.
///
/// All layers start with the most bits; then again and again the layer gives up bits that loses the
/// least error for each bit saved, until the budget is met. Where each layer's error is convex in its
/// bits, no other choice of the same size has a smaller sum.
package struct BitAllocation {
    package struct Layer {
        /// Those that are coded.
        package var weights: Int
        /// By bits: what the layer's choice does to the network. Of a layer whose bits are given, one.
        package var errors: [Int: Double]

        package init(weights: Int, errors: [Int: Double]) {
            self.weights = weights
            self.errors = errors
        }
    }

    /// The bits of each layer.
    package let bits: [Int]

    /// - Parameter budget: mean bits of a weight. Where the fewest bits are too many, those are taken.
    package init(_ layers: [Layer], budget: Double) {
        var bits = layers.map { $0.errors.keys.max()! }
        let limit = budget * Double(layers.reduce(0) { $0 + $1.weights })
        var size = zip(layers, bits).reduce(0) { $0 + $1.0.weights * $1.1 }
        while Double(size) > limit {
            var best: (layer: Int, bits: Int, price: Double)?
            for (index, layer) in layers.enumerated() {
                for (fewer, error) in layer.errors where fewer < bits[index] {
                    let saved = max(layer.weights, 1) * (bits[index] - fewer)
                    let price = (error - layer.errors[bits[index]]!) / Double(saved)
                    // Of equals the one with more bits, so that the order of a dictionary is none.
                    if best == nil || price < best!.price
                        || price == best!.price && (index, -fewer) < (best!.layer, -best!.bits)
                    {
                        best = (index, fewer, price)
                    }
                }
            }
            guard let best else { break }
            size -= layers[best.layer].weights * (bits[best.layer] - best.bits)
            bits[best.layer] = best.bits
        }
        self.bits = bits
    }
}
