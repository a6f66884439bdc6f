import CFloatKernels

/// Batch normalization over the channels of NHWC activations, fused with an activation function:
/// `y = f(scale · x + shift)`, one scale and shift a channel.
public struct NormalizationKernels: Sendable {
    public let channels: Int
    private let isa: cfk_isa
    private var sums: ChannelSums
    /// `[threads, 2, chunk, channels]`: a chunk of values for each thread, and as much room behind it,
    /// where kernels prefetch.
    private var scratch = Tensor.empty

    public init(channels: Int, isa: cfk_isa? = nil) {
        self.channels = channels
        sums = ChannelSums(channels: channels)
        self.isa = isa ?? bestISA
    }

    private var chunk: Int { ChannelSums.piece(ofChannels: channels) }

    /// The two sums over all positions for each channel, in `Double`: of `x` and of `x²`.
    public mutating func moments(of x: Tensor, threads: Int) -> [(Double, Double)] {
        let (isa, channels) = (isa, channels)
        return sums(positions: x.count / channels, threads: threads) { range, partial in
            x.withUnsafeElements {
                cfk_channel_moments(
                    isa, $0.baseAddress! + range.lowerBound * channels, Int64(range.count),
                    Int64(channels), partial)
            }
        }
    }

    /// `y = f(scale · x + shift)`
    public func forward(
        _ x: Tensor, _ f: ActivationFunction, scale: Tensor, shift: Tensor, into y: inout Tensor,
        threads: Int
    ) {
        let (isa, channels, chunk) = (isa, channels, chunk)
        let positions = x.count / channels
        precondition(y.count == x.count && scale.count == channels && shift.count == channels)
        withPointers(x, scale, shift, &y) { x, scale, shift, y in
            parallel(chunks: (positions + chunk - 1) / chunk, threads: threads) { index in
                let part = range(ofChunk: index, size: chunk, count: positions)
                let start = part.lowerBound * channels
                cfk_normalize(
                    isa, f.kernel, x + start, Int64(part.count), Int64(channels), scale, shift,
                    y + start)
            }
        }
    }

    /// `y = then(f(scale · x + shift))`
    ///
    /// - Parameter then: a function of values, result and their number; it gets a chunk of the values that
    ///   has just been computed.
    public mutating func forward(
        _ x: Tensor, _ f: ActivationFunction, scale: Tensor, shift: Tensor, into y: inout Tensor,
        threads: Int, then: (UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Void
    ) {
        let (isa, channels, chunk) = (isa, channels, chunk)
        let positions = x.count / channels
        precondition(y.count == x.count && scale.count == channels && shift.count == channels)
        let chunks = chunks(positions)
        scratch.resize(to: [threads, 2, chunk, channels])
        withPointers(x, scale, shift, &y, &scratch) { x, scale, shift, y, scratch in
            parallel(chunks: chunks, threads: threads) { index, worker in
                let part = range(ofChunk: index, size: chunk, count: positions)
                let start = part.lowerBound * channels
                let values = scratch + worker * 2 * chunk * channels
                cfk_normalize(
                    isa, f.kernel, x + start, Int64(part.count), Int64(channels), scale, shift,
                    values)
                then(values, y + start, part.count * channels)
            }
        }
    }

    /// Puts `g = dy · f′(scale · x + shift)` in the place of `dy`.
    /// - Returns: the sums over all positions of `g` and of `g · x`.
    public mutating func gradientSums(
        _ x: Tensor, _ f: ActivationFunction, scale: Tensor, shift: Tensor,
        gradient dy: inout Tensor, threads: Int
    ) -> [(Double, Double)] {
        let (isa, channels) = (isa, channels)
        precondition(dy.count == x.count)
        let positions = x.count / channels
        return withPointers(x, scale, shift, &dy) { x, scale, shift, dy in
            sums(positions: positions, threads: threads) { range, partial in
                let start = range.lowerBound * channels
                cfk_normalize_sums(
                    isa, f.kernel, x + start, dy + start, Int64(range.count), Int64(channels),
                    scale, shift, partial)
            }
        }
    }

    /// The same behind a function of which the gradient is made first.
    ///
    /// - Parameter before: turns the gradient of the function's result into that of its argument, given
    ///   the number of the chunk, the arguments, the gradients and how many they are.
    public mutating func gradientSums(
        _ x: Tensor, _ f: ActivationFunction, scale: Tensor, shift: Tensor,
        gradient dy: inout Tensor, threads: Int,
        before: (Int, UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Void
    ) -> [(Double, Double)] {
        let (isa, channels, chunk) = (isa, channels, chunk)
        precondition(dy.count == x.count)
        let positions = x.count / channels
        let chunks = chunks(positions)
        scratch.resize(to: [threads, 2, chunk, channels])
        sums.resize(pieces: chunks)
        sums.withPieces { pieces in
            withPointers(x, scale, shift, &dy, &scratch) { x, scale, shift, dy, scratch in
                parallel(chunks: chunks, threads: threads) { index, worker in
                    let part = range(ofChunk: index, size: chunk, count: positions)
                    let start = part.lowerBound * channels
                    let values = scratch + worker * 2 * chunk * channels
                    cfk_normalize(
                        isa, f.kernel, x + start, Int64(part.count), Int64(channels), scale,
                        shift, values)
                    before(index, values, dy + start, part.count * channels)
                    cfk_normalize_sums(
                        isa, f.kernel, x + start, dy + start, Int64(part.count),
                        Int64(channels), scale, shift, pieces + index * 2 * channels)
                }
            }
        }
        return sums.total
    }

    /// Chunks that a batch is cut into.
    public func chunks(of x: Tensor) -> Int { chunks(x.count / channels) }

    private func chunks(_ positions: Int) -> Int { (positions + chunk - 1) / chunk }

    /// Puts `dx = g · factors[0] + x · factors[1] + factors[2]` in the place of `g`; factors are
    /// `[3, channels]`.
    public func inputGradient(
        _ x: Tensor, gradient g: inout Tensor, factors: [Tensor], threads: Int
    ) {
        let (isa, channels, chunk) = (isa, channels, chunk)
        let positions = x.count / channels
        precondition(g.count == x.count && factors.count == 3)
        let factors = NormalizationFactors(factors)
        withPointers(x, &g) { x, g in
            parallel(chunks: (positions + chunk - 1) / chunk, threads: threads) { index in
                let part = range(ofChunk: index, size: chunk, count: positions)
                let start = part.lowerBound * channels
                factors.apply(isa, x + start, g + start, count: part.count, into: g + start)
            }
        }
    }

    private mutating func sums(
        positions: Int, threads: Int,
        _ body: (Range<Int>, UnsafeMutablePointer<Float>) -> Void
    ) -> [(Double, Double)] {
        let (channels, chunk) = (channels, chunk)
        let chunks = (positions + chunk - 1) / chunk
        sums.resize(pieces: chunks)
        sums.withPieces { pieces in
            parallel(chunks: chunks, threads: threads) { index in
                body(
                    range(ofChunk: index, size: chunk, count: positions),
                    pieces + index * 2 * channels)
            }
        }
        return sums.total
    }
}
