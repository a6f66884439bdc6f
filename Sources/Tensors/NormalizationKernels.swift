import CFloatKernels

/// Batch normalization over the channels of NHWC activations, fused with an activation function:
/// `y = f(scale · x + shift)`, one scale and shift a channel.
public struct NormalizationKernels: Sendable {
    public let channels: Int
    private let isa: cfk_isa
    /// `[chunks, 2, channels]`: the sums of each chunk of positions.
    private var partials = Tensor.empty

    public init(channels: Int, isa: cfk_isa? = nil) {
        self.channels = channels
        self.isa = isa ?? bestISA
    }

    /// Positions of a chunk: 64 KB, so that it stays in the second cache from channel to channel.
    private var chunk: Int { max(16, (1 << 14) / channels) }

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

    /// Puts `dx = g · factors[0] + x · factors[1] + factors[2]` in the place of `g`; factors are
    /// `[3, channels]`.
    public func inputGradient(
        _ x: Tensor, gradient g: inout Tensor, factors: [Tensor], threads: Int
    ) {
        let (isa, channels, chunk) = (isa, channels, chunk)
        let positions = x.count / channels
        precondition(g.count == x.count && factors.count == 3)
        withPointers(x, &g) { x, g in
            withPointers(factors[0], factors[1], factors[2]) { p, q, r in
                parallel(chunks: (positions + chunk - 1) / chunk, threads: threads) { index in
                    let part = range(ofChunk: index, size: chunk, count: positions)
                    let start = part.lowerBound * channels
                    cfk_normalize_gradient(
                        isa, x + start, g + start, Int64(part.count), Int64(channels), p, q, r)
                }
            }
        }
    }

    private mutating func sums(
        positions: Int, threads: Int,
        _ body: (Range<Int>, UnsafeMutablePointer<Float>) -> Void
    ) -> [(Double, Double)] {
        let (channels, chunk) = (channels, chunk)
        let chunks = (positions + chunk - 1) / chunk
        partials.resize(to: [chunks, 2, channels])
        return partials.withUnsafeMutableElements { partials in
            let partials = partials.baseAddress!
            parallel(chunks: chunks, threads: threads) { index in
                body(
                    range(ofChunk: index, size: chunk, count: positions),
                    partials + index * 2 * channels)
            }
            var sums = [(Double, Double)](repeating: (0, 0), count: channels)
            for index in 0..<chunks {
                let partial = partials + index * 2 * channels
                for channel in 0..<channels {
                    sums[channel].0 += Double(partial[channel])
                    sums[channel].1 += Double(partial[channels + channel])
                }
            }
            return sums
        }
    }
}

extension Tensor {
    /// `self = f(a + b)`
    public mutating func assignSum(
        _ a: Tensor, _ b: Tensor, _ f: ActivationFunction, threads: Int
    ) {
        precondition(count == a.count && count == b.count)
        let count = count
        withPointers(a, b, &self) { a, b, y in
            parallel(chunks: (count + Self.part - 1) / Self.part, threads: threads) { chunk in
                let part = range(ofChunk: chunk, size: Self.part, count: count)
                let start = part.lowerBound
                cfk_add_activate(
                    bestISA, f.kernel, a + start, b + start, y + start, Int64(part.count))
            }
        }
    }

    /// `gradients[0] = gradients[1] = dy · f′(a + b)`, those that `wants` names. One of them takes the
    /// memory of `dy`, which gets that one's in exchange.
    public static func assignSumGradient(
        _ a: Tensor, _ b: Tensor, _ f: ActivationFunction, gradient dy: inout Tensor,
        into gradients: inout [Tensor], wants: [Bool], threads: Int
    ) {
        let count = dy.count
        guard let taker = wants.firstIndex(of: true) else { return }
        precondition(a.count == count && b.count == count && gradients.count == 2)
        var targets: [UnsafeMutablePointer<Float>?] = []
        for index in 0..<2 {
            precondition(!wants[index] || gradients[index].count == count)
            // The tensors stay where they are and unshared until this function returns.
            targets.append(
                wants[index]
                    ? gradients[index].withUnsafeMutableElements { $0.baseAddress! } : nil)
        }
        swap(&gradients[taker], &dy)
        targets[taker] = gradients[taker].withUnsafeMutableElements { $0.baseAddress! }
        let (first, second, dy) = (targets[0], targets[1], targets[taker]!)
        withPointers(a, b) { a, b in
            parallel(chunks: (count + part - 1) / part, threads: threads) { chunk in
                let part = range(ofChunk: chunk, size: part, count: count)
                let start = part.lowerBound
                cfk_add_activate_gradient(
                    bestISA, f.kernel, a + start, b + start, dy + start, first.map { $0 + start },
                    second.map { $0 + start }, Int64(part.count))
            }
        }
    }
}
