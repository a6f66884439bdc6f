import Importing

/// What becomes of pixels before the network reads them.
enum NormalizationSettings: Sendable, Equatable {
    /// They are scaled to 0...1.
    case scale
    /// Each channel has mean 0 and deviation 1 over the training images.
    case perChannel
    /// Scaled to 0...1, less a mean, divided by a deviation; one of each a channel.
    case constants(mean: [Float], deviation: [Float])

    private enum Word: String, CaseIterable {
        case scale
        case perChannel = "per-channel"
    }

    init(_ setting: Setting) throws(PipelineFileError) {
        guard setting.node.mapping != nil else {
            guard let text = setting.node.scalar?.string, let word = Word(rawValue: text) else {
                throw setting.wrong(
                    "one of scale, per-channel, {mean: [...], deviation: [...]}")
            }
            self = word == .scale ? .scale : .perChannel
            return
        }
        let keys = try setting.mapping(known: ["mean", "deviation"])
        func numbers(
            _ key: String, in range: ClosedRange<Float>
        ) throws(PipelineFileError) -> [Float] {
            guard let list = keys[key] else {
                throw .missingKey(place: setting.place, path: setting.path, key: key)
            }
            var numbers: [Float] = []
            for item in try list.list() { numbers.append(try item.number(in: range)) }
            return numbers
        }
        let mean = try numbers("mean", in: -1000...1000)
        let deviation = try numbers("deviation", in: 1e-6...1000)
        guard mean.count == deviation.count, !mean.isEmpty else {
            throw setting.wrong("as many means as deviations, one a channel")
        }
        self = .constants(mean: mean, deviation: deviation)
    }

    /// - Parameter shape: of the samples as they were read, before a network's input made images features.
    /// - Throws: `PipelineError` for constants of another number of channels.
    func normalization(of set: DataSet, shape: [Int]) throws -> PixelNormalization {
        // The channels are those of images where there are any.
        let images = shape.count == 3 ? set.fitted(to: shape) : set
        let normalization: PixelNormalization
        switch self {
        case .scale: return PixelNormalization(scaling: set)
        case .perChannel: normalization = PixelNormalization(of: images)
        case .constants(let mean, let deviation):
            let stated = PixelNormalization(
                pixelScale: set.pixelScale, mean: mean, deviation: deviation)
            guard mean.count == 1 || mean.count == images.channels else {
                throw PipelineError.normalizationDoesNotFit(
                    found: mean.count, what: set.name, channels: images.channels)
            }
            normalization = stated.spread(images.channels / mean.count)
        }
        return normalization.spread(set.channels / images.channels)
    }
}
