import CFloatKernels

extension Tensor {
    /// One step of SGD with momentum, in place.
    ///
    /// `m = momentum · m + g + decay · w`, `w -= rate · m`; Nesterov looks one step ahead.
    public mutating func stepSGD(
        gradient: Tensor, momentum m: inout Tensor, rate: Float, momentumFactor: Float,
        decay: Float, nesterov: Bool, threads: Int = 1
    ) {
        precondition(shape == gradient.shape && shape == m.shape)
        let count = count
        withPointers(gradient, &self, &m) { gradient, w, m in
            parallel(chunks: (count + Self.part - 1) / Self.part, threads: threads) { chunk in
                let part = range(ofChunk: chunk, size: Self.part, count: count)
                let start = part.lowerBound
                cfk_sgd(
                    bestISA, w + start, gradient + start, m + start, Int64(part.count), rate,
                    momentumFactor, decay, nesterov ? 1 : 0)
            }
        }
    }

    /// One step of AdamW (Loshchilov & Hutter 2019), in place; `step` counts from 1.
    public mutating func stepAdam(
        gradient: Tensor, mean: inout Tensor, square: inout Tensor, step: Int, rate: Float,
        beta1: Float, beta2: Float, epsilon: Float, decay: Float, threads: Int = 1
    ) {
        precondition(shape == gradient.shape && shape == mean.shape && shape == square.shape)
        let count = count
        let (b1, b2) = (Double(beta1), Double(beta2))
        let correction1 = Float(1 - integerPower(b1, step))
        let correction2 = Float(1 - integerPower(b2, step))
        withUnsafeMutableElements { w in
            let w = w.baseAddress!
            withPointers(gradient, &mean, &square) { gradient, mean, square in
                parallel(chunks: (count + Self.part - 1) / Self.part, threads: threads) { chunk in
                    let part = range(ofChunk: chunk, size: Self.part, count: count)
                    let start = part.lowerBound
                    cfk_adam(
                        bestISA, w + start, gradient + start, mean + start, square + start,
                        Int64(part.count), rate, beta1, beta2, correction1, correction2, epsilon,
                        decay)
                }
            }
        }
    }
}

/// `base` to a whole, not negative power, by squaring: the same bits on every machine.
private func integerPower(_ base: Double, _ exponent: Int) -> Double {
    var (result, square, rest) = (1.0, base, exponent)
    while rest > 0 {
        if rest & 1 == 1 { result *= square }
        square *= square
        rest >>= 1
    }
    return result
}
