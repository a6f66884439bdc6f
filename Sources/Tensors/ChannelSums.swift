import CFloatKernels

/// Two sums for each channel of NHWC values. They are made of pieces of the positions, in `Float`, and
/// added up in `Double`: the pieces do not depend on threads, nor do the sums.
struct ChannelSums: Sendable {
    let channels: Int
    /// `[pieces, 2, channels]`
    private var partials = Tensor.empty

    init(channels: Int) { self.channels = channels }

    /// Positions of a piece: 64 KB, so that it stays in the second cache from channel to channel.
    static func piece(ofChannels channels: Int) -> Int { max(16, (1 << 14) / channels) }

    mutating func resize(pieces: Int) { partials.resize(to: [pieces, 2, channels]) }

    mutating func withPieces<Result>(
        _ body: (UnsafeMutablePointer<Float>) -> Result
    ) -> Result {
        partials.withUnsafeMutableElements { body($0.baseAddress!) }
    }

    var total: [(Double, Double)] {
        var sums = [(Double, Double)](repeating: (0, 0), count: channels)
        partials.withUnsafeElements { partials in
            for start in stride(from: 0, to: partials.count, by: 2 * channels) {
                for channel in 0..<channels {
                    sums[channel].0 += Double(partials[start + channel])
                    sums[channel].1 += Double(partials[start + channels + channel])
                }
            }
        }
        return sums
    }
}

/// Where the sums of each part of a batch are written as soon as the part has been computed, while it is
/// in the cache.
struct PartSums {
    let channels: Int
    /// Positions of every part, of the last one at most.
    let positions: Int
    /// Nobody asks for them where there is no memory for them.
    let sums: UnsafeMutablePointer<Float>?

    private var piece: Int { min(positions, ChannelSums.piece(ofChannels: channels)) }

    /// Pieces of a part.
    static func pieces(positions: Int, channels: Int) -> Int {
        let piece = ChannelSums.piece(ofChannels: channels)
        return (positions + piece - 1) / piece
    }

    /// - Parameters:
    ///   - count: positions of this part.
    ///   - body: writes the `[2, channels]` sums of a range of the part's positions.
    func write(
        part: Int, count: Int, _ body: (Range<Int>, UnsafeMutablePointer<Float>) -> Void
    ) {
        guard let sums else { return }
        let pieces = Self.pieces(positions: positions, channels: channels)
        for index in 0..<pieces {
            body(
                range(ofChunk: index, size: piece, count: count),
                sums + (part * pieces + index) * 2 * channels)
        }
    }

    /// The sums of `x` and of `x²`.
    func writeMoments(_ isa: cfk_isa, part: Int, _ x: UnsafePointer<Float>, count: Int) {
        write(part: part, count: count) { range, sums in
            cfk_channel_moments(
                isa, x + range.lowerBound * channels, Int64(range.count), Int64(channels), sums)
        }
    }
}
