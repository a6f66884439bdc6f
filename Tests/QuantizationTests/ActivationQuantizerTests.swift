import Networks
import Quantization
import Tensors
import Testing

struct ActivationQuantizerTests {
    /// Like the outputs of SiLU: many near −0.2, a long tail above.
    func activations(_ shape: [Int], seed: UInt64) -> Tensor {
        var generator = SeededGenerator(seed: seed)
        let elements = (0..<shape.reduce(1, *)).map { _ in
            let x = 2 * generator.normal()
            return max(x, -0.1 * abs(x)) + 0.01 * generator.normal()
        }
        return Tensor(shape: shape, elements: elements)
    }

    func meanSquaredError(_ quantizer: ActivationQuantizer, _ input: Tensor) -> Double {
        var output = Tensor(shape: input.shape)
        quantizer.grid.fakeQuantize(input, into: &output)
        let errors = zip(output.elements, input.elements).map { Double($0 - $1) * Double($0 - $1) }
        return errors.reduce(0, +) / Double(input.count)
    }

    @Test(arguments: ActivationScheme.allCases, [2, 3, 4, 8])
    func `calibration is near the best grid of a dense search`(
        scheme: ActivationScheme, bits: Int
    ) {
        let samples = (1...3).map { activations([8, 50], seed: $0) }
        var quantizer = ActivationQuantizer(bits: bits, scheme: scheme)
        quantizer.calibrate(on: samples)
        let all = Tensor(shape: [24, 50], elements: samples.flatMap(\.elements))
        let found = meanSquaredError(quantizer, all)
        let (low, high) = (all.elements.min()!, all.elements.max()!)
        let levels = quantizer.grid.highest - quantizer.grid.lowest
        var best = Double.infinity
        for width in 1...60 {
            let step =
                1.3 * (high - low) / levels * Float(width) / 60
                * (scheme == .signedSymmetric ? 2 : 1)
            for shift in scheme.hasOffset ? -5...15 : 0...0 {
                let bottom = low + 0.02 * Float(shift)
                let offset = scheme.hasOffset ? bottom - quantizer.grid.lowest * step : 0
                let tried = ActivationQuantizer(
                    bits: bits, scheme: scheme, step: step, offset: offset)
                best = min(best, meanSquaredError(tried, all))
            }
        }
        #expect(found <= best * 1.02)
    }

    @Test(arguments: [ActivationScheme.unsignedSymmetric, .signedSymmetric], 2...8)
    func `without an offset zero stays zero`(scheme: ActivationScheme, bits: Int) {
        var quantizer = ActivationQuantizer(bits: bits, scheme: scheme)
        quantizer.calibrate(on: [activations([100], seed: 1)])
        var output = Tensor(shape: [1], repeating: 5)
        quantizer.grid.fakeQuantize(Tensor(shape: [1]), into: &output)
        #expect(output[0] == 0 && quantizer.offset.value[0] == 0)
    }

    @Test(arguments: ActivationScheme.allCases)
    func `a sample without range gives a grid that can be used`(scheme: ActivationScheme) {
        for constant in [0, 2.5, -1] as [Float] {
            var quantizer = ActivationQuantizer(bits: 4, scheme: scheme)
            quantizer.calibrate(on: [Tensor(shape: [9], repeating: constant)])
            #expect(quantizer.grid.step > 0 && quantizer.grid.step.isFinite)
            if scheme.hasOffset {
                #expect(meanSquaredError(quantizer, Tensor(shape: [9], repeating: constant)) == 0)
            }
        }
    }

    @Test func `training and evaluation compute the same`() {
        var quantizer = ActivationQuantizer(
            bits: 4, scheme: .unsignedAsymmetric, step: 0.3, offset: -0.2)
        let input = activations([4, 33], seed: 2)
        let outputs = [true, false].map { isTraining in
            var (output, pass) = (Tensor(shape: input.shape), Pass(isTraining: isTraining))
            quantizer.forward([input], into: &output, pass: &pass)
            return output
        }
        #expect(outputs[0] == outputs[1])
        quantizer.visitVariables { name, variable in
            #expect(!variable.decays && variable.largestChange == (name == "step" ? 0.05 : nil))
        }
    }

