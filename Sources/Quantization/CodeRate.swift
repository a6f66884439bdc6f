import Foundation
import Networks
import Tensors

/// How many bits the codes and the positions of a layer's weights take after entropy coding, as a
/// function that can be differentiated.
///
/// A weight at `u = w / step` between the codes `c` and `c + 1` counts for both, by how near it is.
/// With these soft counts `h` of codes over all `n` weights, the pruned ones in code 0 included,
///
///     bits = Σ_c h_c · −log₂((h_c + 1) / (n + K))          K codes
///
/// which is, but for the smoothing by one count a code, `n` times the entropy of the codes:
/// exactly the order-0 bound `nnz · H(code) + n · h(density)` of the file. Its gradient moves a
/// weight towards the more frequent of its two codes, and so most of all towards zero.
public struct CodeRate {
    public let bits: Double
    /// The same of the codes that weights are rounded to, as a file would have them now.
    public let roundedBits: Double
    /// The weights that count.
    public let weights: Int
    /// `[K − 1]`: bits that moving a weight from code `lowest + k` to the next one costs.
    private let slopes: [Double]
    private let lowest: Float
    private let highest: Float

    /// - Parameters:
    ///   - weights: what is trained, in any layout in which outputs are the last dimension.
    ///   - steps: `[1]` or `[outputs]`.
    ///   - shares: which of them count, and for how many weights of the layer.
    public init(_ weights: Tensor, grid: UniformGrid, steps: [Float], shares: WeightShares) {
        let (lowest, highest) = (grid.lowest, grid.highest)
        var histogram = [Double](repeating: 0, count: Int(highest - lowest) + 1)
        histogram[Int(-lowest)] += Double(shares.zeros)
        var rounded = histogram
        weights.withUnsafeElements { weights in
            shares.forEach { index, count in
                let step = steps.count == 1 ? steps[0] : steps[index % steps.count]
                let u = min(max(weights[index] / step, lowest), highest)
                let below = min(u.rounded(.down), highest - 1)
                let place = Int(below - lowest)
                histogram[place] += count * Double(below + 1 - u)
                histogram[place + 1] += count * Double(u - below)
                rounded[u - below < 0.5 ? place : place + 1] += count
            }
        }
        let total = histogram.reduce(0, +) + Double(histogram.count)
        func price(_ count: Double) -> Double { -log2((count + 1) / total) }
        bits = histogram.reduce(0) { $0 + $1 * price($1) }
        roundedBits = rounded.reduce(0) { $0 + $1 * price($1) }
        self.weights = shares.total + shares.zeros
        // The derivative by the count; the total does not change.
        let prices = histogram.map { price($0) - $0 / (($0 + 1) * log(2)) }
        self.lowest = lowest
        self.highest = highest
        slopes = zip(prices.dropFirst(), prices).map { $0 - $1 }
    }

    /// The derivative of the bits by the place `u` of one weight; none outside the grid.
    func slope(at u: Float) -> Double {
        guard u > lowest, u < highest else { return 0 }
        return slopes[Int(u.rounded(.down) - lowest)]
    }
}

extension Parameter {
    /// What its codes take; `nil` if it has no learned steps.
    public func codeRate(shares: WeightShares) -> CodeRate? {
        guard let quantizer = parametrization(WeightQuantizer.self), isFinite else { return nil }
        return CodeRate(
            trained.value, grid: quantizer.grid, steps: quantizer.steps, shares: shares)
    }

    /// Adds the gradient of `price · bits` to the gradients of what is trained and of the steps,
    /// after a backward pass. Nothing if it has no learned steps.
    /// - Parameter rate: its own, with the same shares.
    public mutating func addRateGradient(of rate: CodeRate, price: Float, shares: WeightShares) {
        guard let quantizer = parametrization(WeightQuantizer.self) else { return }
        let (steps, value) = (quantizer.steps, trained.value)
        var byStep = [Double](repeating: 0, count: steps.count)
        value.withUnsafeElements { weights in
            trained.gradient.withUnsafeMutableElements { gradient in
                shares.forEach { index, count in
                    let output = steps.count == 1 ? 0 : index % steps.count
                    let u = weights[index] / steps[output]
                    let slope = Double(price) * count * rate.slope(at: u)
                    gradient[index] += Float(slope / Double(steps[output]))
                    byStep[output] -= slope * Double(u / steps[output])
                }
            }
        }
        updateChain { element in
            guard var quantizer = element as? WeightQuantizer else { return }
            quantizer.addStepGradients(byStep)
            element = quantizer
        }
    }
}
