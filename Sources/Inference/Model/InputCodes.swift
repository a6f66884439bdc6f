import PackedModel

/// How raw samples become codes.
///
/// The real value of a raw sample is `(p · pixelScale − mean) / deviation` in `Float`, one rounding an
/// operation in this order.
struct InputCodes: Sendable {
    let input: PackedInput
    let quantizer: PackedQuantizer
    /// Parts with a mean and a deviation of their own.
    let channels: Int
    /// Samples of each.
    let area: Int

    /// Of the input of a model in integers.
    init(_ input: PackedInput) {
        self.input = input
        quantizer = input.quantizer!
        channels = input.mean.count
        area = input.shape.reduce(1, *) / input.mean.count
    }

    /// The code of a raw sample. What is not a number counts as real zero.
    func code(_ sample: Float, channel: Int) -> Int32 {
        let real = (sample * input.pixelScale - input.mean[channel]) / input.deviation[channel]
        return quantizer.code(real.isNaN ? 0 : real)
    }

    /// The bytes (`code − lowest`) of all pixels: `[channels, 256]`.
    func table() -> [UInt8] {
        (0..<channels).flatMap { channel in
            (0..<256).map {
                UInt8(code(Float($0), channel: channel) - quantizer.lowest)
            }
        }
    }
}
