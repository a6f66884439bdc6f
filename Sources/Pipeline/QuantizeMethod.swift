import Networks
import Quantization
import Tensors
import Training
import WeightSharing

/// Puts weights, biases and activations on integer grids; training then learns steps and offsets.
///
/// Each layer with weights reads quantized activations: a quantizer stands behind the network's input
/// and behind the last activation function before each further layer.
struct QuantizeMethod: StageMethod {
    let settings: QuantizeSettings

    func prepare(_ network: Network, _ context: StageContext) throws -> Network {
        let layers = network.weightedLayers
        let weightBits = try settings.weights.bits.resolved(
            for: layers, key: "weights.bits", context)
        let activationBits = try settings.activations.bits.resolved(
            for: layers, key: "activations.bits", context)
        var network = network
        quantizeWeights(&network, bits: weightBits)
        var floatNetwork = network
        let samples = calibrate(&floatNetwork, context)
        return try insertQuantizers(into: network, samples: samples, bits: activationBits)
    }

    private func quantizeWeights(_ network: inout Network, bits: [String: Int]) {
        network.visitParameters { name, parameter in
            guard let layer = name.removing(suffix: ".weight") else {
                parameter.setChain([BiasQuantizer(bits: settings.biasBits)])
                return
            }
            let codebook = parameter.parametrization(Codebook.self)
            let values = codebook == nil ? parameter.effective : parameter.trained.value
            let counts = codebook?.memberCounts(centroids: values.count)
            let layerBits = bits[layer]!
            parameter.quantize(
                with: WeightQuantizer(
                    bits: layerBits, fitting: values, counts: counts,
                    initialization: settings.weights.initialization
                        ?? (layerBits == 8 ? .maximum : .leastSquares),
                    isNarrow: settings.weights.isNarrow))
        }
    }

    /// The activations of all nodes on some training images, before any of them is quantized.
    private func calibrate(_ network: inout Network, _ context: StageContext) -> [Tensor] {
        let count = min(settings.calibrationCount, context.data.train.count)
        var pass = Pass(isTraining: false, threads: context.threads)
        _ = network.forward(context.data.train.batch(0..<count), pass: &pass)
        return (0...network.nodes.count).map { network.activation($0) }
    }

    private func insertQuantizers(
        into network: Network, samples: [Tensor], bits: [String: Int]
    ) throws -> Network {
        var result = network
        var quantized: Set<Int> = []
        // From the end, so that the indices of what is still to come do not move.
        for index in network.nodes.indices.reversed() where network.nodes[index].hasWeights {
            let source = Self.quantizedSource(of: network.nodes[index].inputs[0], in: network)
            guard quantized.insert(source).inserted else { continue }
            let quantizer = quantizer(
                behind: source, sample: samples[source], bits: bits[network.nodes[index].name]!)
            let name = source == 0 ? "quantize-input" : "quantize-\(network.nodes[source - 1].name)"
            result = try result.inserting(quantizer, named: name, behind: source)
        }
        return result
    }

    private func quantizer(behind source: Int, sample: Tensor, bits: Int) -> ActivationQuantizer {
        guard source == 0 else {
            var quantizer = ActivationQuantizer(
                bits: bits, scheme: settings.activations.configuration)
            quantizer.calibrate(
                on: [sample], initialization: settings.activations.initialization)
            return quantizer
        }
        let isNegative = sample.elements.contains { $0 < 0 }
        var quantizer = ActivationQuantizer(
            bits: settings.inputBits ?? bits,
            scheme: isNegative ? .unsignedAsymmetric : .unsignedSymmetric,
            isLearned: settings.learnsInput)
        quantizer.calibrate(on: [sample], initialization: .minMax)
        return quantizer
    }

    /// The node whose output is quantized for a layer that reads `source`: flattening only moves
    /// values, and dropout does nothing once training is over, so the quantizer stands before them.
    private static func quantizedSource(of source: Int, in network: Network) -> Int {
        guard source > 0 else { return source }
        let layer = network.nodes[source - 1].layer
        guard layer is Flatten || layer is Dropout else { return source }
        return quantizedSource(of: network.nodes[source - 1].inputs[0], in: network)
    }
}

extension Network.Node {
    var hasWeights: Bool { layer is Linear || layer is Convolution }
}

extension String {
    /// What stands before a suffix, or `nil` if it is not there.
    func removing(suffix: String) -> String? {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) : nil
    }
}
