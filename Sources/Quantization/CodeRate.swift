import Foundation
import Networks
import Tensors

/// How many bits the codes and the positions of a layer's weights take after entropy coding, as a
/// function that can be differentiated.
///
/// A weight at `u = w / step` between the codes `c` and `c + 1` counts for both, by how near it is.
/// With these soft counts `h` of the `K` codes other than zero, `N` of them together, and the parts
/// `R` and `C` of `N` that stand in each row and in each column,
///
///     bits = Σ_c h_c · −log₂((h_c + 1) / (N + K))
///          + N log₂ N − Σ_rows R log₂ R − Σ_columns C log₂ C + N / ln 2
///
/// The first line is, but for the smoothing by one count a code, `N` times the entropy of the codes, the
/// second what positions take whose density is `R C / N` (rows and columns are independent, each
/// position is a Poisson event): a weight in a line with many others is cheap. Half a count is added to
/// each line, so that one without weights has a price. The gradient by a soft count is the code's price
/// and `log₂(N / (R C))`, which moves a weight towards the more frequent of its two codes, and most of
/// all towards zero where it stands alone.
public struct CodeRate {
    public let bits: Double
    /// The order-0 bound of the codes that weights are rounded to, zeros included: `n` times their
    /// entropy, by which positions and codes of a file are judged.
    public let roundedBits: Double
    /// The weights that count.
    public let weights: Int
    /// `[K + 1]`: bits of each code, 0 for code zero.
    private let prices: [Double]
    private let lines: LinePrices
    private let lowest: Float
    private let highest: Float

    /// - Parameters:
    ///   - weights: what is trained, in any layout in which outputs are the last dimension.
    ///   - steps: `[1]` or `[outputs]`.
    ///   - shares: which of them count, and for how many weights of the layer.
    public init(_ weights: Tensor, grid: UniformGrid, steps: [Float], shares: WeightShares) {
        let (lowest, highest) = (grid.lowest, grid.highest)
        let zero = Int(-lowest)
        var histogram = [Double](repeating: 0, count: Int(highest - lowest) + 1)
        var rounded = histogram
        var lines = LineCounts(weights.shape, shares)
        weights.withUnsafeElements { weights in
            shares.forEach { index, count in
                let step = steps.count == 1 ? steps[0] : steps[index % steps.count]
                let u = min(max(weights[index] / step, lowest), highest)
                let below = min(u.rounded(.down), highest - 1)
                let place = Int(below - lowest)
                histogram[place] += count * Double(below + 1 - u)
                histogram[place + 1] += count * Double(u - below)
                rounded[u - below < 0.5 ? place : place + 1] += count
                lines.add(count * Double(min(u.magnitude, 1)), at: index)
            }
        }
        rounded[zero] += Double(shares.zeros)
        roundedBits = Self.bits(of: rounded)
        self.weights = shares.total + shares.zeros
        self.lowest = lowest
        self.highest = highest
        histogram.remove(at: zero)
        let total = histogram.reduce(0, +)
        let all = total + Double(histogram.count)
        self.lines = LinePrices(lines, total: total)
        bits = Self.bits(of: histogram) + self.lines.bits
        var prices = histogram.map { count in
            -log2((count + 1) / all) + (total / all - count / (count + 1)) / log(2)
        }
        prices.insert(0, at: zero)
        self.prices = prices
    }

    private static func bits(of histogram: [Double]) -> Double {
        let all = histogram.reduce(0, +) + Double(histogram.count)
        return histogram.reduce(0) { $0 - $1 * log2(($1 + 1) / all) }
    }

    /// The derivative of the bits by the place `u` of the weight at `index`; none outside the grid.
    func slope(at u: Float, index: Int) -> Double {
        guard u > lowest, u < highest else { return 0 }
        let place = Int(u.rounded(.down) - lowest)
        let slope = prices[place + 1] - prices[place]
        if u.magnitude >= 1 { return slope }
        let position = lines.price(at: index)
        return u < 0 ? slope - position : slope + position
    }
}

/// Soft counts of the nonzeros in rows and columns.
private struct LineCounts {
    /// Both empty where a trained number is no single weight but stands for some all over the layer.
    private(set) var outputs: [Double] = []
    private(set) var inputs: [Double] = []
    /// The weights of the layer.
    let weights: Int

    init(_ shape: [Int], _ shares: WeightShares) {
        weights = shares.total + shares.zeros
        guard shares.areWeights, let count = shape.last, count > 0 else { return }
        outputs = [Double](repeating: 0.5, count: count)
        inputs = [Double](repeating: 0.5, count: shape.reduce(1, *) / count)
    }

    @inline(__always)
    mutating func add(_ count: Double, at index: Int) {
        guard !outputs.isEmpty else { return }
        outputs[index % outputs.count] += count
        inputs[index / outputs.count] += count
    }
}

/// What positions take.
private struct LinePrices {
    let bits: Double
    /// Binary logarithms of the counts of lines.
    private let outputs: [Double]
    private let inputs: [Double]
    /// To which those of a weight's lines are added.
    private let base: Double

    init(_ counts: LineCounts, total: Double) {
        let total = max(total, 0.5)
        outputs = counts.outputs.map { -log2($0) }
        inputs = counts.inputs.map { -log2($0) }
        func sum(_ counts: [Double], _ logarithms: [Double]) -> Double {
            zip(counts, logarithms).reduce(0) { $0 + $1.0 * $1.1 }
        }
        if counts.outputs.isEmpty {
            // All lines alike: log₂ of the number of weights for one that is not zero.
            base = log2(Double(max(counts.weights, 1)) / total)
            bits = total * (base + 1 / log(2))
        } else {
            base = log2(total)
            bits =
                total * (base + 1 / log(2)) + sum(counts.outputs, outputs)
                + sum(counts.inputs, inputs)
        }
    }

    @inline(__always)
    func price(at index: Int) -> Double {
        guard !outputs.isEmpty else { return base }
        return base + outputs[index % outputs.count] + inputs[index / outputs.count]
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
