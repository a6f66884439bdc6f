import Networks
import Training

/// Which layers become products of two smaller ones.
struct FactorizeSettings: Sendable {
    var layers: [(name: String, rank: Factorization.Rank)]
    var training: TrainingSettings

    init(_ setting: Setting) throws(PipelineFileError) {
        let keys = try setting.mapping(known: ["layers", "train"])
        guard let layers = keys["layers"] else {
            throw .missingKey(place: setting.place, path: setting.path, key: "layers")
        }
        self.layers = []
        for (name, value) in try layers.anyMapping() {
            let keys = try value.mapping(known: ["rank", "energy"])
            if let rank = keys["rank"], keys["energy"] == nil {
                self.layers.append((name, .rank(try rank.integer(in: 1...1_000_000))))
            } else if let energy = keys["energy"], keys["rank"] == nil {
                self.layers.append((name, .energy(Double(try energy.number(in: 0...1)))))
            } else {
                throw value.wrong("a mapping with one of rank and energy")
            }
        }
        training =
            try keys["train"].map { s throws(PipelineFileError) in
                try TrainingSettings(s)
            } ?? TrainingSettings(epochs: 0, learningRate: 0)
    }

    /// The layers that are there once these have been replaced by their factors.
    func layerNames(behind layers: [String]) -> [String] {
        let replaced = Set(layers.resolving(self.layers.map(\.name)))
        return layers.flatMap { replaced.contains($0) ? ["\($0).a", "\($0).b"] : [$0] }
    }
}

extension [String] {
    /// Names of which `first` and `last` stand for those layers.
    func resolving(_ names: [String]) -> [String] {
        names.map { $0 == "first" ? self[0] : $0 == "last" ? self[count - 1] : $0 }
    }
}
