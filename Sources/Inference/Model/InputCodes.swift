import CIntegerKernels
import PackedModel

/// How raw samples become codes.
///
/// The real value of a raw sample is `(p · pixelScale − mean) / deviation` in `Float`, one rounding an
/// operation in this order.
package struct InputCodes: Sendable {
    let input: PackedInput
    let quantizer: PackedQuantizer
    /// Parts with a mean and a deviation of their own.
    let channels: Int
    /// Samples of each.
    let area: Int

    /// Of the input of a model in integers.
    package init(_ input: PackedInput) {
        self.input = input
        quantizer = input.quantizer!
        channels = input.normalizedParts
        area = input.shape.reduce(1, *) / channels
    }

    /// The code of a raw sample. What is not a number counts as real zero.
    func code(_ sample: Float, channel: Int) -> Int32 {
        quantizer.code(input.real(sample, part: channel))
    }

    /// What kernels need to make bytes (`code − lowest`) of raw samples in floats.
    func withEncoding(_ body: (UnsafePointer<cik_float_encoding>) -> Void) {
        input.mean.withUnsafeBufferPointer { means in
            input.deviation.withUnsafeBufferPointer { deviations in
                var encoding = cik_float_encoding(
                    channels: channels, area: area, pixel_scale: input.pixelScale,
                    means: means.baseAddress, deviations: deviations.baseAddress,
                    offset: quantizer.offset, scale: quantizer.scale,
                    lowest: Float(quantizer.lowest), highest: Float(quantizer.highest))
                body(&encoding)
            }
        }
    }

    /// The bytes (`code − lowest`) of all pixels, `[channels, 256]`; `nil` for so many channels that
    /// each pixel is computed in less time.
    package func table() -> [UInt8]? {
        guard channels <= PackedInput.mostTables else { return nil }
        return (0..<channels).flatMap { channel in
            (0..<256).map {
                UInt8(code(Float($0), channel: channel) - quantizer.lowest)
            }
        }
    }
}

extension PackedInput {
    /// Tables for more parts would leave the second cache; and what a file says in a few bytes of a
    /// million features must not take a gigabyte.
    static let mostTables = 4096

    /// Parts with a mean and a deviation of their own; one if those of all are equal.
    var normalizedParts: Int {
        let areAllEqual =
            mean.allSatisfy { $0 == mean[0] } && deviation.allSatisfy { $0 == deviation[0] }
        return areAllEqual ? 1 : mean.count
    }

    /// The real value of a raw sample. What is not a number counts as real zero.
    func real(_ sample: Float, part: Int) -> Float {
        let real = (sample * pixelScale - mean[part]) / deviation[part]
        return real.isNaN ? 0 : real
    }
}
