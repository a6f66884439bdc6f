import Networks
import Quantization
import Tensors
import Testing

struct WeightQuantizerTests {
    func normal(_ shape: [Int], seed: UInt64) -> Tensor {
        var generator = SeededGenerator(seed: seed)
        return Tensor(
            shape: shape, elements: (0..<shape.reduce(1, *)).map { _ in generator.normal() })
    }

    @Test(arguments: 2...8, [false, true])
    func `effective weights are codes times the step`(bits: Int, isNarrow: Bool) {
        let weights = normal([20, 30], seed: 1)
        let quantizer = WeightQuantizer(bits: bits, fitting: weights, isNarrow: isNarrow)
        var effective = Tensor(shape: weights.shape)
        quantizer.apply(to: weights, into: &effective)
        let codes = quantizer.codes(of: weights)
        #expect(effective.elements == codes.map { quantizer.grid.step * Float($0) })
        let highest = 1 << (bits - 1) - 1
        #expect(codes.allSatisfy { (-highest - (isNarrow ? 0 : 1)...highest).contains(Int($0)) })
        #expect(quantizer.weightCount == 600)
    }

    @Test func `the gradient of the step is scaled by the number of weights that share it`() {
        let (weights, gradient) = (normal([40], seed: 2), normal([40], seed: 3))
        var result = Tensor(shape: [40])
        var quantizer = WeightQuantizer(bits: 3, step: 0.4, weightCount: 1000)
        quantizer.backpropagate(value: weights, effectiveGradient: gradient, into: &result)
        let sums = quantizer.grid.parameterGradients(weights, resultGradient: gradient)
        let expected = sums.step / (1000.0 * 3).squareRoot()
        expectClose(Double(quantizer.step.gradient[0]), expected, "step")
    }

    /// Replaces the step, as an optimizer does.
    func set(_ step: Float, in quantizer: inout WeightQuantizer) {
        quantizer.visitVariables { name, variable in
            #expect(name == "step" && !variable.decays && variable.largestChange == 0.05)
            variable.value[0] = step
        }
    }

    @Test func `a negative step counts by its absolute value, with its gradient turned`() {
        let (weights, gradient) = (normal([40], seed: 2), normal([40], seed: 3))
        var quantizer = WeightQuantizer(bits: 3, step: 0.4, weightCount: 40)
        var result = Tensor(shape: [40])
        quantizer.backpropagate(value: weights, effectiveGradient: gradient, into: &result)
        let positive = quantizer.step.gradient[0]
        set(-0.4, in: &quantizer)
        #expect(quantizer.grid.step == 0.4)
        quantizer.backpropagate(value: weights, effectiveGradient: gradient, into: &result)
        #expect(quantizer.step.gradient[0] == -positive)
        set(0, in: &quantizer)
        #expect(quantizer.grid.step == UniformGrid.smallestStep)
    }

    @Test func `learning the step by its gradient lowers a loss`() {
        let weights = normal([500], seed: 4)
        var quantizer = WeightQuantizer(bits: 3, step: 1.5, weightCount: 500)
        var (effective, unused) = (Tensor(shape: [500]), Tensor(shape: [500]))
        func loss() -> Float {
            quantizer.apply(to: weights, into: &effective)
            return zip(effective.elements, weights.elements).reduce(0) {
                $0 + ($1.0 - $1.1) * ($1.0 - $1.1)
            }
        }
        let first = loss()
        for _ in 0..<200 {
            _ = loss()
            let error = zip(effective.elements, weights.elements).map { 2 * ($0 - $1) }
            quantizer.backpropagate(
                value: weights, effectiveGradient: Tensor(shape: [500], elements: error),
                into: &unused)
            set(quantizer.step.value[0] - 0.01 * quantizer.step.gradient[0], in: &quantizer)
        }
        #expect(loss() < first / 3)
    }

