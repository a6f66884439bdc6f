import Networks
import PackedModel
import Quantization
import Tensors

extension Network {
    /// Changes batch normalization, and steps of single outputs, by the little that makes the network
    /// compute what its file will: scales of 16 bits and biases of 16 bits. Steps of single outputs that
    /// EWGS or DoReFa have, without batch normalization behind, are rounded in the file alone.
    ///
    ///     γ = f · √(σ² + ε),   β = bias + (μ − b) · f     with f and bias as rounded
    ///
    /// Doing it again changes nothing beyond the last bits of `Float`.
    /// - Throws: `ConversionError` for weights without a quantizer.
    public mutating func roundForConversion() throws(ConversionError) {
        updateEffective()
        let readers = readers
        for index in nodes.indices {
            let node = nodes[index]
            let source = node.inputs[0]
            let before = source > 0 && readers[source].count == 1 ? nodes[source - 1] : nil
            if let layer = node.layer as? BatchNormalization {
                let weights = before?.layer.weightAndBias
                let folded = try FoldedLayer(
                    before: weights, of: before?.name, normalization: layer, name: node.name)
                updateLayer(at: index) { $0 = layer.rounded(to: folded, ownBias: weights?.bias) }
            } else if let weight = node.layer.weightAndBias?.weight,
                let quantizer = weight.parametrization(WeightQuantizer.self),
                quantizer.isPerOutput,
                readers[index + 1].count != 1
                    || !(nodes[readers[index + 1][0].node].layer is BatchNormalization)
            {
                let isEmpty = try IntegerWeights(weight, layer: node.name).isEmpty
                let rounded = FoldedLayer.rounded(zip(quantizer.steps, isEmpty).map { $1 ? 0 : $0 })
                // An empty output keeps its step, by which all its weights round to 0.
                let steps = quantizer.withSteps(
                    rounded.indices.map { isEmpty[$0] ? quantizer.steps[$0] : rounded[$0] })
                updateLayer(at: index) { layer in
                    layer.visitParameters { name, parameter in
                        if name == "weight" { parameter.quantize(with: steps) }
                    }
                }
            }
        }
        updateEffective()
    }
}

extension Network {
    /// Throws for weights that are too large for the numbers in which a file will hold them.
    public func requireFiniteWeights() throws(ConversionError) {
        for node in nodes {
            guard let weight = node.layer.weightAndBias?.weight else { continue }
            guard weight.effective.withUnsafeElements({ $0.allSatisfy(\.isFinite) }) else {
                throw .notFinite(layer: node.name, what: "weights")
            }
        }
    }
}

extension FoldedLayer {
    /// Batch normalization behind weights of whatever kind, or behind none.
    fileprivate init(
        before: (weight: Parameter, bias: Parameter?)?, of layer: String?,
        normalization: BatchNormalization, name: String
    ) throws(ConversionError) {
        guard let (weight, bias) = before else {
            let identity = IntegerWeights(identityOf: normalization.channels)
            try self.init(identity, bias: nil, normalization: normalization, name: name)
            return
        }
        if weight.parametrization(HalfRounding.self) != nil {
            let halves = try HalfWeights(weight, layer: layer!)
            try self.init(halves, bias: bias, normalization: normalization, name: name)
        } else {
            let integers = try IntegerWeights(weight, layer: layer!)
            try self.init(integers, bias: bias, normalization: normalization, name: name)
        }
    }
}

extension BatchNormalization {
    fileprivate func rounded(to folded: FoldedLayer, ownBias: Parameter?) -> BatchNormalization {
        var result = self
        for channel in 0..<channels {
            let factor = folded.factors[channel]
            let deviation = Double(runningVariance[channel] + epsilon).squareRoot()
            let mean =
                Double(runningMean[channel]) - Double(ownBias?.effective[channel] ?? 0)
            let bias = Double(folded.bias.scale) * Double(folded.bias.codes[channel])
            result.weight.trained.value[channel] = Float(factor * deviation)
            result.bias.trained.value[channel] = Float(bias + mean * factor)
        }
        return result
    }
}

extension Layer {
    /// The parameters of a convolution or a linear layer.
    fileprivate var weightAndBias: (weight: Parameter, bias: Parameter?)? {
        switch self {
        case let layer as Linear: (layer.weight, layer.bias)
        case let layer as Convolution: (layer.weight, layer.bias)
        default: nil
        }
    }
}
