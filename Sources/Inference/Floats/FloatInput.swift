import PackedModel

/// How raw samples become real numbers: `(p · pixelScale − mean) / deviation` in `Float`, one rounding
/// an operation in this order.
struct FloatInput: Sendable {
    let image: FloatImage
    /// Parts with a mean and a deviation of their own, and how many values each has.
    private let channels, area: Int
    private let input: PackedInput
    /// `[channels, 256]`: the numbers of all pixels.
    private let table: [Float]

    init(_ input: PackedInput) {
        self.input = input
        image = FloatImage(.init(shape: input.shape, quantizer: nil))
        channels = input.mean.count
        area = input.shape.reduce(1, *) / input.mean.count
        table = input.mean.indices.flatMap { channel in
            (0..<256).map { Self.value(Float($0), input, channel) }
        }
    }

    /// What is not a number counts as real zero.
    private static func value(_ sample: Float, _ input: PackedInput, _ channel: Int) -> Float {
        let real = (sample * input.pixelScale - input.mean[channel]) / input.deviation[channel]
        return real.isNaN ? 0 : real
    }

    /// Writes the numbers `[height, width, channels]` of pixels `[channels, height, width]`.
    func write(_ pixels: UnsafePointer<UInt8>, to values: UnsafeMutablePointer<Float>) {
        table.withUnsafeBufferPointer { table in
            forEachPlace { source, target, channel in
                values[target] = table[channel << 8 | Int(pixels[source])]
            }
        }
    }

    /// The same of raw samples.
    func write(_ samples: UnsafePointer<Float>, to values: UnsafeMutablePointer<Float>) {
        forEachPlace { source, target, channel in
            values[target] = Self.value(samples[source], input, channel)
        }
    }

    /// Each place of a sample, where its value goes, and the channel whose mean is taken off it.
    @inline(__always)
    private func forEachPlace(_ body: (_ source: Int, _ target: Int, _ channel: Int) -> Void) {
        let positions = image.area
        for channel in 0..<image.channels {
            let first = channel * positions
            for position in 0..<positions {
                body(
                    first + position, position * image.channels + channel,
                    area == positions ? channel : (first + position) / area)
            }
        }
    }
}
