import Container
import Conversion
import Networks
import PackedModel
import Quantization
import Tensors
import WeightSharing

/// What a network would take on disk if it were encoded now.
///
/// A network with all its quantizers is encoded. Before that, positions and codes are coded as the
/// container would; where weights or centroids are still floats, each counts 4 bytes, and so does each
/// bias and each scale of batch normalization; the graph counts with its names and 8 bytes a layer.
struct NetworkSizes {
    private(set) var parameters = StageReport.Parameters(total: 0, nonzero: 0)
    private(set) var bytes = StageReport.Bytes(float32: 0, stored: 0)
    private(set) var layers: [StageReport.Layer] = []

    /// - Parameters:
    ///   - network: its effective weights are those that it computes with now.
    ///   - file: what is in its file, if that is known already.
    ///   - float32Bytes: what to compare with, in the place of the network's own parameters in floats.
    init(
        of network: Network, _ encoding: Encoding, file: ContainerSummary? = nil,
        float32Bytes: Int? = nil
    ) throws {
        var tensors: [(name: String, weight: Parameter, nonzero: Int)] = []
        let weighted = Set(network.weightedLayers)
        network.forEachParameter { name, parameter in
            let nonzero = parameter.effective.withUnsafeElements { $0.count { $0 != 0 } }
            parameters.total += parameter.effective.count
            parameters.nonzero += nonzero
            if let layer = name.removing(suffix: ".weight"), weighted.contains(layer) {
                tensors.append((layer, parameter, nonzero))
            } else {
                // Floats, or codes of a bias with its scale.
                let bits = parameter.parametrization(BiasQuantizer.self)?.bits ?? 32
                bytes.stored += (parameter.effective.count * bits + 7) / 8
            }
        }
        bytes.float32 = float32Bytes ?? 4 * parameters.total
        let encoded = try file ?? Self.encoded(network, encoding)
        for (name, weight, nonzero) in tensors {
            let layer = try Self.measure(
                name, weight, nonzero: nonzero, encoding.options,
                encoded: encoded?.tensors.first { $0.name == name })
            layers.append(layer)
            bytes.stored += layer.bytes
        }
        let isDense = layers.allSatisfy { $0.bytes == 4 * $0.weights }
        if let encoded {
            bytes.stored = encoded.fileBytes
        } else if !isDense {
            bytes.stored += network.nodes.reduce(8) { $0 + $1.name.utf8.count + 8 }
        }
        for index in layers.indices {
            layers[index].activationBits = network.inputBits(ofLayer: layers[index].name)
        }
    }

    /// The file of a network that has all its quantizers, or `nil`.
    private static func encoded(
        _ network: Network, _ encoding: Encoding
    ) throws -> ContainerSummary? {
        guard
            let model = try? PackedModel(
                converting: network, normalization: encoding.normalization,
                classNames: encoding.classNames)
        else { return nil }
        return try Container.write(model, options: encoding.options).summary
    }

    /// - Parameter encoded: the layer in the file, where there is one.
    private static func measure(
        _ name: String, _ weight: Parameter, nonzero: Int, _ options: EncodingOptions,
        encoded: TensorSummary?
    ) throws -> StageReport.Layer {
        let quantized = weight.weightQuantizer
        let isHalf = weight.parametrization(HalfRounding.self) != nil
        let codebook = weight.parametrization(Codebook.self)
        let count = weight.effective.count
        var layer = StageReport.Layer(
            name: name, shape: OutputMajor(weight.effective.shape).shape, weights: count,
            nonzero: nonzero,
            weightBits: codebook.map { _ in bits(of: weight.trained.value.count) }
                ?? quantized?.bits ?? (isHalf ? 16 : 32),
            bytes: 4 * count)
        if quantized == nil && !isHalf && codebook == nil && nonzero == count { return layer }
        let summary =
            try encoded
            ?? Container.measure(
                quantized == nil
                    ? PackedTensor(measuring: weight) : PackedTensor(weight, layer: name),
                named: name, options)
        // Floats that the codes stand for.
        let floats =
            quantized != nil || isHalf ? 0 : codebook != nil ? weight.trained.value.count : nonzero
        layer.bytes = summary.bytes + 4 * floats
        if quantized != nil || isHalf || codebook != nil {
            layer.entropyBoundBytes = summary.entropyBoundBytes
        }
        return layer
    }

    /// The width of codes for a number of centroids and zero.
    private static func bits(of centroids: Int) -> Int {
        Int.bitWidth - centroids.leadingZeroBitCount
    }
}

extension Network {
    /// The bits of the activations that a layer reads, or `nil` if they are floats.
    fileprivate func inputBits(ofLayer name: String) -> Int? {
        guard let node = nodes.first(where: { $0.name == name }) else { return nil }
        var source = node.inputs[0]
        while source > 0 {
            let before = nodes[source - 1]
            if let quantizer = before.layer as? any UniformActivationQuantizer {
                return quantizer.bits
            }
            if before.layer is DynamicQuantizer { return DynamicQuantizer.bits }
            guard before.layer.movesOnly else { return nil }
            source = before.inputs[0]
        }
        return nil
    }
}

extension Layer {
    /// Whether its outputs are inputs in another place.
    fileprivate var movesOnly: Bool {
        self is Flatten || self is MaxPooling || self is Dropout || self is Reshape
            || self is Slice || self is ChannelShuffle || self is Padding
    }
}

extension Container {
    /// The section of one tensor alone.
    static func measure(
        _ tensor: PackedTensor, named name: String, _ options: EncodingOptions
    ) throws -> TensorSummary {
        let inputs = tensor.count / tensor.shape[0]
        var flat = tensor
        flat.shape = [tensor.shape[0], inputs]
        let layer = PackedLayer(
            weights: flat,
            bias: PackedBias(
                bits: 2, scale: 1, codes: [Int16](repeating: 0, count: tensor.shape[0])),
            activation: .identity, output: nil)
        let model = PackedModel(
            name: name,
            input: PackedInput(
                shape: [inputs], pixelScale: 1, mean: [0], deviation: [1],
                quantizer: PackedQuantizer(bits: 8, isSigned: false, scale: 1, offset: 0)),
            nodes: [PackedNode(name: name, inputs: [0], operation: .linear(layer))])
        return try Container.write(
            model, options: EncodingOptions(modes: options.modes.filter { $0.key == name })
        ).summary.tensors[0]
    }
}
