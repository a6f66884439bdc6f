import Quantization
import Training
import WeightSharing

/// What one stage of a pipeline does, as its file says.
enum StageSettings: Sendable {
    case train(TrainingSettings)
    case factorize(FactorizeSettings)
    case prune(PruneSettings)
    case share(ShareSettings)
    case quantize(QuantizeSettings)
    /// A quantize stage that leaves activations in floats.
    case quantizeWeights(FloatModeSettings)
    case encode(EncodeSettings)

    /// The settings of how it trains, or `nil` if it does not.
    var training: TrainingSettings? {
        switch self {
        case .train(let training): training
        case .factorize(let settings): settings.training
        case .prune(let settings): settings.training
        case .share(let settings): settings.training
        case .quantize(let settings): settings.training
        case .quantizeWeights: TrainingSettings(epochs: 0, learningRate: 0)
        case .encode: nil
        }
    }

    /// What a report says of a quantization that trains nothing.
    /// - Parameter imageCount: of the training set.
    func calibration(imageCount: Int) -> StageReport.Calibration? {
        guard case .quantize(let settings) = self, !settings.trains else { return nil }
        let (images, activations) = (settings.calibrationCount, settings.activations)
        return StageReport.Calibration(
            images: min(images, imageCount), method: activations.calibration.rawValue,
            percentile: activations.calibration == .percentile ? activations.percentile : nil,
            equalization: settings.equalizes, biasCorrection: settings.correctsBias)
    }
}

extension StageSettings {
    /// The layers that its settings name, by key.
    var layerNames: [(key: String, names: [String])] {
        switch self {
        case .train: []
        case .factorize(let settings): [("layers", settings.layers.values.keys.sorted())]
        case .prune(let settings):
            switch settings.criterion {
            case .density(let densities): [("density", densities.values.keys.sorted())]
            case .quality(let qualities): [("quality", qualities.values.keys.sorted())]
            case .globalDensity(_, _, _, let dense): [("dense", dense)]
            }
        case .share(let settings): [("bits", settings.bits.values.keys.sorted())]
        case .quantize(let settings):
            [
                ("weights.bits", settings.weights.bits.values.keys.sorted()),
                ("activations.bits", settings.activations.bits.values.keys.sorted()),
            ]
        case .quantizeWeights(let settings):
            [("weights.bits", settings.bits.values.keys.sorted())]
        case .encode(let settings): [("index-bits", settings.indexBits.values.keys.sorted())]
        }
    }
}

extension StageSettings {
    /// The settings that need a value for every layer, by key, each with whether it has one for a
    /// layer of some.
    var neededLayers: [(key: String, covers: (String, [String]) -> Bool)] {
        func covers<Value>(_ values: PerLayer<Value>) -> (String, [String]) -> Bool {
            { values.value(for: $0, among: $1) != nil }
        }
        switch self {
        case .train, .factorize: return []
        case .quantize(let settings):
            let activations = ("activations.bits", covers(settings.activations.bits))
            // A budget gives bits to the layers that have none.
            guard settings.weights.budget == nil else { return [activations] }
            return [("weights.bits", covers(settings.weights.bits)), activations]
        case .quantizeWeights(let settings): return [("weights.bits", covers(settings.bits))]
        case .prune(let settings):
            switch settings.criterion {
            case .density(let densities): return [("density", covers(densities))]
            case .quality(let qualities): return [("quality", covers(qualities))]
            case .globalDensity: return []
            }
        case .share(let settings): return [("bits", covers(settings.bits))]
        case .encode(let settings): return [("index-bits", covers(settings.indexBits))]
        }
    }
}

/// The kinds of stages, by the word that starts their name.
public enum StageKind: String, CaseIterable, Sendable {
    case train, factorize, prune, share, quantize, encode

    func settings(_ setting: Setting) throws(PipelineFileError) -> StageSettings {
        switch self {
        case .train: .train(try TrainingSettings(setting))
        case .factorize: .factorize(try FactorizeSettings(setting))
        case .prune: .prune(try PruneSettings(setting))
        case .share: .share(try ShareSettings(setting))
        case .quantize:
            if let settings = try FloatModeSettings(ifNamedIn: setting) {
                .quantizeWeights(settings)
            } else {
                .quantize(try QuantizeSettings(setting))
            }
        case .encode: .encode(try EncodeSettings(setting))
        }
    }
}

struct PruneSettings: Sendable {
    enum Criterion: Sendable {
        /// The share of each layer's weights that stays.
        case density(PerLayer<Float>)
        /// The share of all weights that stays, and how it is spread over the layers, of which those
        /// in `dense` keep all and the others at least `floor`.
        case globalDensity(Float, Allocation, floor: Float, dense: [String])
        /// Each layer's threshold in standard deviations of its weights.
        case quality(PerLayer<Float>)
    }

    /// How a density over all layers is spread over them.
    enum Allocation: String, CaseIterable, Sendable {
        /// One threshold over the magnitudes of all weights.
        case magnitude
        /// One threshold over the LAMP scores of all weights (Lee et al. 2021).
        case lamp
        /// Erdős–Rényi-kernel (Evci et al. 2020).
        case erk
        /// The same density everywhere.
        case uniform
    }

    enum Schedule: String, CaseIterable, Sendable {
        /// All at once, then retraining.
        case oneShot = "one-shot"
        /// In a few steps, each followed by retraining (Han et al. 2015).
        case iterative
        /// Many small steps, fast at first (Zhu & Gupta 2017).
        case cubic
    }

    var criterion: Criterion
    var schedule: Schedule
    /// Training steps between two updates of a cubic schedule.
    var interval: Int
    /// Updates of an iterative schedule.
    var steps: Int
    /// The share of the training over which the density falls.
    var ramp: Float
    var regrows: Bool
    /// The power of a weight's bits by which its magnitude is divided; 0 for the magnitude alone.
    var rate: Float
    /// Training batches from which the statistics of batch normalization are made anew at the end.
    var batchNormBatches: Int?
    var training: TrainingSettings

