import Foundation
import Networks
import Quantization
import Tensors
import Testing

/// What the parts of a rule do to quantizers that learn no step: bounds, scales, or nothing at all.
struct BaselineRulesTests {
    private let slope = 4.0

    private func normal(_ count: Int, seed: UInt64) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in generator.normal() }
    }

    private func rule(_ discretization: GradientRule.Discretization = .ignored) -> GradientRule {
        var rule = GradientRule()
        rule.rounding = .arctangent(slope: 4, hasTail: false)
        rule.discretization = discretization
        return rule
    }

    private func difference(_ f: (Double) -> Double) -> Double { (f(1e-6) - f(-1e-6)) / 2e-6 }

    private func expectNear(_ found: Float, _ expected: Double, _ what: String) {
        #expect(abs(Double(found) - expected) < 2e-3 * (1 + abs(expected)), "\(what)")
    }

    /// Backward through a layer.
    private func gradients(
        _ quantizer: inout some UniformActivationQuantizer, _ x: [Float], _ dy: [Float]
    ) -> [Float] {
        let input = Tensor(shape: [1, x.count], elements: x)
        var (dx, pass) = ([Tensor(shape: [1, x.count])], Pass(isTraining: true))
        var gradient = Tensor(shape: [1, x.count], elements: dy)
        quantizer.backward(
            [input], output: input, outputGradient: &gradient, into: &dx, wants: [true],
            pass: &pass)
        return dx[0].elements
    }

    /// `clip(x, 0, α)` and what rounding adds, held; or softly rounded on steps that are held.
    @Test(arguments: [2, 4, 8], [false, true]) func `PACT`(bits: Int, isSoft: Bool) {
        let (x, dy) = (normal(200, seed: 21), normal(200, seed: 22))
        let (bound, levels) = (1.1, Double(1 << bits - 1))
        var quantizer = PACTQuantizer(
            bits: bits, bound: Float(bound), rule: isSoft ? rule() : GradientRule())
        let dx = gradients(&quantizer, x, dy)
        let step = bound / levels
        func value(_ x: Double) -> Double {
            let clipped = min(max(x, 0), bound)
            return isSoft ? step * softRound(clipped / step, slope) : clipped
        }
        for index in x.indices {
            let expected = difference { Double(dy[index]) * value(Double(x[index]) + $0) }
            expectNear(dx[index], expected, "activation \(index)")
        }
        // The paper's eq. 3: the bound by what is clipped, whatever rounding does below.
        let byBound = difference { h in
            x.indices.reduce(0) { $0 + Double(dy[$1]) * min(max(Double(x[$1]), 0), bound + h) }
        }
        expectNear(quantizer.bound.gradient[0], byBound, "bound")
    }

    /// Softly rounded between bounds, times what EWGS makes of a gradient by the distance to the code.
    @Test(arguments: [2, 4, 8], [0, 0.4] as [Float])
    func `EWGS on activations`(bits: Int, delta: Float) {
        let (x, dy) = (normal(200, seed: 23), normal(200, seed: 24))
        let (l, u, levels) = (-0.3, 1.2, Double(1 << bits - 1))
        var quantizer = EWGSActivationQuantizer(
            bits: bits, lower: Float(l), upper: Float(u), delta: delta, rounding: rule().rounding)
        let dx = gradients(&quantizer, x, dy)
        func value(_ x: Double, _ l: Double, _ u: Double) -> Double {
            let place = min(max((x - l) / (u - l), 0), 1)
            return l + (u - l) * softRound(levels * place, slope) / levels
        }
        for index in x.indices {
            let place = min(max((Double(x[index]) - l) / (u - l), 0), 1)
            let error = place - (levels * place).rounded(.toNearestOrEven) / levels
            let sign: Double = dy[index] < 0 ? -1 : 1
            let scaled = Double(dy[index]) * (1 + Double(delta) * sign * error)
            let expected = difference { scaled * value(Double(x[index]) + $0, l, u) }
            expectNear(dx[index], expected, "activation \(index)")
        }
        // Codes are held but for the slope: soft rounding and what is missing to the code.
        let held = x.map { x in
            let place = min(max((Double(x) - l) / (u - l), 0), 1) * levels
            return (place.rounded(.toNearestOrEven) - softRound(place, slope)) / levels
        }
        func loss(_ l: Double, _ u: Double) -> Double {
            x.indices.reduce(0) {
                $0 + Double(dy[$1]) * (value(Double(x[$1]), l, u) + (u - l) * held[$1])
            }
        }
        let scale = 1 / (200 * levels).squareRoot()
        expectNear(
            quantizer.lower.gradient[0], scale * difference { loss(l + $0, u) }, "lower")
        expectNear(
            quantizer.upper.gradient[0], scale * difference { loss(l, u + $0) }, "upper")
    }

    /// One interval for each of 4 outputs.
    @Test(arguments: [2, 4, 7], [0, 0.4] as [Float])
    func `EWGS on weights, for each output`(bits: Int, delta: Float) {
        let (w, dy) = (normal(240, seed: 25), normal(240, seed: 26))
        let (lower, upper) = ([-1.3, -0.4, -2, -1], [1.7, 0.8, 2, 3])
        let (scales, levels, pull) = ([0.8, -1.5, 0.2, 1], Double(1 << bits - 1), 0.3)
        var quantizer = EWGSWeightQuantizer(
            bits: bits, lower: lower.map { Float($0) }, upper: upper.map { Float($0) },
            scale: scales.map { Float($0) }, weightCount: 60, delta: delta,
            rule: rule(.inLoss(Schedule(Float(pull)))))
        var dw = Tensor(shape: [60, 4])
        quantizer.backpropagate(
            value: Tensor(shape: [60, 4], elements: w),
            effectiveGradient: Tensor(shape: [60, 4], elements: dy), into: &dw)
        func place(_ w: Double, _ l: Double, _ u: Double) -> Double {
            min(max((w - l) / (u - l), 0), 1)
        }
        func soft(_ w: Double, _ l: Double, _ u: Double, _ scale: Double) -> Double {
            abs(scale) * (2 * softRound(levels * place(w, l, u), slope) / levels - 1)
        }
        func scaled(_ index: Int) -> Double {
            let x = place(Double(w[index]), lower[index % 4], upper[index % 4])
            let error = x - (levels * x).rounded(.toNearestOrEven) / levels
            return Double(dy[index]) * (1 + Double(delta) * (dy[index] < 0 ? -1 : 1) * error)
        }
        for index in w.indices {
            let (l, u, sigma) = (lower[index % 4], upper[index % 4], abs(scales[index % 4]))
            let (at, x) = (Double(w[index]), place(Double(w[index]), l, u))
            let code = (levels * x).rounded(.toNearestOrEven) / levels
            let expected = difference { h in
                // λ · (v − v̂)², codes held, with v what is rounded.
                let error = 2 * sigma * (place(at + h, l, u) - code)
                return scaled(index) * soft(at + h, l, u, sigma) + pull * error * error
            }
            expectNear(dw[index], expected, "weight \(index)")
        }
        let share = Double(quantizer.gradientScale)
        for output in 0..<4 {
            let own = stride(from: output, to: 240, by: 4)
            func loss(_ l: Double, _ u: Double) -> Double {
                own.reduce(0) { $0 + scaled($1) * soft(Double(w[$1]), l, u, scales[output]) }
            }
            let (l, u) = (lower[output], upper[output])
            expectNear(
                quantizer.lower.gradient[output], share * difference { loss(l + $0, u) }, "lower")
            expectNear(
                quantizer.upper.gradient[output], share * difference { loss(l, u + $0) }, "upper")
            let byScale = difference { h in
                own.reduce(0) { sum, index in
                    let code = (levels * place(Double(w[index]), l, u)).rounded(.toNearestOrEven)
                    return sum + Double(dy[index]) * abs(scales[output] + h)
                        * (2 * code / levels - 1)
                }
            }
            expectNear(quantizer.scale.gradient[output], share * byScale, "scale")
        }
    }

    /// The largest tangent of each of 4 outputs is held.
    @Test(arguments: [2, 5, 7]) func `DoReFa on weights, for each output`(bits: Int) {
        let (w, dy) = (normal(240, seed: 27), normal(240, seed: 28))
        let (levels, pull) = (Double(1 << bits - 1), 0.3)
        let quantizer = DoReFaWeightQuantizer(
            bits: bits, isPerOutput: true, rule: rule(.inLoss(Schedule(Float(pull)))))
        var dw = Tensor(shape: [60, 4])
        quantizer.backpropagate(
            value: Tensor(shape: [60, 4], elements: w),
            effectiveGradient: Tensor(shape: [60, 4], elements: dy), into: &dw, threads: 1)
        for index in w.indices {
            let own = stride(from: index % 4, to: 240, by: 4)
            let bound = own.map { abs(tanh(Double(w[$0]))) }.max()!
            // The weight that has it lies on the edge of the grid.
            if abs(tanh(Double(w[index]))) == bound { continue }
            func place(_ h: Double) -> Double {
                levels * (tanh(Double(w[index]) + h) / (2 * bound) + 0.5)
            }
            let code = place(0).rounded(.toNearestOrEven)
            let expected = difference { h in
                let step = 2 * bound / levels
                let error = step * (place(h) - code)
                return Double(dy[index]) * step * softRound(place(h), slope)
                    + pull * error * error
            }
            expectNear(dw[index], expected, "weight \(index)")
        }
    }

    @Test func `what belongs to outputs and rules is kept in a checkpoint`() throws {
        let value = Tensor(shape: [30, 3], elements: normal(90, seed: 29))
        let rule = rule(.inLoss(Schedule(from: 0, to: 0.2)))
        func effective(_ quantizer: some UniformWeightQuantizer) -> Tensor {
            var effective = Tensor(shape: [30, 3])
            quantizer.apply(to: value, into: &effective)
            return effective
        }
        let ewgs = EWGSWeightQuantizer(bits: 3, fitting: value, isPerOutput: true, rule: rule)
        let copy = try EWGSWeightQuantizer(state: ewgs.state)
        #expect(effective(copy) == effective(ewgs) && copy.rule == rule)
        #expect(copy.steps(for: value).count == 3 && Set(copy.steps(for: value)).count == 3)
        #expect(throws: SavedStateError.self) { try copy.requireFit(to: [30, 4]) }
        var state = ewgs.state
        state.tensors["upper"] = Tensor(shape: [2], elements: [1, 2])
        #expect(throws: SavedStateError.self) { try EWGSWeightQuantizer(state: state) }
        let doReFa = DoReFaWeightQuantizer(bits: 5, isPerOutput: true, rule: rule)
        let other = try DoReFaWeightQuantizer(state: doReFa.state)
        #expect(effective(other) == effective(doReFa) && other.rule == rule)
        #expect(effective(other) != effective(DoReFaWeightQuantizer(bits: 5)))
        let pact = PACTQuantizer(bits: 3, bound: 2, rule: rule)
        #expect(try PACTQuantizer(state: pact.state).rule == rule)
        let layer = EWGSActivationQuantizer(
            bits: 3, lower: -0.2, upper: 2, delta: 0.1, rounding: rule.rounding)
        #expect(try EWGSActivationQuantizer(state: layer.state).rounding == rule.rounding)
    }
}
