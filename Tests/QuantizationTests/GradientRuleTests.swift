import CFloatKernels
import Foundation
import Networks
import Quantization
import Tensors
import Testing

/// The arctangent soft round.
func softRound(_ u: Double, _ k: Double) -> Double {
    let floor = u.rounded(.down)
    return k == 0 ? u : floor + 0.5 + atan(k * (u - floor - 0.5)) / (2 * atan(k / 2))
}

/// What a rule does to gradients, against finite differences of what it takes the quantizer for:
///
///     x̂ = step · (r(clip((x − offset) / step)) + c) + offset
///
/// with the soft round `r`, and `c`, which makes `x̂` what it is, held.
struct GradientRuleTests {
    private struct Surrogate {
        let grid: UniformGrid
        let slope: Double
        let held: [Double]

        init(_ grid: UniformGrid, _ x: [Float], slope: Double) {
            self.grid = grid
            self.slope = slope
            let (s, b) = (Double(grid.step), Double(grid.offset))
            let (n, p) = (Double(grid.lowest), Double(grid.highest))
            held = x.map {
                let u = min(max((Double($0) - b) / s, n), p)
                return u.rounded(.toNearestOrEven) - softRound(u, slope)
            }
        }

        func value(_ index: Int, _ x: Double, _ s: Double, _ b: Double) -> Double {
            let u = min(max((x - b) / s, Double(grid.lowest)), Double(grid.highest))
            return s * (softRound(u, slope) + held[index]) + b
        }
    }

