import CFloatKernels

extension Tensor {
    /// `self[n, 0, 0, c]` = the mean of `x[n, ·, ·, c]`.
    public mutating func assignMeans(of x: Tensor, threads: Int) {
        let (batch, channels) = (x.shape[0], x.shape[x.shape.count - 1])
        precondition(count == batch * channels)
        let size = x.count / max(count, 1)
        withPointers(x, &self) { x, y in
            parallel(chunks: batch, threads: threads) { image in
                let target = y + image * channels
                cfk_column_sums(
                    bestISA, x + image * size * channels, Int64(size), Int64(channels), target)
                for channel in 0..<channels { target[channel] /= Float(size) }
            }
        }
    }

    /// `self[n, ·, ·, c] = dy[n, 0, 0, c] / positions`: the gradient of a mean.
    public mutating func assignSpread(of dy: Tensor, threads: Int) {
        let (batch, channels) = (shape[0], shape[shape.count - 1])
        precondition(dy.count == batch * channels)
        let size = count / max(dy.count, 1)
        withPointers(dy, &self) { dy, dx in
            parallel(chunks: batch, threads: threads) { image in
                let first = dx + image * size * channels
                for channel in 0..<channels {
                    first[channel] = dy[image * channels + channel] / Float(size)
                }
                for position in 1..<max(size, 1) {
                    (first + position * channels).update(from: first, count: channels)
                }
            }
        }
    }
}