    @Test func `a checkpoint brings the same quantizer back`() throws {
        let quantizer = WeightQuantizer(
            bits: 5, step: 0.3, weightCount: 77, isNarrow: true)
        let copy = try WeightQuantizer(state: quantizer.state)
        #expect(quantizer.state.kind == WeightQuantizer.kind)
        #expect(copy.grid == quantizer.grid && copy.weightCount == 77)
        #expect(copy.step.value == quantizer.step.value && copy.bits == 5)
    }

    @Test func `a checkpoint with 9 bits is refused`() {
        var state = WeightQuantizer(bits: 5, step: 0.3, weightCount: 77).state
        state.numbers["bits"] = 9
        #expect(
            throws: SavedStateError.outOfRange(
                kind: "weight-quantizer", field: "bits", found: 9, range: 2...8)
        ) { try WeightQuantizer(state: state) }
    }

    // MARK: A step for each output

    /// Weights `[rows, outputs]`, larger from output to output.
    private func weights(_ rows: Int, _ outputs: Int, seed: UInt64) -> Tensor {
        var generator = SeededGenerator(seed: seed)
        return Tensor(
            shape: [rows, outputs],
            elements: (0..<rows * outputs).map {
                generator.normal() * Float($0 % outputs + 1)
            })
    }

    private func column(_ tensor: Tensor, _ output: Int) -> Tensor {
        let outputs = tensor.shape[1]
        return Tensor(
            shape: [tensor.shape[0], 1],
            elements: (0..<tensor.shape[0]).map { tensor[$0 * outputs + output] })
    }

    /// Each output beside a quantizer for it alone. Around 16 outputs, and more rows than are summed
    /// at a time.
    @Test(arguments: [2, 15, 16, 17, 33], [1, 7, 1030])
    func `a step for each output is a quantizer for each output`(outputs: Int, rows: Int) {
        let (values, gradient) = (weights(rows, outputs, seed: 1), weights(rows, outputs, seed: 2))
        var quantizer = WeightQuantizer(
            bits: 3, fittingEachOutputOf: values, initialization: .lsqPlus)
        #expect(quantizer.isPerOutput && quantizer.weightCount == rows)
        var effective = Tensor(shape: values.shape)
        quantizer.apply(to: values, into: &effective)
        var valueGradient = Tensor(shape: values.shape)
        quantizer.backpropagate(
            value: values, effectiveGradient: gradient, into: &valueGradient)
        let codes = quantizer.codes(of: values)
        for output in 0..<outputs {
            let own = column(values, output)
            var single = WeightQuantizer(bits: 3, fitting: own, initialization: .lsqPlus)
            #expect(quantizer.steps[output] == single.grid.step)
            var expected = Tensor(shape: own.shape)
            single.apply(to: own, into: &expected)
            #expect(column(effective, output) == expected, "output \(output)")
            #expect(
                (0..<rows).map { codes[$0 * outputs + output] } == single.codes(of: own))
            var expectedGradient = Tensor(shape: own.shape)
            single.backpropagate(
                value: own, effectiveGradient: column(gradient, output),
                into: &expectedGradient)
            #expect(column(valueGradient, output) == expectedGradient, "output \(output)")
            let (a, b) = (quantizer.step.gradient[output], single.step.gradient[0])
            #expect(abs(a - b) <= 1e-4 * max(1, abs(b)), "output \(output)")
        }
    }

    @Test func `steps of outputs survive saving, and have to fit the weights`() throws {
        let quantizer = WeightQuantizer(bits: 4, steps: [0.5, -0.25, 1], weightCount: 9)
        let copy = try WeightQuantizer(state: quantizer.state)
        #expect(copy.steps == [0.5, 0.25, 1] && copy.step.value.elements == [0.5, -0.25, 1])
        try copy.requireFit(to: [9, 3])
        #expect(
            throws: SavedStateError.wrongShape(
                kind: WeightQuantizer.kind, field: "step", found: [3], expected: [4])
        ) { try copy.requireFit(to: [9, 4]) }
        var state = quantizer.state
        state.tensors["step"] = Tensor(shape: [1, 3])
        #expect(throws: SavedStateError.self) { try WeightQuantizer(state: state) }
    }
}