    private func normal(_ count: Int, seed: UInt64, scale: Float = 1) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in scale * generator.normal() }
    }

    private func rule(slope: Float, delta: Float = 0, hasTail: Bool = false) -> GradientRule {
        var rule = GradientRule()
        rule.rounding = .arctangent(slope: Schedule(slope), hasTail: hasTail)
        if delta > 0 { rule.discretization = .inGradient(delta) }
        return rule
    }

    @Test(arguments: [1, 4, 16] as [Float], ActivationScheme.allCases)
    func `activations have the gradients of the soft round, in every configuration`(
        slope: Float, scheme: ActivationScheme
    ) {
        for bits in [2, 4] { checkActivations(slope: slope, scheme: scheme, bits: bits) }
    }

    private func checkActivations(slope: Float, scheme: ActivationScheme, bits: Int) {
        let offset: Float = scheme.hasOffset ? -0.4 : 0
        var quantizer = ActivationQuantizer(
            bits: bits, scheme: scheme, step: 0.7, offset: offset, rule: rule(slope: slope))
        let (x, dy) = (normal(300, seed: 1, scale: 2), normal(300, seed: 2))
        let input = Tensor(shape: [1, 300], elements: x)
        var (dx, pass) = ([Tensor(shape: [1, 300])], Pass(isTraining: true))
        var gradient = Tensor(shape: [1, 300], elements: dy)
        quantizer.backward(
            [input], output: input, outputGradient: &gradient, into: &dx, wants: [true],
            pass: &pass)
        let grid = quantizer.grid
        let surrogate = Surrogate(grid, x, slope: Double(slope))
        let (s, b, h) = (Double(grid.step), Double(grid.offset), 1e-7)
        func loss(_ s: Double, _ b: Double) -> Double {
            x.indices.reduce(0) {
                $0 + Double(dy[$1]) * surrogate.value($1, Double(x[$1]), s, b)
            }
        }
        for index in x.indices {
            let at = Double(x[index])
            let difference =
                surrogate.value(index, at + h, s, b) - surrogate.value(index, at - h, s, b)
            let expected = Double(dy[index]) * difference / (2 * h)
            #expect(abs(Double(dx[0][index]) - expected) < 1e-3 * (1 + abs(expected)))
        }
        let scale = Double(grid.gradientScale(sharedBy: 300))
        let byStep = scale * (loss(s + h, b) - loss(s - h, b)) / (2 * h)
        let byOffset = scale * (loss(s, b + h) - loss(s, b - h)) / (2 * h)
        #expect(abs(Double(quantizer.step.gradient[0]) - byStep) < 1e-3 * (1 + abs(byStep)))
        if scheme.hasOffset {
            let found = Double(quantizer.offset.gradient[0])
            #expect(abs(found - byOffset) < 1e-3 * (1 + abs(byOffset)))
        }
    }

    @Test(arguments: [0.5, 1, 2, 4, 8, 16] as [Float])
    func `the mean slope of the soft round is 1`(slope: Float) {
        // The middle of each of 4000 equal parts of the bins between −4 and 3.
        let count = 7 * 4000
        let weights = Tensor(
            shape: [count], elements: (0..<count).map { (Float($0) + 0.5) / 4000 - 4 })
        var quantizer = WeightQuantizer(
            bits: 3, steps: [1], weightCount: count, rule: rule(slope: slope))
        var slopes = Tensor(shape: [count])
        quantizer.backpropagate(
            value: weights, effectiveGradient: Tensor(shape: [count], repeating: 1), into: &slopes)
        let mean = slopes.elements.reduce(0) { $0 + Double($1) } / Double(count)
        #expect(abs(mean - 1) < 1e-4)
        // It is nowhere zero.
        #expect(slopes.elements.min()! > 4 / (5 * max(slope, 1) * .pi))
    }

    /// One weight at a time, by the formulas.
    private func slowGradient(
        _ x: Float, _ dy: Float, _ grid: UniformGrid, _ rule: GradientRule, slope: Float,
        delta: Float, pull: Float
    ) -> Double {
        let (u, g) = (Double(x / grid.step), Double(dy))
        let code = min(max(u, Double(grid.lowest)), Double(grid.highest))
            .rounded(.toNearestOrEven)
        let (e, k) = (u - code, Double(slope))
        let gain = k == 0 ? 1 : k / (2 * atan(k / 2))
        if u > Double(grid.lowest) && u < Double(grid.highest) {
            let d = u - u.rounded(.down) - 0.5
            let sign: Double = g > 0 ? 1 : g < 0 ? -1 : 0
            return gain / (1 + k * k * d * d) * g * (1 + Double(delta) * sign * e)
                + Double(pull) * (Double(x) - code * Double(grid.step))
        }
        if rule.passesOutside { return g }
        guard case .arctangent(_, true) = rule.rounding else { return 0 }
        return gain / (1 + k * k * (abs(e) + 0.5) * (abs(e) + 0.5)) * g
    }

    @Test(arguments: [0, 4] as [Float], [0, 0.2] as [Float])
    func `all parts of a rule work together, for a tensor and for each output`(
        slope: Float, delta: Float
    ) {
        for (hasTail, passesOutside) in [(false, false), (true, false), (false, true)] {
            var rule = rule(slope: slope, delta: delta, hasTail: hasTail)
            rule.passesOutside = passesOutside
            // The term is in the gradient or in the loss.
            let pull: Float = delta == 0 ? 0.3 : 0
            if pull > 0 { rule.discretization = .inLoss(Schedule(pull / 2)) }
            for steps in [[0.4], [0.3, 0.5, 0.8]] as [[Float]] {
                let shape = [111, 3]
                let (x, dy) = (normal(333, seed: 3), normal(333, seed: 4))
                var quantizer = WeightQuantizer(
                    bits: 3, steps: steps, weightCount: 111, rule: rule)
                var dx = Tensor(shape: shape)
                quantizer.backpropagate(
                    value: Tensor(shape: shape, elements: x),
                    effectiveGradient: Tensor(shape: shape, elements: dy), into: &dx)
                for index in x.indices {
                    var grid = quantizer.grid
                    grid.step = steps[index % steps.count]
                    let expected = slowGradient(
                        x[index], dy[index], grid, rule, slope: slope, delta: delta, pull: pull)
                    #expect(abs(Double(dx[index]) - expected) < 1e-5 * (1 + abs(expected)))
                }
            }
        }
    }

    @Test func `a rule that says nothing new gives LSQ's gradients to the bit`() {
        // A slope of 0 goes through the other kernels.
        var (plain, other) = (
            WeightQuantizer(bits: 3, steps: [0.4], weightCount: 500),
            WeightQuantizer(bits: 3, steps: [0.4], weightCount: 500, rule: rule(slope: 0))
        )
        let weights = Tensor(shape: [500], elements: normal(500, seed: 5))
        let gradient = Tensor(shape: [500], elements: normal(500, seed: 6))
        var (dx, dxOther) = (Tensor(shape: [500]), Tensor(shape: [500]))
        plain.backpropagate(value: weights, effectiveGradient: gradient, into: &dx)
        other.backpropagate(value: weights, effectiveGradient: gradient, into: &dxOther)
        #expect(dx == dxOther)
        #expect(plain.step.gradient == other.step.gradient)
    }

    @Test(arguments: instructionSets)
    func `every instruction set gives the same bits, at every length`(isa: UInt32) {
        let grid = cfk_grid(step: 0.31, offset: 0, lowest: -4, highest: 3)
        let surrogate = cfk_surrogate(
            slope: 4, gain: 1.8, delta: 0.2, pull: 0.01, has_tail: 1, passes_outside: 0)
        func run(_ isa: cfk_isa, _ count: Int) -> ([Float], [Double]) {
            let (x, dy) = (normal(count, seed: 7), normal(count, seed: 8))
            var (dx, sums) = ([Float](repeating: .nan, count: count), cfk_surrogate_sums())
            cfk_surrogate_gradient(isa, grid, surrogate, x, dy, &dx, Int64(count), &sums)
            let error = cfk_quantization_error(isa, grid, x, Int64(count))
            var (columns, columnSums) = (dx, [cfk_surrogate_sums](repeating: .init(), count: count))
            let steps = [Float](repeating: 0.31, count: count)
            // As one row of many outputs.
            cfk_surrogate_columns_gradient(
                isa, grid, surrogate, steps, x, dy, &columns, 1, Int64(count), &columnSums)
            #expect(columns == dx, "\(count) elements")
            let all = [sums] + columnSums
            return (
                dx,
                [error]
                    + all.flatMap {
                        [$0.step, $0.offset, $0.above, $0.value_squares, $0.gradient_squares]
                    }
            )
        }
        for count in Array(0...40) + [1009] {
            let (found, expected) = (run(cfk_isa(rawValue: isa), count), run(cfk_generic, count))
            #expect(found.0 == expected.0 && found.1 == expected.1, "\(count) elements")
        }
    }

    @Test func `schedules follow half a wave of the cosine from their start on`() {
        let schedule = Schedule(from: 1, to: 9, start: 0.5)
        #expect([0, 0.25, 0.5].map { schedule.value(at: $0) } == [1, 1, 1])
        #expect(abs(schedule.value(at: 0.75) - 5) < 1e-5)
        #expect(abs(schedule.value(at: 1) - 9) < 1e-5)
        #expect(Schedule(4).isConstant && Schedule(4).value(at: 0.3) == 4)
    }

    @Test func `quantizers of a network follow the training`() throws {
        var rule = GradientRule()
        rule.rounding = .arctangent(slope: Schedule(from: 1, to: 8), hasTail: false)
        #expect(rule.isScheduled && !GradientRule.lgLSQStyle(forWeights: true).isScheduled)
        var linear = Linear(inputs: 4, outputs: 2)
        linear.visitParameters { name, parameter in
            if name == "weight" {
                parameter.quantize(
                    with: WeightQuantizer(bits: 4, steps: [1], weightCount: 8, rule: rule))
            }
        }
        var network = try Network(
            name: "net", inputShape: [4],
            chain: [
                (
                    "q", ActivationQuantizer(bits: 4, scheme: .signedSymmetric, rule: rule)
                ),
                ("fc", linear),
            ])
        network.followTraining(progress: 0.5)
        #expect((network.nodes[0].layer as? ActivationQuantizer)?.rule.progress == 0.5)
        network.visitParameters { name, parameter in
            guard name == "fc.weight" else { return }
            #expect(parameter.parametrization(WeightQuantizer.self)?.rule.progress == 0.5)
        }
    }

    @Test func `checkpoints keep rules, directions and what is frozen`() throws {
        var every = GradientRule()
        every.rounding = .arctangent(
            slope: Schedule(from: 1, to: 8, start: 0.25), hasTail: true)
        every.discretization = .inLoss(Schedule(from: 0, to: 0.1))
        every.step = .simulated(
            .learned, .init(ratio: 1.25, interval: 7, sampleSize: 100))
        every.progress = 0.5
        for rule in [GradientRule(), .lgLSQStyle(forWeights: true), .llsq(forWeights: true), every]
        {
            var weights = WeightQuantizer(bits: 3, steps: [0.4, 2], weightCount: 4, rule: rule)
            var result = Tensor(shape: [4, 2])
            let values = Tensor(shape: [4, 2], elements: normal(8, seed: 9))
            weights.backpropagate(value: values, effectiveGradient: values, into: &result)
            var copy = try WeightQuantizer(state: weights.state)
            #expect(copy.rule == rule)
            weights.backpropagate(value: values, effectiveGradient: values, into: &result)
            copy.backpropagate(value: values, effectiveGradient: values, into: &result)
            #expect(copy.step.gradient == weights.step.gradient)
            let layer = ActivationQuantizer(bits: 3, scheme: .signedSymmetric, rule: rule)
            #expect(try ActivationQuantizer(state: layer.state).rule == rule)
        }
        var state = WeightQuantizer(
            bits: 3, steps: [1], weightCount: 4, rule: .lgLSQStyle(forWeights: true)
        ).state
        state.numbers["rule.slope.first"] = -1
        #expect(
            throws: SavedStateError.outsideBounds(
                kind: "weight-quantizer", field: "rule.slope.first", found: -1, bounds: 0...1000)
        ) { try WeightQuantizer(state: state) }
    }

    // MARK: Simulated gradients of the step

    /// Grids that are far too fine and far too coarse for weights of deviation 1.
    @Test(arguments: [GradientRule.Amplitude.balanced, .learned])
    func `a simulated gradient has the direction of the error and the size that it should`(
        amplitude: GradientRule.Amplitude
    ) {
        var rule = GradientRule()
        rule.step = .simulated(amplitude, .init(interval: 1))
        let weights = Tensor(shape: [2000], elements: normal(2000, seed: 10))
        let gradient = Tensor(shape: [2000], elements: normal(2000, seed: 11))
        for (step, sign) in [(0.05, -1), (3, 1)] as [(Float, Float)] {
            var quantizer = WeightQuantizer(
                bits: 4, steps: [step], weightCount: 2000, rule: rule)
            var plain = WeightQuantizer(bits: 4, steps: [step], weightCount: 2000)
            var dx = Tensor(shape: [2000])
            quantizer.backpropagate(value: weights, effectiveGradient: gradient, into: &dx)
            plain.backpropagate(value: weights, effectiveGradient: gradient, into: &dx)
            func norm(_ tensor: Tensor) -> Double {
                tensor.elements.reduce(0) { $0 + Double($1 * $1) }.squareRoot()
            }
            let expected =
                amplitude == .learned
                ? abs(plain.step.gradient[0]) : step * Float(norm(dx) / norm(weights))
            let found = quantizer.step.gradient[0]
            #expect(abs(found - sign * expected) < 1e-4 * expected, "step \(step)")
        }
    }

    /// A step may be negative; what counts is its size, which then grows where the step falls.
    @Test(
        arguments: [GradientRule.Amplitude.balanced, .learned, .squaredStep], [1, -1] as [Float])
    func `activations have simulated gradients, too`(
        amplitude: GradientRule.Amplitude, side: Float
    ) {
        var rule = GradientRule()
        rule.step = .simulated(amplitude, .init(interval: 1))
        let (x, dy) = (normal(2000, seed: 14).map(abs), normal(2000, seed: 15))
        let input = Tensor(shape: [1, 2000], elements: x)
        for (step, direction) in [(0.01, -1), (3, 1)] as [(Float, Float)] {
            var gradients: [Float] = []
            var norm = 0.0
            for rule in [rule, GradientRule()] {
                var quantizer = ActivationQuantizer(
                    bits: 4, scheme: .unsignedSymmetric, step: side * step, offset: 0, rule: rule)
                var (dx, pass) = ([Tensor(shape: [1, 2000])], Pass(isTraining: true))
                var gradient = Tensor(shape: [1, 2000], elements: dy)
                quantizer.backward(
                    [input], output: input, outputGradient: &gradient, into: &dx, wants: [true],
                    pass: &pass)
                gradients.append(quantizer.step.gradient[0])
                norm = dx[0].elements.reduce(0) { $0 + Double($1 * $1) }.squareRoot()
            }
            let inputs = x.reduce(0) { $0 + Double($1 * $1) }.squareRoot()
            let size: Float =
                switch amplitude {
                case .learned: abs(gradients[1])
                case .squaredStep: step * step
                case .balanced: step * Float(norm / inputs)
                }
            #expect(abs(gradients[0] - side * direction * size) < 1e-4 * size, "step \(step)")
        }
    }

    @Test func `between probes the direction stays`() {
        var rule = GradientRule()
        rule.step = .simulated(.squaredStep, .init(interval: 3))
        var quantizer = WeightQuantizer(bits: 4, steps: [3], weightCount: 100, rule: rule)
        var dx = Tensor(shape: [100])
        let wide = Tensor(shape: [100], elements: normal(100, seed: 12))
        let huge = Tensor(shape: [100], elements: normal(100, seed: 12, scale: 100))
        var signs: [Float] = []
        for weights in [wide, huge, huge, huge] {
            quantizer.backpropagate(value: weights, effectiveGradient: wide, into: &dx)
            signs.append(quantizer.step.gradient[0] / 9)
        }
        #expect(signs == [1, 1, 1, -1])
    }

    @Test func `steps of outputs go their own ways`() {
        let rule = GradientRule.llsq(forWeights: true)
        var quantizer = WeightQuantizer(
            bits: 4, steps: [0.05, 0.35, 3], weightCount: 400, rule: rule)
        let weights = Tensor(shape: [400, 3], elements: normal(1200, seed: 13))
        var dx = Tensor(shape: [400, 3])
        quantizer.backpropagate(value: weights, effectiveGradient: weights, into: &dx)
        #expect(abs(quantizer.step.gradient[0] + 0.0025) < 1e-7)
        #expect(quantizer.step.gradient[1] == 0)
        #expect(quantizer.step.gradient[2] == 9)
    }
}
