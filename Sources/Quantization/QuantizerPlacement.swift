import Networks
import Tensors

/// Where the quantizers of activations stand, so that integers can express what training computes:
/// every value that an integer operation reads has a grid.
///
/// One pass over the graph finds for each value who reads it:
///
/// * Convolutions and linear layers read codes of few bits.
/// * Sums, products, concatenations, averages, batch normalization that no layer absorbs, and
///   activation functions that are no clamps read *residual* codes, of 8 bits as a rule.
/// * Layers that only move values (max pooling, flattening, slices, ...) are looked through. Rounding
///   is monotone, so it makes no difference to them, and the quantizer stands before them.
/// * Clamps (ReLU) are part of the layer or the sum that they follow, batch normalization is part of
///   the layer that it follows; what lies between them needs no grid.
///
/// A value of which all readers want the same has one quantizer. Where they differ, the residual
/// quantizer comes first, and behind it one for each other width:
///
///     sum ── residual ──┬── few bits ── convolution ...
///                       └── next sum
public struct QuantizerPlacement: Sendable {
    /// What a quantizer is for.
    public enum Role: Sendable, Equatable {
        /// The network's input.
        case input
        /// Few bits, for layers with weights.
        case layer
        case residual
    }

    /// One quantizer.
    public struct Site: Sendable, Equatable {
        /// The value that it rounds: 0 is the network's input, `k` is the output of `nodes[k - 1]`.
        public var value: Int
        public var bits: Int
        public var role: Role
        /// The site, among those before, whose results it reads in place of the value.
        public var behind: Int?
        public var readers: [Network.Reader]

        public init(
            value: Int, bits: Int, role: Role, behind: Int? = nil, readers: [Network.Reader]
        ) {
            self.value = value
            self.bits = bits
            self.role = role
            self.behind = behind
            self.readers = readers
        }
    }

    public private(set) var sites: [Site] = []
    private let network: Network
    private let readers: [[Network.Reader]]
    private let bits: Bits
    /// For each node, how it reads.
    private var readings: [Reading] = []
    /// For each value, whether it is a real result of a layer or a sum that a clamp may still change.
    private var takesClamp = [false]
    /// For each value, whether it is a result of a layer with weights, flattened or clamped at most:
    /// then it may be the network's output without a grid.
    private var isLayerResult = [false]

    /// The widths of grids.
    public struct Bits: Sendable {
        /// By the name of each layer with weights.
        public var layers: [String: Int]
        public var residual: Int
        /// Of the network's input, if not those of the layer that reads it.
        public var input: Int?

        public init(layers: [String: Int], residual: Int = 8, input: Int? = nil) {
            self.layers = layers
            self.residual = residual
            self.input = input
        }
    }

    /// What a reader wants of a value.
    private enum Demand: Hashable {
        case layer(bits: Int)
        case residual
        /// The network's output.
        case output
    }

    /// How a node reads its inputs.
    private enum Reading {
        case demand(Demand)
        /// It passes values on as they are.
        case moves
        /// It is part of the layer before it, or reads real numbers.
        case nothing
    }

    /// - Parameter network: without quantizers, and with functions fused only where they are clamps;
    ///   see `Network.separatingFunctions()`.
    public init(_ network: Network, bits: Bits) {
        self.network = network
        self.bits = bits
        readers = network.readers
        for index in network.nodes.indices { read(index) }
        for value in 0...network.nodes.count where isRoot(value) { place(value) }
    }

    /// The network with a quantizer at each site.
    /// - Parameter quantizers: as many as sites.
    public func network(
        with quantizers: [any UniformActivationQuantizer]
    ) throws(NetworkError) -> Network {
        precondition(quantizers.count == sites.count, "\(quantizers.count) for \(sites.count)")
        var names: Set<String> = []
        var insertions: [Network.Insertion] = []
        for (site, quantizer) in zip(sites, quantizers) {
            let source = site.value == 0 ? "input" : network.nodes[site.value - 1].name
            var name = "quantize-\(source)"
            if !names.insert(name).inserted { name += "-\(site.bits)bit" }
            insertions.append(
                .init(
                    name: name, layer: quantizer, value: site.value, behind: site.behind,
                    readers: site.readers))
        }
        return try network.inserting(insertions)
    }

    // MARK: What nodes do

