import Quantization
import Training

struct QuantizeSettings: Sendable {
    struct Weights: Sendable {
        var bits: PerLayer<Int>
        var initialization: StepInitialization?
        var isNarrow: Bool
        /// Whether each output has a step of its own.
        var isPerChannel: Bool
        /// Of layers of up to 7 bits, where it has no steps.
        var method: WeightMethod
        var rule: GradientRule
        /// Of EWGS.
        var delta: Float
        var freezing: Freezing?
        /// Of the layers that `bits` does not name.
        var budget: Budget?
    }

    /// Which bits layers may have, so that the mean over all weights is no more than so many.
    struct Budget: Sendable {
        var mean: Float
        var choices: [Int]
    }

    /// When weights freeze whose codes go back and forth.
    struct Freezing: Sendable {
        /// With more of them, a step back and forth is too small to matter.
        static let mostBits = 4

        /// The frequency above which a weight freezes; none do before its start.
        var threshold: Schedule
        var momentum: Float
    }

    struct Activations: Sendable {
        var bits: PerLayer<Int>
        /// Of what sums, products, concatenations, averages and smooth functions read.
        var residualBits: Int
        /// Of what layers with weights read; `nil` to choose for each value by its sample.
        var configuration: ActivationScheme?
        var calibration: ActivationInitialization
        /// Of the calibration by percentile.
        var percentile: Double
        var method: ActivationMethod
        var rule: GradientRule
        /// Of EWGS.
        var delta: Float
        var sharing: ActivationQuantizer.Sharing
    }

    var weights: Weights
    /// Of what each layer with weights reads; the first layer's input is `input`.
    var activations: Activations
    /// Bits of the network's input, if not those of the first layer's activations.
    var inputBits: Int?
    /// Whether the input's grid is learned, or the one that spans the pixels.
    var learnsInput: Bool
    var biasBits: Int
    /// What a bit for each unpruned weight adds to the loss; `nil` for nothing.
    var rate: RatePrice?
    /// Images from which grids of activations start, or by which they are chosen.
    var calibrationCount: Int
    /// Whether channels are equalized across layers before the weights are rounded.
    var equalizes: Bool
    /// Whether biases make up for what rounding does to means.
    var correctsBias: Bool
    var batchNormBatches: Int?
    var training: TrainingSettings

    init(_ setting: Setting) throws(PipelineFileError) {
        let keys = try setting.mapping(known: [
            "mode", "weights", "activations", "input", "bias-bits", "rate", "calibration",
            "equalization", "bias-correction", "batch-norm-batches", "train",
        ])
        guard let weights = keys["weights"], let activations = keys["activations"] else {
            throw .missingKey(
                place: setting.place, path: setting.path,
                key: keys["weights"] == nil ? "weights" : "activations")
        }
        training =
            try keys["train"].map { s throws(PipelineFileError) in
                try TrainingSettings(s)
            } ?? TrainingSettings(epochs: 0, learningRate: 0)
        let trains = training.epochs > 0
        self.weights = try Self.weights(weights, trains: trains)
        self.activations = try Self.activations(activations, trains: trains)
        let input = try keys["input"]?.mapping(known: ["bits", "learned"]) ?? [:]
        inputBits = try input["bits"]?.integer(in: 2...8)
        learnsInput = try input["learned"]?.boolean() ?? false
        equalizes = try keys["equalization"]?.boolean() ?? false
        correctsBias = try keys["bias-correction"]?.boolean() ?? false
        biasBits =
            try keys["bias-bits"]?.integer(in: 2...16) ?? (equalizes || correctsBias ? 16 : 8)
        rate = try keys["rate"].map { s throws(PipelineFileError) in try Self.rate(s) }
        if !self.weights.method.learnsSteps {
            try keys.refuse(["rate"], for: self.weights.method.rawValue)
        }
        calibrationCount = try keys["calibration"]?.integer(in: 1...100_000) ?? 1024
        batchNormBatches = try keys["batch-norm-batches"].batchNormBatches()
        if !trains {
            try keys.refuse(["rate"], because: Self.noTraining)
            try input.refuse(["learned"], because: Self.noTraining)
        }
        for key in ["equalization", "bias-correction"] where trains {
            if let setting = keys[key], try setting.boolean() {
                throw setting.wrong("false, since the stage trains")
            }
        }
    }