    @Test(arguments: ActivationScheme.allCases, [ActivationQuantizer.Sharing.elements, .features])
    func `gradients are scaled by the number of elements, or of features, that share the step`(
        scheme: ActivationScheme, sharing: ActivationQuantizer.Sharing
    ) {
        let offset: Float = scheme.hasOffset ? -0.2 : 0
        var quantizer = ActivationQuantizer(
            bits: 3, scheme: scheme, step: 0.3, offset: offset, sharing: sharing)
        let (input, gradient) = (activations([5, 40], seed: 2), activations([5, 40], seed: 3))
        var (inputGradients, pass) = ([Tensor(shape: [5, 40])], Pass(isTraining: true))
        var withoutInput = quantizer
        for (index, wants) in [true, false].enumerated() {
            var layer = index == 0 ? quantizer : withoutInput
            var outputGradient = gradient
            layer.backward(
                [input], output: input, outputGradient: &outputGradient, into: &inputGradients,
                wants: [wants], pass: &pass)
            if index == 0 { quantizer = layer } else { withoutInput = layer }
        }
        let sums = quantizer.grid.parameterGradients(input, resultGradient: gradient)
        let sharers = sharing == .elements ? 200.0 : 40.0
        let scale = 1 / (sharers * (scheme.isSigned ? 3 : 7)).squareRoot()
        expectClose(Double(quantizer.step.gradient[0]), sums.step * scale, "step")
        expectClose(
            Double(quantizer.offset.gradient[0]), scheme.hasOffset ? sums.offset * scale : 0,
            "offset")
        #expect(quantizer.step.gradient == withoutInput.step.gradient)
        #expect(quantizer.offset.gradient == withoutInput.offset.gradient)
    }

    @Test func `a grid that is not learned has no variables but passes gradients on`() {
        var quantizer = ActivationQuantizer(
            bits: 8, scheme: .unsignedSymmetric, step: 1 / 255, isLearned: false)
        quantizer.visitVariables { name, _ in Issue.record("visited \(name)") }
        let input = Tensor(shape: [1, 3], elements: [0.5, 2, -1])
        var outputGradient = Tensor(shape: [1, 3], repeating: 1)
        var (gradients, pass) = ([Tensor(shape: [1, 3])], Pass(isTraining: true))
        quantizer.backward(
            [input], output: input, outputGradient: &outputGradient,
            into: &gradients, wants: [true], pass: &pass)
        #expect(gradients[0].elements == [1, 0, 0])
    }

    @Test(arguments: ActivationScheme.allCases)
    func `a checkpoint brings the same quantizer back`(scheme: ActivationScheme) throws {
        let quantizer = ActivationQuantizer(
            bits: 6, scheme: scheme, step: 0.7, offset: scheme.hasOffset ? 0.1 : 0,
            isLearned: false, sharing: .features)
        let copy = try ActivationQuantizer(state: quantizer.state)
        #expect(copy.grid == quantizer.grid && copy.scheme == scheme)
        #expect(!copy.isLearned && copy.sharing == .features)
        #expect(quantizer.state.kind == ActivationQuantizer.kind)
    }

    @Test func `it keeps the shape of its one input`() throws {
        let quantizer = ActivationQuantizer(bits: 4, scheme: .signedSymmetric)
        #expect(try quantizer.outputShape(of: [[7, 7, 3]]) == [7, 7, 3])
        #expect(
            throws: ShapeError.unfit(
                layer: "activation-quantizer", found: [[1], [1]], expected: "one input")
        ) { try quantizer.outputShape(of: [[1], [1]]) }
    }

    @Test func `padding behind it is what it makes of zero`() {
        let exact = ActivationQuantizer(bits: 4, scheme: .unsignedSymmetric, step: 0.3)
        #expect(exact.paddingValue(behind: 0) == 0)
        // u = (0 + 0.5) / 0.3 = 1.67, code 2: 0.6 − 0.5.
        let shifted = ActivationQuantizer(
            bits: 4, scheme: .unsignedAsymmetric, step: 0.3, offset: -0.5)
        #expect(abs(shifted.paddingValue(behind: 0) - 0.1) < 1e-6)
    }
}
