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
    /// ReLUs and quantizers become part of the layer whose results they change. Where pooling or
    /// flattening stands between, the order does not matter: both move codes, and rounding is monotone.
    /// Dropout is left out.
    /// - Throws: `ConversionError` for what has no quantizer or can not be expressed.
    public init(
        converting network: Network, normalization: InputNormalization, classNames: [String]
    ) throws(ConversionError) {
        var network = network
        network.updateEffective()
        var converter = Converter(network)
        for node in network.nodes { try converter.convert(node) }
        guard let quantizer = converter.inputQuantizer else {
            throw .notQuantized(layer: "input", what: "values")
        }
        if let layer = converter.unquantizedLayer {
            throw .notQuantized(layer: layer, what: "results")
        }
        let shape = network.inputShape
        self.init(
            name: network.name,
            input: PackedInput(
                shape: shape.count == 3 ? [shape[2], shape[0], shape[1]] : shape,
                pixelScale: normalization.pixelScale, mean: normalization.mean,
                deviation: normalization.deviation, quantizer: quantizer),
            nodes: converter.nodes, classNames: classNames)
    }
}

/// Walks a network in order and collects the nodes of the packed model.
private struct Converter {
    private(set) var nodes: [PackedNode] = []
    private(set) var inputQuantizer: PackedQuantizer?
    /// For each value of the network (0 is the input), the packed value that it has become.
    private var packed: [Int] = [0]
    /// For each packed value, the value whose quantizer its codes have: behind pooling, the layer's.
    private var owner: [Int] = [0]
    /// For each value of the network, whether exactly one node reads it, and so on back to the layer
    /// that owns it: only then may that layer change.
    private var isExclusive: [Bool] = [true]
    private let uses: [Int]

    init(_ network: Network) {
        var uses = [Int](repeating: 0, count: network.nodes.count + 1)
        for node in network.nodes { for input in node.inputs { uses[input] += 1 } }
        self.uses = uses
    }

    /// A layer before the last whose results are still real numbers.
    var unquantizedLayer: String? {
        let last = owner[owner.count - 1]
        return nodes.indices.first { index in
            switch nodes[index].operation {
            case .linear(let layer), .convolution(let layer, _):
                index + 1 != last && layer.output == nil
            default: false
            }
        }.map { nodes[$0].name }
    }

    mutating func convert(_ node: Network.Node) throws(ConversionError) {
        guard node.inputs.count == 1 else { throw .unsupported(layer: node.name, "several inputs") }
        let source = packed[node.inputs[0]]
        let startsAnew = node.layer is Linear || node.layer is Convolution
        isExclusive.append(
            startsAnew || isExclusive[node.inputs[0]] && uses[node.inputs[0]] == 1)
        switch node.layer {
        case let layer as Linear:
            let own = try PackedLayer(weight: layer.weight, bias: layer.bias, name: node.name)
            append(node.name, source, .linear(own), ownsCodes: true)
        case let layer as Convolution:
            guard let bias = layer.bias else {
                throw .unsupported(layer: node.name, "no bias")
            }
            let own = try PackedLayer(weight: layer.weight, bias: bias, name: node.name)
            let g = layer.geometry
            let window = PackedWindow(kernel: g.kernel, stride: g.stride, padding: g.padding)
            append(node.name, source, .convolution(own, window), ownsCodes: true)
        case let layer as MaxPooling:
            let window = PackedWindow(kernel: layer.kernel, stride: layer.stride)
            append(node.name, source, .maxPooling(window), ownsCodes: false)
        case is Flatten:
            append(node.name, source, .flatten, ownsCodes: false)
        case is Dropout:
            packed.append(source)
        case let layer as Activation where layer.function == .relu:
            try change(node, source) { $0.activation = .relu }
        case let quantizer as ActivationQuantizer:
            let quantizer = PackedQuantizer(quantizer)
            if owner[source] == 0 {
                guard inputQuantizer == nil else {
                    throw .unsupported(
                        layer: node.name, "\(ActivationQuantizer.kind) behind a quantizer")
                }
                inputQuantizer = quantizer
                packed.append(source)
            } else {
                try change(node, source) { $0.output = quantizer }
            }
        default:
            throw .unsupported(layer: node.name, type(of: node.layer).kind)
        }
    }

    private mutating func append(
        _ name: String, _ source: Int, _ operation: PackedOperation, ownsCodes: Bool
    ) {
        nodes.append(PackedNode(name: name, inputs: [source], operation: operation))
        owner.append(ownsCodes ? nodes.count : owner[source])
        packed.append(nodes.count)
    }

    /// Makes an activation function or a quantizer part of the layer that makes its input.
    private mutating func change(
        _ node: Network.Node, _ source: Int, _ change: (inout PackedLayer) -> Void
    ) throws(ConversionError) {
        guard owner[source] > 0 else {
            throw .unsupported(layer: node.name, "\(type(of: node.layer).kind) on the input")
        }
        guard isExclusive[isExclusive.count - 1] else {
            throw .unsupported(layer: node.name, "\(type(of: node.layer).kind) on a shared value")
        }
        let index = owner[source] - 1
        switch nodes[index].operation {
        case .linear(var layer) where layer.output == nil:
            change(&layer)
            nodes[index].operation = .linear(layer)
        case .convolution(var layer, let window) where layer.output == nil:
            change(&layer)
            nodes[index].operation = .convolution(layer, window)
        default:
            throw .unsupported(
                layer: node.name, "\(type(of: node.layer).kind) behind a quantizer")
        }
        packed.append(source)
    }
}

extension PackedLayer {
    fileprivate init(
        weight: Parameter, bias: Parameter, name: String
    ) throws(ConversionError) {
        guard let quantizer = bias.parametrization(BiasQuantizer.self) else {
            throw .notQuantized(layer: name, what: "bias")
        }
        let (scale, codes) = quantizer.codes(of: bias.trained.value)
        self.init(
            weights: try PackedTensor(weight, layer: name),
            bias: PackedBias(bits: quantizer.bits, scale: scale, codes: codes),
            activation: .identity, output: nil)
    }
}

extension PackedQuantizer {
    /// The grid that a fake quantizer has learned.
    public init(_ quantizer: ActivationQuantizer) {
        let grid = quantizer.grid
        self.init(
            bits: quantizer.bits, isSigned: quantizer.scheme.isSigned, scale: grid.step,
            offset: grid.offset)
    }
}

/// Why a network can not be put into integers.
public enum ConversionError: Error, Equatable, CustomStringConvertible {
    case notQuantized(layer: String, what: String)
    case unsupported(layer: String, String)

    public var description: String {
        switch self {
        case .notQuantized(let layer, let what):
            "no quantizer for the \(what) of '\(layer)'; the stage 'quantize' gives it one"
        case .unsupported(let layer, let what):
            "layer '\(layer)' can not be converted to integers: \(what)"
        }
    }
}
