import PackedModel

/// The real result of a layer from its accumulator: `y = factor · acc + constant` for each output.
///
/// `factor = scale · s_x` is exact in `Double`; `constant = (β_x · scale) · Σ level + bias` has one
/// rounding an operation. An output without nonzero weights has the factor 0.
struct RealOutput: Sendable, Equatable {
    var factors: [Double] = []
    var constants: [Double] = []
    var activation: PackedActivation

    init(_ layer: PackedLayer, weights: SparseRows, input: PackedQuantizer) {
        activation = layer.activation
        let scales = layer.weights.scales
        for output in 0..<weights.outputs {
            let scale = Double(scales.count == 1 ? scales[0] : scales[output])
            let isEmpty = weights.starts[output] == weights.starts[output + 1]
            factors.append(isEmpty ? 0 : scale * Double(input.scale))
            let offset = Double(input.offset) * scale * Double(weights.sum(of: output))
            constants.append(offset + Double(layer.bias.scale) * Double(layer.bias.codes[output]))
        }
    }

    /// The network's output; one rounding in the product, one in the sum, one to `Float`.
    func value(_ accumulator: Int32, output: Int) -> Float {
        let product = Double(accumulator) * factors[output]
        let value = Float(product + constants[output])
        return activation.value(value)
    }
}
