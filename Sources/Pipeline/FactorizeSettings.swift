import Networks
import Training

/// Which layers become products of two smaller ones.
struct FactorizeSettings: Sendable {
    var layers: PerLayer<Factorization.Rank>
    var training: TrainingSettings

    init(_ setting: Setting) throws(PipelineFileError) {
        let keys = try setting.mapping(known: ["layers", "train"])
        guard let layers = keys["layers"] else {
            throw .missingKey(place: setting.place, path: setting.path, key: "layers")
        }
        self.layers = PerLayer(fallback: nil, values: [:])
        let entries = try layers.anyMapping()
        let isOneValue = entries.allSatisfy { ["rank", "energy"].contains($0.0) }
        if isOneValue, !entries.isEmpty { self.layers.fallback = try Self.rank(layers) }
        for (name, value) in entries where !isOneValue {
            let rank = try Self.rank(value)
            if name == "default" {
                self.layers.fallback = rank
            } else {
                self.layers.values[name] = rank
            }
        }
        training =
            try keys["train"].map { s throws(PipelineFileError) in
                try TrainingSettings(s)
            } ?? TrainingSettings(epochs: 0, learningRate: 0)
    }

    private static func rank(_ value: Setting) throws(PipelineFileError) -> Factorization.Rank {
        let keys = try value.mapping(known: ["rank", "energy"])
        try value.requireOne(of: ["rank", "energy"], in: keys)
        if let rank = keys["rank"] { return .rank(try rank.integer(in: 1...1_000_000)) }
        return .energy(Double(try keys["energy"]!.number(in: 0...1)))
    }

    /// The rank of each layer that is replaced.
    ///
    /// A rank that is named for a layer has to make it smaller. The default leaves out the layers that it
    /// would not make smaller, and those that can not be factorized.
    /// - Parameters:
    ///   - layers: all that have weights.
    ///   - network: has them, but for factors of an earlier stage, which no default is for.
    func ranks(
        for layers: [String], of network: Network
    ) throws(FactorizationError) -> [String: Factorization.Rank] {
        let matrices = network.factorizableLayers
        let named = PerLayer(fallback: nil, values: self.layers.values)
        var ranks: [String: Factorization.Rank] = [:]
        for layer in layers {
            if let rank = named.value(for: layer, among: layers) {
                if let matrix = matrices[layer], case .rank(let count) = rank,
                    !matrix.isMadeSmaller(by: rank)
                {
                    throw .notSmaller(layer: layer, rank: count, matrix)
                }
                ranks[layer] = rank
            } else if let rank = self.layers.fallback, let matrix = matrices[layer],
                matrix.isMadeSmaller(by: rank)
            {
                ranks[layer] = rank
            }
        }
        return ranks
    }

    /// Throws if a layer that is named has been pruned or shared in the checkpoint that a pipeline starts
    /// from.
    func requirePlainWeights(of network: Network) throws(FactorizationError) {
        var compressed: [String] = []
        network.forEachParameter { name, parameter in
            if !parameter.chain.isEmpty, let layer = name.removing(suffix: ".weight") {
                compressed.append(layer)
            }
        }
        guard let layer = compressed.first(where: { layers.values[$0] != nil }) else { return }
        throw .unfit(
            layer: layer, reason: "its weights are pruned, shared or quantized already")
    }

    /// The layers that are there once these have been replaced by their factors.
    func layerNames(
        behind layers: [String], of network: Network
    ) throws(FactorizationError) -> [String] {
        let replaced = try ranks(for: layers, of: network)
        return layers.flatMap { replaced[$0] == nil ? [$0] : ["\($0).a", "\($0).b"] }
    }
}
