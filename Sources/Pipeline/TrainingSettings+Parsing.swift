import Training

extension TrainingSettings {
    private enum OptimizerName: String, CaseIterable { case sgd, adam }
    private enum ScheduleName: String, CaseIterable { case constant, cosine }

    static let keys = [
        "epochs", "batch-size", "optimizer", "momentum", "nesterov", "learning-rate", "schedule",
        "warm-up", "weight-decay", "shift", "flip", "label-smoothing", "distillation",
        "temperature",
    ]

    /// Reads `train:` settings, of a stage of its own or within one that retrains.
    init(_ setting: Setting) throws(PipelineFileError) {
        try self.init(setting.mapping(known: Self.keys), of: setting)
    }

    private init(_ keys: [String: Setting], of parent: Setting) throws(PipelineFileError) {
        guard let epochs = keys["epochs"] else {
            throw .missingKey(place: parent.place, path: parent.path, key: "epochs")
        }
        self.init(
            epochs: try epochs.integer(in: 0...100_000),
            learningRate: try keys["learning-rate"]?.number(in: 0...100) ?? 0.05)
        if self.epochs > 0, keys["learning-rate"] == nil {
            throw .missingKey(place: parent.place, path: parent.path, key: "learning-rate")
        }
        batchSize = try keys["batch-size"]?.integer(in: 1...65536) ?? batchSize
        switch try keys["optimizer"]?.choice(of: OptimizerName.self) ?? .sgd {
        case .sgd:
            method = .sgd(
                momentum: try keys["momentum"]?.number(in: 0...0.9999) ?? 0.9,
                nesterov: try keys["nesterov"]?.boolean() ?? false)
        case .adam:
            if let misplaced = keys["nesterov"] {
                throw misplaced.wrong("nothing, since it belongs to optimizer: sgd")
            }
            method = .adam(
                beta1: try keys["momentum"]?.number(in: 0...0.9999) ?? 0.9, beta2: 0.999,
                epsilon: 1e-8)
        }
        if let schedule = keys["schedule"] { self.schedule = try Self.schedule(schedule) }
        warmUp = try keys["warm-up"]?.number(in: 0...1) ?? warmUp
        weightDecay = try keys["weight-decay"]?.number(in: 0...1) ?? weightDecay
        maximalShift = try keys["shift"]?.integer(in: 0...16) ?? maximalShift
        flips = try keys["flip"]?.boolean() ?? flips
        loss = Loss(
            labelSmoothing: try keys["label-smoothing"]?.number(in: 0...0.999) ?? 0,
            distillationWeight: try keys["distillation"]?.number(in: 0...1000) ?? 0,
            temperature: try keys["temperature"]?.number(in: 0.01...100) ?? 1)
    }

    /// `constant`, `cosine`, or `{at: [0.5, 0.75], factor: 0.1}`.
    private static func schedule(
        _ setting: Setting
    ) throws(PipelineFileError) -> LearningRateSchedule {
        guard setting.node.mapping != nil else {
            guard let name = ScheduleName(rawValue: try setting.string()) else {
                throw setting.wrong("constant, cosine, or {at: [0.5, 0.75], factor: 0.1}")
            }
            return name == .cosine ? .cosine(end: 0) : .constant
        }
        let keys = try setting.mapping(known: ["at", "factor"])
        guard keys["at"] != nil else {
            throw .missingKey(place: setting.place, path: setting.path, key: "at")
        }
        var shares: [Float] = []
        for share in try keys["at"]?.list() ?? [] {
            shares.append(try share.number(in: (shares.last ?? 0)...1))
        }
        return .step(at: shares, factor: try keys["factor"]?.number(in: 0...1) ?? 0.1)
    }
}
