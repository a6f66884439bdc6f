import Networks
import PackedModel
import Quantization
import Tensors

/// What the network's input means; see `PackedInput`.
public struct InputNormalization: Sendable {
    public var pixelScale: Float
    public var mean: [Float]
    public var deviation: [Float]

    public init(pixelScale: Float, mean: [Float], deviation: [Float]) {
        self.pixelScale = pixelScale
        self.mean = mean
        self.deviation = deviation
    }
}

extension PackedModel {
    /// A network whose weights, biases and activations all have quantizers, in integers.
    ///
    /// Batch normalization, clamps and quantizers become part of the layer whose results they change.
    /// Where pooling or flattening stands between, the order does not matter: both move codes, and
    /// rounding is monotone. Other functions, and quantizers behind quantizers, become tables. Dropout
    /// is left out. A network of weights in half precision, or with dynamic quantizers, becomes a model
    /// in floats.
    /// Channels that nobody reads are left out, and the others sorted by the number of their weights.
    /// - Throws: `ConversionError` for what has no quantizer or can not be expressed.
    public init(
        converting network: Network, normalization: InputNormalization, classNames: [String]
    ) throws(ConversionError) {
        self = try PackedModel(
            convertingAsItIs: network, normalization: normalization, classNames: classNames
        ).arrangingChannels()
    }

    /// The same with the network's channels, which can be compared layer by layer.
    package init(
        convertingAsItIs network: Network, normalization: InputNormalization, classNames: [String]
    ) throws(ConversionError) {
        var network = network
        network.updateEffective()
        var converter = GraphConverter(network)
        for index in network.nodes.indices { try converter.convert(index) }
        let nodes = try converter.finish()
        let quantizer = converter.inputQuantizer
        guard quantizer != nil || network.isFloat else {
            throw .notQuantized(layer: "input", what: "values")
        }
        self.init(
            name: network.name,
            input: PackedInput(
                shape: channelsFirst(network.inputShape), pixelScale: normalization.pixelScale,
                mean: normalization.mean, deviation: normalization.deviation,
                quantizer: quantizer),
            nodes: nodes, classNames: classNames)
    }
}

extension Network {
    /// Whether it becomes a model in floats: its weights are in half precision, or its activations are
    /// rounded at run time.
    var isFloat: Bool {
        var result = nodes.contains { $0.layer is DynamicQuantizer }
        forEachParameter { _, parameter in
            if parameter.parametrization(HalfRounding.self) != nil { result = true }
        }
        return result
    }
}

extension PackedQuantizer {
    /// The grid that a fake quantizer has learned.
    public init(_ quantizer: some UniformActivationQuantizer) {
        let grid = quantizer.grid
        self.init(
            bits: quantizer.bits, isSigned: quantizer.isSigned, scale: grid.step,
            offset: grid.offset)
    }
}

extension PackedActivation {
    public init(_ function: ActivationFunction) {
        self =
            switch function {
            case .identity: .identity
            case .relu: .relu
            case .clip(let lowest, let highest): .clip(lowest: lowest, highest: highest)
            case .leakyReLU(let slope): .leakyReLU(slope: slope)
            case .sigmoid: .sigmoid
            case .hardSigmoid: .hardSigmoid
            case .silu: .silu
            case .hardSwish: .hardSwish
            }
    }
}

/// `[height, width, channels]` as `[channels, height, width]`; `[features]` as it is.
func channelsFirst(_ shape: [Int]) -> [Int] {
    shape.count == 3 ? [shape[2], shape[0], shape[1]] : shape
}
