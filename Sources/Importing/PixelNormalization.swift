/// Turns a pixel `p` of channel `c` into `x = (p · pixelScale − mean[c]) / deviation[c]`.
///
/// In `Float`, in this order, with one rounding an operation: a model file stores the three numbers,
/// and whoever computes the same gets the same bits.
public struct PixelNormalization: Sendable, Equatable {
    public let pixelScale: Float
    /// One value a channel.
    public let mean: [Float]
    /// One value a channel, not zero.
    public let deviation: [Float]
    /// The value of every pixel, `[channels, 256]`.
    private let table: [Float]

    public init(pixelScale: Float, mean: [Float], deviation: [Float]) {
        precondition(
            mean.count == deviation.count, "\(mean.count) means, \(deviation.count) deviations")
        precondition(!deviation.contains(0), "a deviation is zero: \(deviation)")
        self.pixelScale = pixelScale
        self.mean = mean
        self.deviation = deviation
        table = zip(mean, deviation).flatMap { mean, deviation in
            (0...255).map { (Float($0) * pixelScale - mean) / deviation }
        }
    }

    /// Scales the pixels of `set` to 0...1 and does no more.
    public init(scaling set: DataSet) {
        self.init(
            pixelScale: set.pixelScale, mean: Array(repeating: 0, count: set.channels),
            deviation: Array(repeating: 1, count: set.channels))
    }

    /// Mean 0 and deviation 1 over all pixels of `set`, channel by channel (1 if a channel is constant).
    ///
    /// With `n` pixels of a channel: `mean = scale · Σp / n`,
    /// `deviation = scale · √(Σp² / n − (Σp / n)²)`, sums in integers, the rest in `Double`.
    public init(of set: DataSet) {
        let moments = (0..<set.channels).map { Self.moments(of: set, channel: $0) }
        let scale = Double(set.pixelScale)
        self.init(
            pixelScale: set.pixelScale,
            mean: moments.map { Float($0.mean * scale) },
            deviation: moments.map { $0.deviation > 0 ? Float($0.deviation * scale) : 1 })
    }

    /// The same for images that are read as features: one value for each pixel, or for each feature.
    /// - Parameter count: how many features follow one another in the place of a channel.
    public func spread(_ count: Int) -> PixelNormalization {
        func spread(_ values: [Float]) -> [Float] {
            values.flatMap { Array(repeating: $0, count: count) }
        }
        return PixelNormalization(
            pixelScale: pixelScale, mean: spread(mean), deviation: spread(deviation))
    }

    private static func moments(
        of set: DataSet, channel: Int
    ) -> (mean: Double, deviation: Double) {
        let plane = set.height * set.width
        // How often each pixel value comes: sums over 256 counts are faster than over all pixels.
        var counts = [Int](repeating: 0, count: 256)
        set.pixels.withUnsafeBufferPointer { pixels in
            for sample in 0..<set.count {
                let start = (sample * set.channels + channel) * plane
                for place in start..<start + plane { counts[Int(pixels[place])] += 1 }
            }
        }
        let sum = counts.enumerated().reduce(0) { $0 + $1.offset * $1.element }
        let squares = counts.enumerated().reduce(0) {
            $0 + $1.offset * $1.offset * $1.element
        }
        let count = Double(max(set.count * plane, 1))
        let mean = Double(sum) / count
        return (mean, max(Double(squares) / count - mean * mean, 0).squareRoot())
    }

    public func value(of pixel: UInt8, channel: Int) -> Float { table[channel * 256 + Int(pixel)] }
}
