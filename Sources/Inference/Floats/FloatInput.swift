import PackedModel

/// How raw samples become real numbers: `(p · pixelScale − mean) / deviation` in `Float`, one rounding
/// an operation in this order.
struct FloatInput: Sendable {
    let image: FloatImage
    /// Parts with a mean and a deviation of their own, and how many values each has.
    private let channels, area: Int
    private let input: PackedInput
    /// `[channels, 256]`: the numbers of all pixels; `nil` for so many channels that each is computed in
    /// less time.
    private let table: [Float]?

    init(_ input: PackedInput) {
        self.input = input
        image = FloatImage(.init(shape: input.shape, quantizer: nil))
        let channels = input.normalizedParts
        self.channels = channels
        area = input.shape.reduce(1, *) / channels
        table =
            channels > PackedInput.mostTables
            ? nil
            : (0..<channels).flatMap { channel in
                (0..<256).map { input.real(Float($0), part: channel) }
            }
    }

    /// Writes the numbers `[height, width, channels]` of pixels `[channels, height, width]`.
    func write(_ pixels: UnsafePointer<UInt8>, to values: UnsafeMutablePointer<Float>) {
        guard let table else {
            return forEachPlace { source, target, channel in
                values[target] = input.real(Float(pixels[source]), part: channel)
            }
        }
        table.withUnsafeBufferPointer { table in
            forEachPlace { source, target, channel in
                values[target] = table[channel << 8 | Int(pixels[source])]
            }
        }
    }

    /// The same of raw samples.
    func write(_ samples: UnsafePointer<Float>, to values: UnsafeMutablePointer<Float>) {
        forEachPlace { source, target, channel in
            values[target] = input.real(samples[source], part: channel)
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
                    channels == 1 ? 0 : area == positions ? channel : (first + position) / area)
            }
        }
    }
}
