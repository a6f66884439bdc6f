import Foundation
import Networks
import Tensors

/// How many bits the codes and the positions of a layer's weights take after entropy coding, as a
/// function that can be differentiated.
///
/// A weight at `u = w / step` between the codes `c` and `c + 1` counts for both, by how near it is.
/// With these soft counts `h_c` of the `K` codes over all `n` weights, the pruned ones in code 0
/// included,
///
///     bits = Σ_c h_c · −log₂((h_c + 1) / (n + K)) − Σ_lines (N_l + ½) · log₂ ρ_l
///
/// The first sum is, but for the smoothing by one count a code, `n` times the entropy of the codes:
/// the order-0 bound `nnz · H(code) + n · h(density)` of the file. The second is what a coder gains that
/// knows how dense each row and each column is: of the `N` soft counts other than code 0, `N_l` stand in
/// one of `m` rows (or columns), which is `ρ_l = m · (N_l + ½) / (N + m / 2)` times as many as in the
/// mean one. The gradient moves a weight towards the more frequent of its two codes, and so most of all
/// towards zero, and there most of all where few others stand.
public struct CodeRate {
    public let bits: Double
    /// The order-0 bound of the codes that weights are rounded to, as a file would have them now.
    public let roundedBits: Double
    /// The weights that count.
    public let weights: Int
    /// `[K − 1]`: bits that moving a weight from code `lowest + k` to the next one costs.
    private let slopes: [Double]
    private let outputs: LineGains?
    private let inputs: LineGains?
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
        let columns = shares.areWeights ? max(weights.shape.last ?? 1, 1) : 1
        let rows = shares.areWeights ? weights.count / columns : 1
        var (inColumn, inRow) = (
            [Double](repeating: 0, count: columns), [Double](repeating: 0, count: rows)
        )
        weights.withUnsafeElements { weights in
            shares.forEach { index, count in
                let step = steps.count == 1 ? steps[0] : steps[index % steps.count]
                let u = min(max(weights[index] / step, lowest), highest)
                let below = min(u.rounded(.down), highest - 1)
                let place = Int(below - lowest)
                histogram[place] += count * Double(below + 1 - u)
                histogram[place + 1] += count * Double(u - below)
                rounded[u - below < 0.5 ? place : place + 1] += count
                guard rows > 1, columns > 1 else { return }
                let (row, column) = index.quotientAndRemainder(dividingBy: columns)
                inColumn[column] += Double(min(u.magnitude, 1))
                inRow[row] += Double(min(u.magnitude, 1))
            }
        }
        // In a single line all lines across are of one weight: that they differ is no gain.
        let areLines = rows > 1 && columns > 1
        outputs = areLines ? LineGains(inColumn) : nil
        inputs = areLines ? LineGains(inRow) : nil
        let total = histogram.reduce(0, +) + Double(histogram.count)
        func price(_ count: Double) -> Double { -log2((count + 1) / total) }
        bits =
            histogram.reduce(0) { $0 + $1 * price($1) } - (outputs?.bits ?? 0) - (inputs?.bits ?? 0)
        roundedBits = rounded.reduce(0) { $0 + $1 * price($1) }
        self.weights = shares.total + shares.zeros
        // The derivative by the count; the total does not change.
        let prices = histogram.map { price($0) - $0 / (($0 + 1) * log(2)) }
        self.lowest = lowest
        self.highest = highest
        slopes = zip(prices.dropFirst(), prices).map { $0 - $1 }
    }

    /// The derivative of the bits by the place `u` of the weight at `index`; none outside the grid.
    func slope(at u: Float, index: Int) -> Double {
        guard u > lowest, u < highest else { return 0 }
        let below = u.rounded(.down)
        let slope = slopes[Int(below - lowest)]
        guard let outputs, let inputs, below == 0 || below == -1 else { return slope }
        let columns = outputs.logarithms.count
        let gain = outputs.logarithms[index % columns] + inputs.logarithms[index / columns]
        return below == 0 ? slope - gain : slope + gain
    }
}

/// What a coder gains that knows how many weights stand in each of some lines.
private struct LineGains {
    let bits: Double
    /// For each line `log₂ ρ`: by so much a weight in it is cheaper than one anywhere.
    let logarithms: [Double]

    init(_ counts: [Double]) {
        let mean = counts.reduce(0, +) / Double(counts.count) + 0.5
        logarithms = counts.map { log2(($0 + 0.5) / mean) }
        bits = zip(counts, logarithms).reduce(0) { $0 + ($1.0 + 0.5) * $1.1 }
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
                    let slope = Double(price) * count * rate.slope(at: u, index: index)
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