    /// Whether weights, steps and offsets are trained; else the calibration has the last word.
    var trains: Bool { training.epochs > 0 }

    /// A price, a schedule of prices, or `{bits: 1.5}`.
    private static func rate(_ setting: Setting) throws(PipelineFileError) -> RatePrice {
        guard let mapping = setting.node.mapping, mapping["bits"] != nil else {
            return .schedule(try setting.schedule(in: 0...1000))
        }
        let keys = try setting.mapping(known: ["bits"])
        return .target(bits: Double(try keys["bits"]!.number(in: 0.01...8)))
    }

    private static let noTraining = "the stage does not train"

    private static func weights(
        _ setting: Setting, trains: Bool
    ) throws(PipelineFileError) -> Weights {
        let keys = try setting.mapping(
            known: [
                "bits", "budget", "choices", "method", "initialization", "narrow", "per-channel",
                "delta", "oscillations",
            ] + GradientRule.keys)
        let budget = try budget(keys)
        let bits =
            try keys["bits"]?.perLayer { s throws(PipelineFileError) in
                try s.integer(in: 2...8)
            } ?? PerLayer(fallback: nil, values: [:])
        if keys["bits"] == nil, budget == nil {
            throw .missingKey(place: setting.place, path: setting.path, key: "bits")
        }
        if bits.fallback != nil, let misplaced = keys["budget"] {
            throw misplaced.wrong("nothing, since bits has a value for all layers")
        }
        let method = try keys["method"]?.choice(of: WeightMethod.self) ?? .lsqPlus
        if !method.learnsSteps {
            try keys.refuse(
                ["initialization", "narrow", "oscillations"] + GradientRule.stepKeys,
                for: method.rawValue)
        }
        if method != .ewgs { try keys.refuse(["delta"], for: method.rawValue) }
        if !trains {
            try keys.refuse(
                ["delta", "oscillations"] + GradientRule.keys, because: Self.noTraining)
        }
        var rule = method.rule
        try rule.read(keys, isForWeights: true)
        if method == .ewgs, case .inGradient = rule.discretization {
            throw keys["discretization"]!.wrong("off or loss; delta is the term in the gradient")
        }
        return Weights(
            bits: bits,
            initialization: try keys["initialization"]?.choice(of: StepInitialization.self),
            isNarrow: try keys["narrow"]?.boolean() ?? false,
            isPerChannel: try keys["per-channel"]?.boolean() ?? false,
            method: method, rule: rule,
            delta: try keys["delta"]?.number(in: 0...100) ?? EWGSWeightQuantizer.usualDelta,
            freezing: try keys["oscillations"].map { s throws(PipelineFileError) in
                try freezing(s)
            }, budget: budget)
    }

    private static func budget(
        _ keys: [String: Setting]
    ) throws(PipelineFileError) -> Budget? {
        guard let budget = keys["budget"] else {
            if let misplaced = keys["choices"] {
                throw misplaced.wrong("nothing, since it belongs to budget")
            }
            return nil
        }
        var choices: [Int] = []
        for choice in try keys["choices"]?.list() ?? [] {
            choices.append(try choice.integer(in: 2...8))
        }
        return Budget(
            mean: try budget.number(in: 2...8), choices: choices.isEmpty ? [2, 3, 4, 8] : choices)
    }

