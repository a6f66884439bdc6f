import CFloatKernels
import Foundation
import Tensors
import Testing

/// Values and slopes by definition.
private func value(_ f: ActivationFunction, _ x: Double) -> (value: Double, slope: Double) {
    let s = 1 / (1 + exp(-x))
    switch f {
    case .identity: return (x, 1)
    case .relu: return (max(x, 0), x > 0 ? 1 : 0)
    case .clip(let low, let high):
        return (min(max(x, Double(low)), Double(high)), x > Double(low) && x < Double(high) ? 1 : 0)
    case .leakyReLU(let slope): return x > 0 ? (x, 1) : (x * Double(slope), Double(slope))
    case .sigmoid: return (s, s * (1 - s))
    case .silu: return (x * s, s + x * s * (1 - s))
    case .hardSigmoid: return (min(max(x / 6 + 0.5, 0), 1), abs(x) < 3 ? 1.0 / 6 : 0)
    case .hardSwish:
        return (x * min(max(x / 6 + 0.5, 0), 1), x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5)
    }
}

private let functions: [ActivationFunction] = [
    .identity, .relu, .relu6, .leakyReLU(slope: 0.1), .sigmoid, .silu, .hardSigmoid, .hardSwish,
]

private func close(_ found: Float, _ expected: Double, _ magnitude: Double = 1) -> Bool {
    abs(Double(found) - expected) <= 4e-6 * max(magnitude, abs(expected), 1)
}

@Suite struct `Normalization kernels` {
    /// Positions lie around the chunks of 1 << 14 elements and the unrolled steps of 4.
    @Test(arguments: [1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 64])
    func `give what slow loops give`(channels: Int) {
        for positions in [1, 5, max(16, (1 << 14) / channels) + 3] {
            var generator = SeededGenerator(seed: UInt64(channels))
            let x = Tensor.random([positions, channels], using: &generator)
            let dy = Tensor.random([positions, channels], using: &generator)
            var scale = Tensor.random([channels], using: &generator)
            for channel in 0..<channels { scale[channel] *= 6 }
            let shift = Tensor.random([channels], using: &generator)
            for isa in instructionSets {
                for f in functions { check(x, dy, scale, shift, f, isa) }
            }
        }
    }

    private func check(
        _ x: Tensor, _ dy: Tensor, _ scale: Tensor, _ shift: Tensor, _ f: ActivationFunction,
        _ isa: cfk_isa
    ) {
        let (positions, channels) = (x.shape[0], x.shape[1])
        let place: Comment = "\(name(isa)), \(f), \(positions) × \(channels)"
        var kernels = NormalizationKernels(channels: channels, isa: isa)
        var (y, dx) = (Tensor.poisoned(x.shape), Tensor.poisoned(x.shape))
        let moments = kernels.moments(of: x, threads: 2)
        kernels.forward(x, f, scale: scale, shift: shift, into: &y, threads: 2)
        dx.assign(dy)
        let sums = kernels.gradientSums(
            x, f, scale: scale, shift: shift, gradient: &dx, threads: 2)
        kernels.inputGradient(x, gradient: &dx, factors: [scale, shift, scale], threads: 2)
        var isRight = y.hasIntactPoison && dx.hasIntactPoison
        for channel in 0..<channels {
            let (a, b) = (Double(scale[channel]), Double(shift[channel]))
            var expected = (sum: 0.0, square: 0.0, g: 0.0, gx: 0.0)
            for position in 0..<positions {
                let index = position * channels + channel
                let input = Double(x[index])
                // In float as the kernels have it, so that kinks are on the same side.
                let result = value(f, Double(scale[channel] * x[index] + shift[channel]))
                let g = Double(dy[index]) * result.slope
                expected.sum += input
                expected.square += input * input
                expected.g += g
                expected.gx += g * input
                isRight = isRight && close(y[index], result.value, abs(a) + abs(b))
                isRight = isRight && close(dx[index], g * a + input * b + a, 20)
            }
            let scale = Double(positions)
            isRight =
                isRight && close(Float(moments[channel].0), expected.sum, scale)
                && close(Float(moments[channel].1), expected.square, scale)
                && close(Float(sums[channel].0), expected.g, scale)
                && close(Float(sums[channel].1), expected.gx, scale)
        }
        #expect(isRight, place)
    }

    @Test func `give the same bits on 1, 2 and 3 threads`() {
        var generator = SeededGenerator(seed: 1)
        let x = Tensor.random([4000, 19], using: &generator)
        var kernels = NormalizationKernels(channels: 19)
        let sums = (1...3).map { kernels.moments(of: x, threads: $0) }
        for other in sums[1...] {
            #expect(zip(other, sums[0]).allSatisfy { $0.0 == $1.0 && $0.1 == $1.1 })
        }
    }
}

@Suite struct `Sums of branches` {
    @Test(arguments: [1, 15, 16, 17, 1 << 16, 1 << 16 + 5])
    func `give what slow loops give`(count: Int) {
        var generator = SeededGenerator(seed: UInt64(count))
        let a = Tensor.random([count], using: &generator)
        let b = Tensor.random([count], using: &generator)
        let dy = Tensor.random([count], using: &generator)
        for f in functions {
            var y = Tensor.poisoned([count])
            y.assignSum(a, b, f, threads: 2)
            for wants in [[true, true], [true, false], [false, true]] {
                var gradients = [Tensor.poisoned([count]), Tensor.poisoned([count])]
                var outputGradient = Tensor.poisoned([count])
                outputGradient.assign(dy)
                Tensor.assignSumGradient(
                    a, b, f, gradient: &outputGradient, into: &gradients, wants: wants, threads: 2)
                var isRight = y.hasIntactPoison
                for index in 0..<count {
                    let result = value(f, Double(a[index] + b[index]))
                    isRight = isRight && close(y[index], result.value)
                    for slot in 0..<2 where wants[slot] {
                        isRight =
                            isRight
                            && close(gradients[slot][index], Double(dy[index]) * result.slope)
                    }
                }
                for slot in 0..<2 {
                    isRight = isRight && gradients[slot].hasIntactPoison
                    if !wants[slot] { isRight = isRight && gradients[slot][0].isNaN }
                }
                #expect(isRight, "\(f), \(count), \(wants)")
            }
        }
    }
}