    private mutating func read(_ index: Int) {
        let node = network.nodes[index]
        let input = node.inputs[0]
        // The network's output is read from outside, too.
        let isExclusive = readers[input].count == 1 && input != network.nodes.count
        var (reading, takesClamp, isLayerResult) = (
            Reading.demand(.residual), false, false
        )
        switch node.layer {
        case is Linear, is Convolution:
            reading = .demand(.layer(bits: bits.layers[node.name] ?? bits.residual))
            (takesClamp, isLayerResult) = (true, true)
        case let layer as BatchNormalization:
            if isExclusive, input > 0, network.nodes[input - 1].layer.hasWeights {
                reading = .nothing
            }
            (takesClamp, isLayerResult) = (layer.activation == .identity, true)
        case let layer as Add:
            takesClamp = layer.activation == .identity
        case let layer as Activation where layer.function == .identity:
            reading = .moves
            takesClamp = self.takesClamp[input] && isExclusive
            isLayerResult = self.isLayerResult[input]
        case let layer as Activation where layer.function.isClamp:
            if self.takesClamp[input], isExclusive {
                reading = .nothing
                isLayerResult = self.isLayerResult[input]
            }
        case is Flatten, is Reshape, is Dropout:
            reading = .moves
            takesClamp = self.takesClamp[input] && isExclusive
            isLayerResult = self.isLayerResult[input]
        case is MaxPooling, is Slice, is ChannelShuffle:
            reading = .moves
            takesClamp = self.takesClamp[input] && isExclusive
        case is Padding:
            // A clamp behind it would change the zeros that it puts around an image.
            reading = .moves
        case is Softmax:
            reading = .moves
            isLayerResult = self.isLayerResult[input]
        default: break
        }
        readings.append(reading)
        self.takesClamp.append(takesClamp)
        self.isLayerResult.append(isLayerResult)
    }

    /// Whether a value is computed, not only moved.
    private func isRoot(_ value: Int) -> Bool {
        guard value > 0, case .moves = readings[value - 1] else { return true }
        return false
    }

    // MARK: What values need

    /// What all want that read a value, directly or moved.
    private func demands(on value: Int) -> Set<Demand> {
        var demands: Set<Demand> = value == network.nodes.count ? [.output] : []
        for reader in readers[value] {
            switch readings[reader.node] {
            case .demand(let demand): demands.insert(demand)
            case .moves: demands.formUnion(self.demands(on: reader.node + 1))
            case .nothing: break
            }
        }
        return demands
    }

    private func width(_ demand: Demand) -> Int {
        if case .layer(let bits) = demand { return bits }
        return bits.residual
    }

    /// Puts the quantizers of a computed value and of what moves it.
    private mutating func place(_ value: Int) {
        var demands = demands(on: value)
        if demands == [.output], isLayerResult[network.nodes.count] { demands = [] }
        guard !demands.isEmpty else { return }
        let widths = Set(demands.map(width))
        guard value > 0 else {
            let width = bits.input ?? (widths.count == 1 ? widths.first! : bits.residual)
            sites.append(
                Site(value: 0, bits: width, role: .input, readers: readers[0]))
            return
        }
        let isResidual = widths.count > 1 || demands.contains { $0 == .residual || $0 == .output }
        sites.append(
            Site(
                value: value, bits: widths.count == 1 ? widths.first! : bits.residual,
                role: isResidual ? .residual : .layer, readers: readers[value]))
        if widths.count > 1 { split(value, base: sites.count - 1) }
    }

    /// Puts quantizers of fewer bits behind a residual one, for those readers that want them.
    /// - Parameter base: the site of the residual quantizer, if it stands at the same value.
    private mutating func split(_ value: Int, base: Int?) {
        var groups: [Int: [Network.Reader]] = [:]
        for reader in readers[value] {
            switch readings[reader.node] {
            case .demand(let demand):
                groups[width(demand), default: []].append(reader)
            case .moves:
                let moved = Set(demands(on: reader.node + 1).map(width))
                if moved.count == 1 {
                    groups[moved.first!, default: []].append(reader)
                } else if moved.count > 1 {
                    split(reader.node + 1, base: nil)
                }
            case .nothing: break
            }
        }
        for (width, readers) in groups.sorted(by: { $0.key < $1.key }) where width != bits.residual
        {
            if let base { sites[base].readers.removeAll { readers.contains($0) } }
            sites.append(
                Site(value: value, bits: width, role: .layer, behind: base, readers: readers))
        }
    }
}

extension Network {
    /// The same network with activation functions that are no clamps as layers of their own, behind
    /// the batch normalization or the sum that had them: their input needs a grid.
    public func separatingFunctions() throws(NetworkError) -> Network {
        try replacing { node in
            switch node.layer {
            case var layer as BatchNormalization where !layer.activation.isClamp:
                let function = layer.activation
                layer.activation = .identity
                return [(node.name, layer), (node.name + "-function", Activation(function))]
            case let layer as Add where !layer.activation.isClamp:
                return [
                    (node.name, Add()), (node.name + "-function", Activation(layer.activation)),
                ]
            default: return nil
            }
        }
    }

    /// The same network without quantizers of activations.
    public func removingActivationQuantizers() throws(NetworkError) -> Network {
        try replacing {
            $0.layer is any UniformActivationQuantizer || $0.layer is DynamicQuantizer ? [] : nil
        }
    }
}

extension Layer {
    /// Whether it is a convolution or a linear layer.
    var hasWeights: Bool { self is Linear || self is Convolution }
}