    /// `{freeze: 0.01, momentum: 0.001}`
    private static func freezing(_ setting: Setting) throws(PipelineFileError) -> Freezing {
        let keys = try setting.mapping(known: ["freeze", "momentum"])
        guard let threshold = keys["freeze"] else {
            throw .missingKey(place: setting.place, path: setting.path, key: "freeze")
        }
        return Freezing(
            threshold: try threshold.schedule(in: 0...1),
            momentum: try keys["momentum"]?.number(in: 1e-6...1) ?? 0.001)
    }

    private static func activations(
        _ setting: Setting, trains: Bool
    ) throws(PipelineFileError) -> Activations {
        let keys = try setting.mapping(
            known: [
                "bits", "residual-bits", "method", "configuration", "calibration",
                "initialization", "percentile", "gradient-scale", "delta",
            ] + GradientRule.keys)
        guard let bits = keys["bits"] else {
            throw .missingKey(place: setting.place, path: setting.path, key: "bits")
        }
        let method = try keys["method"]?.choice(of: ActivationMethod.self) ?? .lsqPlus
        if !method.learnsSteps {
            try keys.refuse(
                ["configuration", "gradient-scale"] + GradientRule.stepKeys, for: method.rawValue)
        }
        if method == .ewgs { try keys.refuse(["discretization"], for: method.rawValue) }
        if method == .doReFa || method == .ewgs {
            try keys.refuse(
                ["calibration", "initialization", "percentile"], for: method.rawValue)
        }
        if method != .ewgs { try keys.refuse(["delta"], for: method.rawValue) }
        if !trains {
            try keys.refuse(
                ["delta", "gradient-scale"] + GradientRule.keys, because: Self.noTraining)
        }
        var rule = method.rule
        try rule.read(keys, isForWeights: false)
        let (calibration, percentile) = try calibration(keys)
        return Activations(
            bits: try bits.perLayer { s throws(PipelineFileError) in try s.integer(in: 2...8) },
            residualBits: try keys["residual-bits"]?.integer(in: 2...8) ?? 8,
            configuration: try keys["configuration"].map(Self.configuration)
                ?? (method == .lsq ? .unsignedSymmetric : nil),
            calibration: calibration ?? (method == .lsq ? .lsq : .leastSquares),
            percentile: percentile, method: method, rule: rule,
            delta: try keys["delta"]?.number(in: 0...100) ?? EWGSWeightQuantizer.usualDelta,
            sharing: try keys["gradient-scale"]?.choice(of: ScaleWord.self).sharing ?? .elements)
    }

    /// `calibration`, which was called `initialization` once, and `percentile`.
    private static func calibration(
        _ keys: [String: Setting]
    ) throws(PipelineFileError) -> (ActivationInitialization?, Double) {
        if keys["calibration"] != nil, let other = keys["initialization"] {
            throw other.wrong("nothing, since it is another word for calibration")
        }
        let calibration = try (keys["calibration"] ?? keys["initialization"])?
            .choice(of: ActivationInitialization.self)
        guard let setting = keys["percentile"] else {
            return (calibration, PercentileCalibration.usualPercentile)
        }
        guard calibration == .percentile else {
            throw setting.wrong("nothing, since it belongs to calibration: percentile")
        }
        guard let percentile = Double(try setting.string()), (50...100).contains(percentile) else {
            throw setting.wrong("a number in 50...100")
        }
        return (calibration, percentile)
    }

    private enum ScaleWord: String, CaseIterable {
        case elements, features

        var sharing: ActivationQuantizer.Sharing { self == .elements ? .elements : .features }
    }

    /// `auto`, or the number of a configuration of LSQ+.
    private static func configuration(
        _ setting: Setting
    ) throws(PipelineFileError) -> ActivationScheme? {
        if setting.node.scalar?.string == "auto" { return nil }
        guard let number = Int(setting.node.scalar?.string ?? ""),
            let scheme = ActivationScheme(rawValue: number)
        else { throw setting.wrong("auto, or a whole number in 1...4") }
        return scheme
    }
}
