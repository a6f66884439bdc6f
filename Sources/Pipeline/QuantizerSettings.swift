import Quantization

/// Quantizers of weights, by the word of a pipeline file.
enum WeightMethod: String, CaseIterable, Sendable {
    case lsq
    case lsqPlus = "lsq+"
    case llsq
    case lgLSQ = "lg-lsq"
    case ewgs
    case doReFa = "dorefa"

    /// Whether it learns steps, so that the keys about steps apply.
    var learnsSteps: Bool { self != .ewgs && self != .doReFa }

    var rule: GradientRule {
        switch self {
        case .llsq: .llsq(forWeights: true)
        case .lgLSQ: .lgLSQStyle(forWeights: true)
        case .lsq, .lsqPlus, .ewgs, .doReFa: GradientRule()
        }
    }
}

/// Quantizers of activations, by the word of a pipeline file.
enum ActivationMethod: String, CaseIterable, Sendable {
    case lsq
    case lsqPlus = "lsq+"
    case llsq
    case lgLSQ = "lg-lsq"
    case ewgs
    case pact
    case doReFa = "dorefa"

    /// Whether it learns a step, so that the keys about grids and steps apply.
    var learnsSteps: Bool { self != .ewgs && self != .pact && self != .doReFa }

    var rule: GradientRule {
        switch self {
        case .llsq: .llsq(forWeights: false)
        case .lgLSQ: .lgLSQStyle(forWeights: false)
        case .lsq, .lsqPlus, .ewgs, .pact, .doReFa: GradientRule()
        }
    }
}

extension GradientRule {
    static let keys = ["rounding", "discretization"] + stepKeys
    /// For those that learn steps.
    static let stepKeys = ["step-gradient", "probe"]

    private enum RoundingWord: String, CaseIterable {
        case straightThrough = "straight-through"
        case arctangent
    }

    private enum DiscretizationWord: String, CaseIterable { case off, gradient, loss }

    private enum StepGradientWord: String, CaseIterable {
        case lsq, llsq, ssg
        case ssgLSQ = "ssg-lsq"

        var amplitude: Amplitude? {
            switch self {
            case .lsq: nil
            case .llsq: .squaredStep
            case .ssg: .balanced
            case .ssgLSQ: .learned
            }
        }
    }

    /// Changes the parts that a pipeline file names.
    mutating func read(
        _ keys: [String: Setting], isForWeights: Bool
    ) throws(PipelineFileError) {
        if let setting = keys["rounding"] { rounding = try Self.rounding(setting) }
        if let setting = keys["discretization"] {
            discretization = try Self.discretization(setting, isForWeights: isForWeights)
        }
        if let word = try keys["step-gradient"]?.choice(of: StepGradientWord.self) {
            let probe = usualProbe
            step = word.amplitude.map { StepGradient.simulated($0, probe) } ?? .learned
        }
        guard let setting = keys["probe"] else { return }
        guard case .simulated(let amplitude, let usual) = step else {
            throw setting.wrong("nothing, since only simulated step gradients probe")
        }
        step = .simulated(amplitude, try Self.probe(setting, usual))
    }

    private var usualProbe: Probe {
        if case .simulated(_, let probe) = step { return probe }
        return Probe()
    }

    /// `straight-through`, `arctangent`, or `{slope: 4, tail: true}`.
    private static func rounding(_ setting: Setting) throws(PipelineFileError) -> Rounding {
        guard setting.node.mapping != nil else {
            return try setting.choice(of: RoundingWord.self) == .arctangent
                ? .arctangent(slope: 4, hasTail: false) : .straightThrough
        }
        let keys = try setting.mapping(known: ["slope", "tail"])
        return .arctangent(
            slope: try keys["slope"]?.schedule(in: 0...100) ?? 4,
            hasTail: try keys["tail"]?.boolean() ?? false)
    }

    /// `off`, `gradient`, `loss`, `{gradient: 0.2}` or `{loss: 0.1}`.
    private static func discretization(
        _ setting: Setting, isForWeights: Bool
    ) throws(PipelineFileError) -> Discretization {
        var (word, value) = (DiscretizationWord.off, Setting?.none)
        if setting.node.mapping == nil {
            word = try setting.choice(of: DiscretizationWord.self)
        } else {
            let keys = try setting.mapping(known: ["gradient", "loss"])
            guard keys.count == 1, let (key, only) = keys.first else {
                throw setting.wrong("one of gradient and loss")
            }
            (word, value) = (DiscretizationWord(rawValue: key)!, only)
        }
        switch word {
        case .off: return .ignored
        case .gradient: return .inGradient(try value?.number(in: 0...100) ?? 0.2)
        case .loss:
            guard isForWeights else {
                throw setting.wrong("off or gradient; the term of the loss is for weights")
            }
            return .inLoss(
                try value?.schedule(in: 0...1000, growsFromZero: true)
                    ?? Schedule(from: 0, to: 0.1))
        }
    }

    private static func probe(
        _ setting: Setting, _ usual: Probe
    ) throws(PipelineFileError) -> Probe {
        let keys = try setting.mapping(known: ["ratio", "interval", "sample"])
        return Probe(
            ratio: try keys["ratio"]?.number(in: 1.01...100) ?? usual.ratio,
            interval: try keys["interval"]?.integer(in: 1...100_000) ?? usual.interval,
            sampleSize: try keys["sample"]?.integer(in: 16...100_000_000) ?? usual.sampleSize)
    }
}

extension Setting {
    /// A number, or `{from: 1, to: 8, start: 0.25}`: from one to another by a cosine, from a share
    /// of the training on.
    /// - Parameter growsFromZero: whether a number alone stands for the way from 0 to it.
    func schedule(
        in range: ClosedRange<Float>, growsFromZero: Bool = false
    ) throws(PipelineFileError) -> Schedule {
        guard node.mapping != nil else {
            let number = try number(in: range)
            return growsFromZero ? Schedule(from: 0, to: number) : Schedule(number)
        }
        let keys = try mapping(known: ["from", "to", "start"])
        guard let first = keys["from"], let last = keys["to"] else {
            throw .missingKey(place: place, path: path, key: keys["from"] == nil ? "from" : "to")
        }
        return Schedule(
            from: try first.number(in: range), to: try last.number(in: range),
            start: try keys["start"]?.number(in: 0...1) ?? 0)
    }
}

extension [String: Setting] {
    /// Throws for a key that a method has no use for.
    func refuse(_ names: [String], for method: String) throws(PipelineFileError) {
        try refuse(names, because: "\(method) has no such choice")
    }

    func refuse(_ names: [String], because reason: String) throws(PipelineFileError) {
        for name in names {
            if let setting = self[name] { throw setting.wrong("nothing, since \(reason)") }
        }
    }
}