    init(_ setting: Setting) throws(PipelineFileError) {
        let keys = try setting.mapping(known: [
            "density", "global-density", "allocation", "floor", "dense", "quality", "schedule",
            "interval", "steps",
            "ramp", "regrow", "rate", "batch-norm-batches", "train",
        ])
        try setting.requireOne(of: ["density", "global-density", "quality"], in: keys)
        if let density = keys["density"] {
            criterion = .density(
                try density.perLayer { s throws(PipelineFileError) in try s.number(in: 0...1) })
        } else if let global = keys["global-density"] {
            criterion = .globalDensity(
                try global.number(in: 0...1),
                try keys["allocation"]?.choice(of: Allocation.self) ?? .magnitude,
                floor: try keys["floor"]?.number(in: 0...1) ?? 0,
                dense: try keys["dense"]?.strings() ?? [])
        } else {
            criterion = .quality(
                try keys["quality"]!.perLayer { s throws(PipelineFileError) in
                    try s.number(in: 0...100)
                })
        }
        for key in ["allocation", "floor", "dense"] where keys["global-density"] == nil {
            guard let misplaced = keys[key] else { continue }
            throw misplaced.wrong("nothing, since it belongs to global-density")
        }
        if keys["quality"] != nil, let misplaced = keys["rate"] {
            throw misplaced.wrong("nothing, since thresholds are magnitudes with quality")
        }
        schedule = try keys["schedule"]?.choice(of: Schedule.self) ?? .oneShot
        interval = try keys["interval"]?.integer(in: 1...1_000_000) ?? 100
        steps = try keys["steps"]?.integer(in: 1...1000) ?? 4
        ramp = try keys["ramp"]?.number(in: 0...1) ?? 0.5
        regrows = try keys["regrow"]?.boolean() ?? false
        rate = try keys["rate"]?.number(in: 0...4) ?? 0
        batchNormBatches = try keys["batch-norm-batches"].batchNormBatches()
        training =
            try keys["train"].map { s throws(PipelineFileError) in
                try TrainingSettings(s)
            } ?? TrainingSettings(epochs: 0, learningRate: 0)
        try requireEffect(keys)
    }

    /// Throws for a setting that nothing would come of.
    private func requireEffect(_ keys: [String: Setting]) throws(PipelineFileError) {
        let belonging: [(key: String, schedules: [Schedule])] = [
            ("interval", [.cubic]), ("steps", [.iterative]), ("ramp", [.iterative, .cubic]),
        ]
        for (key, schedules) in belonging where !schedules.contains(schedule) {
            guard let misplaced = keys[key] else { continue }
            throw misplaced.wrong(
                "nothing, since it belongs to schedule: "
                    + schedules.map(\.rawValue).joined(separator: " or "))
        }
        if schedule != .oneShot, keys["train"] == nil, let misplaced = keys["schedule"] {
            throw misplaced.wrong("one-shot, since there is no 'train' to spread it over")
        }
    }
}

struct ShareSettings: Sendable {
    enum Initialization: String, CaseIterable, Sendable { case linear, density, random }

    var bits: PerLayer<Int>
    var initialization: Initialization
    var iterations: Int
    var batchNormBatches: Int?
    var training: TrainingSettings

    init(_ setting: Setting) throws(PipelineFileError) {
        let keys = try setting.mapping(known: [
            "bits", "initialization", "iterations", "batch-norm-batches", "train",
        ])
        guard let bits = keys["bits"] else {
            throw .missingKey(place: setting.place, path: setting.path, key: "bits")
        }
        self.bits = try bits.perLayer { s throws(PipelineFileError) in try s.integer(in: 1...8) }
        initialization = try keys["initialization"]?.choice(of: Initialization.self) ?? .linear
        iterations = try keys["iterations"]?.integer(in: 1...10_000) ?? 100
        batchNormBatches = try keys["batch-norm-batches"].batchNormBatches()
        training =
            try keys["train"].map { s throws(PipelineFileError) in
                try TrainingSettings(s)
            } ?? TrainingSettings(epochs: 0, learningRate: 0)
    }
}

extension Setting? {
    /// `batch-norm-batches`, 0 for none, `nil` for what is usual.
    func batchNormBatches() throws(PipelineFileError) -> Int? {
        try self?.integer(in: 0...100_000)
    }
}

struct EncodeSettings: Sendable {
    enum Coding: String, CaseIterable, Sendable {
        /// Every mode is tried for every tensor, and the smallest one kept.
        case smallest
        /// Relative indices with fillers and Huffman codes for both (Han, Mao & Dally 2016).
        case deepCompression = "deep-compression"
    }

    enum IndexBits: Int, Sendable { case five = 5, eight = 8 }

    var coding: Coding
    /// Of a relative index, in the coding of Deep Compression.
    var indexBits: PerLayer<IndexBits>

    init(_ setting: Setting) throws(PipelineFileError) {
        let keys = try setting.mapping(known: ["coding", "index-bits"])
        coding = try keys["coding"]?.choice(of: Coding.self) ?? .smallest
        if coding == .smallest, let misplaced = keys["index-bits"] {
            throw misplaced.wrong("nothing, since it belongs to coding: deep-compression")
        }
        indexBits =
            try keys["index-bits"]?.perLayer { s throws(PipelineFileError) in
                guard let bits = IndexBits(rawValue: try s.integer(in: 5...8)) else {
                    throw s.wrong("5 or 8")
                }
                return bits
            } ?? PerLayer(fallback: .five, values: [:])
    }
}
