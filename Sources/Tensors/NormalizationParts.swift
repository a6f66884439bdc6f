import CFloatKernels

/// The last step of a batch normalization's input gradient for a part of the positions:
/// `dx = g · factors[0] + x · factors[1] + factors[2]` in the place of `g`.
struct NormalizationFactors {
    private let factors: [Tensor]

    /// - Parameter factors: `[3, channels]`
    init(_ factors: [Tensor]) { self.factors = factors }

    func apply(
        _ isa: cfk_isa, _ x: UnsafePointer<Float>, gradient g: UnsafeMutablePointer<Float>,
        _ positions: Range<Int>
    ) {
        let channels = factors[0].count
        let piece = ChannelSums.piece(ofChannels: channels)
        withPointers(factors[0], factors[1], factors[2]) { p, q, r in
            for first in stride(from: positions.lowerBound, to: positions.upperBound, by: piece) {
                let (start, count) = (first * channels, min(piece, positions.upperBound - first))
                cfk_normalize_gradient(
                    isa, x + start, g + start, Int64(count), Int64(channels), p, q, r)
            }
        }
    }
}

/// A batch normalization that gives its output to one layer alone, for that layer's backward pass.
public struct NormalizedInput: Sendable {
    /// What it normalizes.
    private let x: Tensor
    private let function: ActivationFunction
    private let scale: Tensor
    private let shift: Tensor

    /// The output is `f(scale · x + shift)`; scale and shift are `[channels]`.
    public init(_ x: Tensor, _ f: ActivationFunction, scale: Tensor, shift: Tensor) {
        (self.x, function, self.scale, self.shift) = (x, f, scale, shift)
    }

    /// Puts `g = dy · f′(scale · x + shift)` in the place of `dy` in one part of the batch, `count`
    /// positions from `first` on, and writes the sums of `g` and of `g · x`.
    func writeSums(
        _ isa: cfk_isa, _ part: Int, _ first: Int, _ count: Int,
        gradient dy: UnsafeMutablePointer<Float>, to sums: PartSums
    ) {
        let channels = scale.count
        withPointers(x, scale, shift) { x, scale, shift in
            sums.write(part: part, count: count) { range, sums in
                let start = (first + range.lowerBound) * channels
                cfk_normalize_sums(
                    isa, function.kernel, x + start, dy + start, Int64(range.count),
                    Int64(channels), scale, shift, sums)
            }
        }
    }
}
