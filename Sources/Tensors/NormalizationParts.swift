import CFloatKernels

/// The last step of a batch normalization's input gradient:
/// `dx = g · factors[0] + x · factors[1] + factors[2]`.
struct NormalizationFactors {
    private let factors: [Tensor]

    /// - Parameter factors: `[3, channels]`
    init(_ factors: [Tensor]) { self.factors = factors }

    /// For `count` positions; `dx` may be `g`.
    func apply(
        _ isa: cfk_isa, _ x: UnsafePointer<Float>, _ g: UnsafePointer<Float>, count: Int,
        into dx: UnsafeMutablePointer<Float>
    ) {
        let channels = factors[0].count
        withPointers(factors[0], factors[1], factors[2]) { p, q, r in
            forEachPiece(of: count, channels: channels) { piece in
                let start = piece.lowerBound * channels
                cfk_normalize_gradient(
                    isa, x + start, g + start, Int64(piece.count), Int64(channels), p, q, r,
                    dx + start)
            }
        }
    }
}

/// A batch normalization that gives its output to one convolution alone, which makes it part by part where
/// it needs it: it is never in memory as a whole.
public struct NormalizedInput: Sendable {
    /// What it normalizes.
    let x: Tensor
    private let function: ActivationFunction
    private let scale: Tensor
    private let shift: Tensor

    /// The output is `f(scale · x + shift)`; scale and shift are `[channels]`.
    public init(_ x: Tensor, _ f: ActivationFunction, scale: Tensor, shift: Tensor) {
        (self.x, function, self.scale, self.shift) = (x, f, scale, shift)
    }

    private var channels: Int { scale.count }

    /// The output at a range of positions.
    func write(
        _ isa: cfk_isa, _ positions: Range<Int>, to values: UnsafeMutablePointer<Float>
    ) {
        withPointers(x, scale, shift) { x, scale, shift in
            forEachPiece(of: positions.count, channels: channels) { piece in
                cfk_normalize(
                    isa, function.kernel,
                    x + (positions.lowerBound + piece.lowerBound) * channels,
                    Int64(piece.count), Int64(channels), scale, shift,
                    values + piece.lowerBound * channels)
            }
        }
    }

    /// The same, and the slopes `f′(scale · x + shift)`.
    func write(
        _ isa: cfk_isa, _ positions: Range<Int>, to values: UnsafeMutablePointer<Float>,
        slopes: UnsafeMutablePointer<Float>
    ) {
        withPointers(x, scale, shift) { x, scale, shift in
            forEachPiece(of: positions.count, channels: channels) { piece in
                let start = piece.lowerBound * channels
                cfk_normalize_with_slopes(
                    isa, function.kernel, x + positions.lowerBound * channels + start,
                    Int64(piece.count), Int64(channels), scale, shift, values + start,
                    slopes + start)
            }
        }
    }

    /// Puts `g = dy · slopes` in the place of `dy`, and writes the sums of `g` and of `g · x`, of one part of
    /// the batch.
    func writeSums(
        _ isa: cfk_isa, part: Int, _ positions: Range<Int>, slopes: UnsafePointer<Float>,
        gradient dy: UnsafeMutablePointer<Float>, to sums: PartSums
    ) {
        x.withUnsafeElements { x in
            let x = x.baseAddress! + positions.lowerBound * channels
            sums.write(part: part, count: positions.count) { range, sums in
                let start = range.lowerBound * channels
                cfk_slope_sums(
                    isa, x + start, slopes + start, dy + start, Int64(range.count),
                    Int64(channels), sums)
            }
        }
    }
}

/// The pieces of `count` positions in their order.
private func forEachPiece(of count: Int, channels: Int, _ body: (Range<Int>) -> Void) {
    let size = ChannelSums.piece(ofChannels: channels)
    for first in stride(from: 0, to: count, by: size) { body(first..<min(first + size, count)) }
}

/// The input of a convolution part by part: as it stands in memory, or made for the part.
struct PartInput {
    let isa: cfk_isa
    let channels: Int
    let x: UnsafePointer<Float>
    let source: NormalizedInput?
    /// Room for each thread, `pitch` floats apart: for the values of a part, and for their slopes if they
    /// are wanted.
    let workspace: UnsafeMutablePointer<Float>
    let pitch: Int

    /// The values at a range of positions.
    func values(_ positions: Range<Int>, worker: Int) -> UnsafePointer<Float> {
        guard let source else { return x + positions.lowerBound * channels }
        let values = workspace + worker * pitch
        source.write(isa, positions, to: values)
        return UnsafePointer(values)
    }

    /// The values at a range of positions and, if they are made, the slopes there.
    func valuesAndSlopes(
        _ positions: Range<Int>, worker: Int
    ) -> (values: UnsafePointer<Float>, slopes: UnsafePointer<Float>?) {
        guard let source else { return (x + positions.lowerBound * channels, nil) }
        let values = workspace + worker * pitch
        let slopes = values + positions.count * channels
        source.write(isa, positions, to: values, slopes: slopes)
        return (UnsafePointer(values), UnsafePointer(slopes))
    }
}
