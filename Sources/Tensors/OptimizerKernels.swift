import CFloatKernels

extension Tensor {
    /// One step of SGD with momentum, in place.
    ///
    /// `m = momentum · m + g + decay · w`, `w -= rate · m`; Nesterov looks one step ahead.
    public mutating func stepSGD(
        gradient: Tensor, momentum m: inout Tensor, rate: Float, momentumFactor: Float,
        decay: Float, nesterov: Bool
    ) {
        precondition(shape == gradient.shape && shape == m.shape)
        let count = Int64(count)
        withUnsafeMutableElements { w in
            withPointers(gradient, &m) { gradient, m in
                cfk_sgd(
                    bestISA, w.baseAddress!, gradient, m, count, rate, momentumFactor,
                    decay, nesterov ? 1 : 0)
            }
        }
    }

    /// One step of AdamW (Loshchilov & Hutter 2019), in place; `step` counts from 1.
    public mutating func stepAdam(
        gradient: Tensor, mean: inout Tensor, square: inout Tensor, step: Int, rate: Float,
        beta1: Float, beta2: Float, epsilon: Float, decay: Float
    ) {
        precondition(shape == gradient.shape && shape == mean.shape && shape == square.shape)
        let count = Int64(count)
        let (b1, b2) = (Double(beta1), Double(beta2))
        let correction1 = Float(1 - integerPower(b1, step))
        let correction2 = Float(1 - integerPower(b2, step))
        withUnsafeMutableElements { w in
            square.withUnsafeMutableElements { square in
                withPointers(gradient, &mean) { gradient, mean in
                    cfk_adam(
                        bestISA, w.baseAddress!, gradient, mean, square.baseAddress!, count,
                        rate, beta1, beta2, correction1, correction2, epsilon, decay)
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
