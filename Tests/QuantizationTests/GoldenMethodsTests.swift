import Networks
import Quantization
import Tensors
import Testing

/// The other quantizers against NumPy.
struct GoldenMethodsTests {
    let golden: Golden

    init() throws { golden = try Golden.load() }

    private func tensor(_ elements: [Float]) -> Tensor {
        Tensor(shape: [elements.count], elements: elements)
    }

    /// Effective values and their gradients.
    private func run(
        _ quantizer: inout some UniformWeightQuantizer, _ weights: Tensor, _ gradient: Tensor
    ) -> (effective: Tensor, gradient: Tensor) {
        var (effective, result) = (Tensor(shape: weights.shape), Tensor(shape: weights.shape))
        quantizer.apply(to: weights, into: &effective)
        quantizer.backpropagate(value: weights, effectiveGradient: gradient, into: &result)
        return (effective, result)
    }

    @Test func `LSQ with a step for each output`() {
        #expect(golden.lsq_per_channel.count == 4)
        // From [outputs, 8] to [8, outputs].
        func transposed(_ name: String) -> Tensor {
            let elements = golden.tensors[name]!
            return Tensor(shape: [8, 2], elements: (0..<16).map { elements[$0 % 2 * 8 + $0 / 2] })
        }
        for expected in golden.lsq_per_channel {
            let steps = expected.channels.map(\.s)
            var quantizer = WeightQuantizer(bits: expected.bits, steps: steps, weightCount: 8)
            let weights = transposed("W16")
            let codes = quantizer.codes(of: weights)
            let (effective, dx) = run(&quantizer, weights, transposed("GO16"))
            for (output, channel) in expected.channels.enumerated() {
                let label = "\(expected.bits) bits, output \(output)"
                let places = stride(from: output, to: 16, by: 2)
                #expect(places.map { codes[$0] } == channel.code)
                expectClose(places.map { effective[$0] }, channel.xhat, label)
                expectClose(places.map { dx[$0] }, channel.dx, label)
                expectClose(Double(quantizer.gradientScale), channel.g, label)
                expectClose(
                    Double(quantizer.step.gradient[output]), channel.ds, label,
                    slack: 0x1p-22 * Double(quantizer.grid.highest) * channel.g)
            }
        }
    }

    @Test func PACT() {
        #expect(golden.pact.count == 3)
        let (x, go) = (golden.tensor("XSWISH16"), golden.tensor("GO16"))
        for expected in golden.pact {
            var quantizer = PACTQuantizer(bits: expected.bits, bound: expected.alpha)
            var (y, dx, pass) = (Tensor(shape: [16]), [Tensor(shape: [16])], Pass(isTraining: true))
            quantizer.forward([x], into: &y, pass: &pass)
            var gradient = go
            quantizer.backward(
                [x], output: y, outputGradient: &gradient, into: &dx, wants: [true], pass: &pass)
            expectClose(y.elements, expected.y, "\(expected.bits) bits")
            expectClose(dx[0].elements, expected.dx, "\(expected.bits) bits")
            expectClose(Double(quantizer.bound.gradient[0]), expected.dalpha, "bound")
        }
    }

    @Test func `DoReFa on weights`() {
        #expect(golden.dorefa_weight.count == 3)
        for expected in golden.dorefa_weight {
            var quantizer = DoReFaWeightQuantizer(bits: expected.bits, keepsScale: false)
            let (effective, dw) = run(&quantizer, golden.tensor("W16"), golden.tensor("GO16"))
            expectClose(effective.elements, expected.wq, "\(expected.bits) bits")
            expectClose(dw.elements, expected.dw, "\(expected.bits) bits")
        }
    }

    @Test func `LLSQ's simulated gradient of the step`() {
        #expect(golden.llsq.count == 18)
        for expected in golden.llsq {
            var quantizer = WeightQuantizer(
                bits: expected.bits, steps: [expected.alpha], weightCount: 16,
                rule: .llsq(forWeights: true))
            let (_, dw) = run(&quantizer, golden.tensor("W16"), golden.tensor("GO16"))
            let label = "\(expected.bits) bits, step \(expected.alpha)"
            expectClose(Double(quantizer.step.gradient[0]), expected.grad_alpha, label)
            // Weights get the whole gradient, inside or not.
            #expect(dw == golden.tensor("GO16"))
        }
    }

    @Test func `the discretization error in the gradient, in the form of EWGS`() {
        let expected = golden.ewgs
        var rule = GradientRule()
        rule.discretization = .inGradient(expected.delta)
        // On 0...3 no value is clipped.
        var quantizer = ActivationQuantizer(
            bits: 2, scheme: .unsignedSymmetric, step: 1, rule: rule)
        let x = tensor(expected.u)
        var (dx, pass) = ([Tensor(shape: x.shape)], Pass(isTraining: true))
        var gradient = tensor(expected.go)
        quantizer.backward(
            [x], output: x, outputGradient: &gradient, into: &dx, wants: [true], pass: &pass)
        expectClose(dx[0].elements, expected.dx, "dx")
    }

    @Test func `the slope of the arctangent soft round`() {
        #expect(golden.asr_reconstruction.count == 5)
        for expected in golden.asr_reconstruction {
            var rule = GradientRule()
            rule.rounding = .arctangent(slope: Schedule(expected.k), hasTail: false)
            var quantizer = WeightQuantizer(bits: 4, steps: [1], weightCount: 1, rule: rule)
            let u = tensor(expected.u)
            let (_, dw) = run(&quantizer, u, Tensor(shape: u.shape, repeating: 1))
            expectClose(dw.elements, expected.dy, "slope \(expected.k)")
            // The function itself is only in the tests, for their finite differences.
            let soft = expected.u.map { Float(softRound(Double($0), Double(expected.k))) }
            expectClose(soft, expected.y, "values of slope \(expected.k)")
        }
    }

    @Test func `the discretization error in the loss, which is dampening`() {
        #expect(golden.dampening.count == 3)
        let weights = golden.tensor("W16")
        for expected in golden.dampening {
            var rule = GradientRule()
            rule.discretization = .inLoss(1)
            var quantizer = WeightQuantizer(
                bits: expected.bits, steps: [expected.s], weightCount: 16, rule: rule)
            let (effective, dw) = run(&quantizer, weights, Tensor(shape: [16]))
            expectClose(dw.elements, expected.dw, "\(expected.bits) bits")
            let (low, high) = (quantizer.grid.lowest, quantizer.grid.highest)
            let loss = zip(effective.elements, weights.elements).reduce(0.0) { sum, pair in
                let clipped = min(max(pair.1, low * expected.s), high * expected.s)
                return sum + Double(pair.0 - clipped) * Double(pair.0 - clipped)
            }
            expectClose(loss, expected.loss_sum, "\(expected.bits) bits")
        }
    }
}
