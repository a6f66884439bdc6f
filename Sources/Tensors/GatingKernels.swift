import CFloatKernels

extension Tensor {
    /// `self = x · gate`, with a factor for each channel of each image.
    /// - Parameter gate: `[batch, ..., channels]`, one position an image.
    public mutating func assignGated(_ x: Tensor, by gate: Tensor, threads: Int) {
        let rows = Self.rows(of: x, gate: gate)
        precondition(count == x.count)
        let (batch, channels) = (x.shape[0], x.shape.last!)
        let threads = Tensors.threads(threads, forMoving: count)
        withPointers(x, gate, &self) { x, gate, y in
            parallel(chunks: batch, threads: threads) { image in
                let start = image * rows * channels
                cfk_gate(
                    bestISA, x + start, gate + image * channels, Int64(rows), Int64(channels),
                    y + start)
            }
        }
    }

    /// The gradient of `gate` in `assignGated`: `Σ x · dy` over the positions of each image.
    public mutating func assignGateGradient(_ x: Tensor, _ dy: Tensor, threads: Int) {
        let rows = Self.rows(of: x, gate: self)
        precondition(dy.count == x.count)
        let (batch, channels) = (x.shape[0], x.shape.last!)
        let threads = Tensors.threads(threads, forMoving: x.count)
        withPointers(x, dy, &self) { x, dy, sum in
            parallel(chunks: batch, threads: threads) { image in
                let start = image * rows * channels
                cfk_gate_gradient(
                    bestISA, x + start, dy + start, Int64(rows), Int64(channels),
                    sum + image * channels)
            }
        }
    }

    private static func rows(of x: Tensor, gate: Tensor) -> Int {
        precondition(
            gate.count == x.shape[0] * x.shape.last!, "a gate \(gate.shape) for \(x.shape)")
        return x.shape.dropFirst().dropLast().reduce(1, *)
    }
}
