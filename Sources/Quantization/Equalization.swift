import Networks
import Tensors

/// Cross-layer equalization (Nagel et al. 2019, arXiv 1906.04721, §4.1): channels between two
/// layers are scaled such that their weights reach equally far on both sides, and the network
/// computes what it did before.
///
/// With `r₁` the largest magnitude of the weights that make a channel and `r₂` of those that read
/// it, the first layer's are divided by `s = √(r₁ / r₂)` and the second one's multiplied by it:
/// both reach `√(r₁ r₂)` then. What stands between has to let a positive factor pass: ReLU,
/// pooling, flattening. Layers in a row are equalized over and over until nothing changes.
///
/// Batch normalization behind the first layer of a pair is folded before. High biases are not
/// absorbed (§4.1.3 of the paper): next to zero padding that is not exact.
public struct Equalization {
    /// Two layers and the channels between them.
    public struct Pair: Equatable, Sendable {
        public let first: String
        public let second: String
        /// Inputs of the second layer that a channel has: more than one behind a flattening.
        let positions: Int
    }

    /// A layer whose results are left as they are.
    public struct Exception: Equatable, Sendable, CustomStringConvertible {
        public let layer: String
        public let reason: String

        public var description: String { "\(layer) (\(reason))" }
    }

    public private(set) var pairs: [Pair] = []
    public private(set) var exceptions: [Exception] = []
    /// With equal channels.
    public private(set) var network: Network

    static let largestSweepCount = 100
    /// Sweeps end when no factor is further from 1.
    static let tolerance = 1e-6

    /// - Parameter network: without quantizers.
    public init(_ network: Network) throws(NetworkError) {
        var network = network
        network.updateEffective()
        for index in network.nodes.indices where network.nodes[index].layer.hasWeights {
            switch Self.follow(index, in: network) {
            case .pair(let pair): pairs.append(pair)
            case .exception(let reason):
                exceptions.append(Exception(layer: network.nodes[index].name, reason: reason))
            case .end: break
            }
        }
        self.network = try network.foldingNormalization(behind: Set(pairs.map(\.first)))
        equalize()
    }

    // MARK: Pairs

    private enum Path {
        case pair(Pair)
        case exception(String)
        /// It makes the network's output.
        case end
    }

    /// Who reads the results of a layer, behind what lets factors pass.
    private static func follow(_ layer: Int, in network: Network) -> Path {
        let (nodes, readers) = (network.nodes, network.readers)
        var (value, positions) = (layer + 1, 1)
        while true {
            if value == nodes.count { return .end }
            guard readers[value].count == 1 else {
                return .exception("read by \(readers[value].count) layers")
            }
            let reader = readers[value][0].node
            let node = nodes[reader]
            switch node.layer {
            case is Linear, is Convolution:
                guard nodes[layer].layer.weightParameter!.isScalable,
                    node.layer.weightParameter!.isScalable
                else { return .exception("weights are shared") }
                let first = nodes[layer].name
                return .pair(Pair(first: first, second: node.name, positions: positions))
            case let normalization as BatchNormalization:
                guard value == layer + 1, normalization.activation.isHomogeneous else {
                    return .exception("before \(node.name)")
                }
            case let activation as Activation:
                guard activation.function.isHomogeneous else {
                    return .exception("before \(node.name)")
                }
            case is Flatten: positions *= network.shapes[value - 1].dropLast().reduce(1, *)
            case is MaxPooling, is AveragePooling, is GlobalAveragePooling, is Dropout, is Padding:
                break
            default: return .exception("before \(node.name)")
            }
            value = reader + 1
        }
    }

    // MARK: Factors

    private mutating func equalize() {
        let places = Dictionary(
            uniqueKeysWithValues: network.nodes.enumerated().map { ($1.name, $0) })
        for _ in 0..<Self.largestSweepCount {
            var change = 0.0
            for pair in pairs {
                let factors = equalize(
                    places[pair.first]!, places[pair.second]!, positions: pair.positions)
                change = factors.reduce(change) { max($0, abs($1 - 1)) }
            }
            if change <= Self.tolerance { return }
        }
    }

    /// Scales the channels between two layers; returns the factors.
    private mutating func equalize(_ first: Int, _ second: Int, positions: Int) -> [Double] {
        let made = network.nodes[first].layer.channels(positions: 1)
        let read = network.nodes[second].layer.channels(positions: positions)
        let factors = zip(
            made.ranges(of: network.nodes[first].layer, by: made.output),
            read.ranges(of: network.nodes[second].layer, by: read.input)
        ).map { $0.isNormal && $1.isNormal ? (Double($0) / Double($1)).squareRoot() : 1 }
        network.updateLayer(at: first) { layer in
            layer = layer.changing { weight, bias in
                weight.scale { 1 / factors[made.output($0)] }
                bias.scale { 1 / factors[$0] }
            }
        }
        network.updateLayer(at: second) { layer in
            layer = layer.changing { weight, _ in weight.scale { factors[read.input($0)] } }
        }
        return factors
    }
}

/// Which channels a weight stands between: `[..., inputs of a group, outputs]`.
private struct WeightChannels {
    var inputs: Int
    var outputs: Int
    var groups: Int
    /// Neighbouring inputs that are one channel.
    var positions: Int

    func output(_ index: Int) -> Int { index % outputs }

    func input(_ index: Int) -> Int {
        let perGroup = inputs / groups
        let group = index % outputs / (outputs / groups)
        return (group * perGroup + index / outputs % perGroup) / positions
    }

    /// The largest magnitude of each channel's weights.
    func ranges(of layer: any Layer, by channel: (Int) -> Int) -> [Float] {
        let count = max(inputs / positions, outputs)
        var ranges = [Float](repeating: 0, count: count)
        layer.weightParameter!.effective.withUnsafeElements { weights in
            for index in weights.indices {
                let channel = channel(index)
                ranges[channel] = max(ranges[channel], abs(weights[index]))
            }
        }
        return ranges
    }
}

extension Layer {
    fileprivate func channels(positions: Int) -> WeightChannels {
        if let layer = self as? Convolution {
            let g = layer.geometry
            return WeightChannels(
                inputs: g.channels, outputs: g.outputs, groups: g.groups, positions: positions)
        }
        let shape = weightParameter!.effective.shape
        return WeightChannels(
            inputs: shape[0], outputs: shape[1], groups: 1, positions: positions)
    }
}

extension ActivationFunction {
    /// Whether `f(s · x) = s · f(x)` for positive `s`.
    fileprivate var isHomogeneous: Bool {
        switch self {
        case .identity, .relu, .leakyReLU: true
        default: false
        }
    }
}
