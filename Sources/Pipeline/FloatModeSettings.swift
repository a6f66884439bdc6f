/// A quantize stage that needs neither training nor samples: weights are stored in fewer bits, and
/// activations stay floats.
struct FloatModeSettings: Sendable {
    enum Mode: String, CaseIterable, Sendable {
        /// Everything in integers; `QuantizeSettings` says how.
        case fullInteger = "full-integer"
        /// Weights in half precision.
        case float16
        /// Integer weights times codes on a grid of each sample's own.
        case dynamicRange = "dynamic-range"
    }

    var mode: Mode
    /// Of weights in dynamic range.
    var bits: PerLayer<Int>
    /// Whether each output has a step of its own, in dynamic range.
    var isPerChannel: Bool

    /// The settings of a stage that names one of these modes, or `nil`.
    init?(ifNamedIn setting: Setting) throws(PipelineFileError) {
        let all = try setting.anyMapping()
        guard let mode = try all.first(where: { $0.key == "mode" })?.value.choice(of: Mode.self),
            mode != .fullInteger
        else { return nil }
        if let training = all.first(where: { $0.key == "train" })?.value {
            throw training.wrong("nothing, since \(mode.rawValue) does not train")
        }
        self.mode = mode
        let keys = try setting.mapping(
            known: mode == .dynamicRange ? ["mode", "weights"] : ["mode"])
        let weights = try keys["weights"]?.mapping(known: ["bits", "per-channel"]) ?? [:]
        bits =
            try weights["bits"]?.perLayer { s throws(PipelineFileError) in
                try s.integer(in: 2...8)
            } ?? PerLayer(fallback: 8, values: [:])
        isPerChannel = try weights["per-channel"]?.boolean() ?? false
    }
}
