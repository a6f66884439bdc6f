import Foundation
import Networks
import Quantization
import Tensors
import Testing

/// Gradients of the baselines against finite differences of the functions that they stand for, with
/// rounding errors held.
struct BaselineQuantizersTests {
    private func normal(_ count: Int, seed: UInt64) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in generator.normal() }
    }

    private func sum(_ gradient: [Float], _ value: (Int) -> Double) -> Double {
        gradient.indices.reduce(0) { $0 + Double(gradient[$1]) * value($1) }
    }

    private func difference(_ loss: (Double) -> Double) -> Double {
        (loss(1e-6) - loss(-1e-6)) / 2e-6
    }

    private func expectNear(_ found: Float, _ expected: Double, _ what: String) {
        #expect(abs(Double(found) - expected) < 2e-4 * (1 + abs(expected)), "\(what)")
    }

    /// With δ = 0 the surrogate is `σ · (2 · (x + held) − 1)`.
    @Test(arguments: [2, 4, 7]) func `EWGS on weights`(bits: Int) {
        let (w, dy) = (normal(200, seed: 1), normal(200, seed: 2))
        let (l, u, sigma, levels) = (-1.3, 1.7, 0.8, Double(1 << bits - 1))
        var quantizer = EWGSWeightQuantizer(
            bits: bits, lower: [Float(l)], upper: [Float(u)], scale: [Float(sigma)],
            weightCount: 200, delta: 0)
        let value = Tensor(shape: [200], elements: w)
        let gradient = Tensor(shape: [200], elements: dy)
        var dw = Tensor(shape: [200])
        quantizer.backpropagate(value: value, effectiveGradient: gradient, into: &dw)
        func place(_ w: Double, _ l: Double, _ u: Double) -> Double {
            min(max((w - l) / (u - l), 0), 1)
        }
        let held = w.map {
            let x = place(Double($0), l, u)
            return (levels * x).rounded(.toNearestOrEven) / levels - x
        }
        func loss(_ w: (Int) -> Double, _ l: Double, _ u: Double, _ sigma: Double) -> Double {
            sum(dy) { sigma * (2 * (place(w($0), l, u) + held[$0]) - 1) }
        }
        let weights = { (index: Int) in Double(w[index]) }
        for index in w.indices {
            let expected = difference { h in
                Double(dy[index]) * sigma * 2 * place(Double(w[index]) + h, l, u)
            }
            expectNear(dw[index], expected, "weight \(index)")
        }
        let scale = Double(quantizer.gradientScale)
        expectNear(
            quantizer.lower.gradient[0], scale * difference { loss(weights, l + $0, u, sigma) },
            "lower")
        expectNear(
            quantizer.upper.gradient[0], scale * difference { loss(weights, l, u + $0, sigma) },
            "upper")
        expectNear(
            quantizer.scale.gradient[0], scale * difference { loss(weights, l, u, sigma + $0) },
            "scale")
    }

    @Test func `EWGS on weights scales gradients by the distance to the code`() {
        let value = Tensor(shape: [3], elements: [-0.6, 0.1, 5])
        var plain = EWGSWeightQuantizer(
            bits: 2, lower: [-1], upper: [1], scale: [1], weightCount: 3, delta: 0)
        var scaled = EWGSWeightQuantizer(
            bits: 2, lower: [-1], upper: [1], scale: [1], weightCount: 3, delta: 0.5)
        var (dw, dwScaled) = (Tensor(shape: [3]), Tensor(shape: [3]))
        let gradient = Tensor(shape: [3], elements: [1, -2, 1])
        plain.backpropagate(value: value, effectiveGradient: gradient, into: &dw)
        scaled.backpropagate(value: value, effectiveGradient: gradient, into: &dwScaled)
        // x = 0.2 lies 0.2 − 1/3 from its level, x = 0.55 lies 0.55 − 2/3, and 5 is clipped.
        #expect(dw.elements == [1, -2, 0])
        expectNear(dwScaled[0], 1 + 0.5 * (0.2 - 1.0 / 3), "below the level, pushed down")
        expectNear(dwScaled[1], -2 * (1 - 0.5 * (0.55 - 2.0 / 3)), "below the level, pushed up")
        #expect(dwScaled[2] == 0)
    }

    @Test(arguments: [2, 4, 8]) func `EWGS on activations`(bits: Int) {
        let (x, dy) = (normal(200, seed: 3), normal(200, seed: 4))
        let (l, u) = (-0.3, 1.2)
        var quantizer = EWGSActivationQuantizer(
            bits: bits, lower: Float(l), upper: Float(u), delta: 0)
        let input = Tensor(shape: [1, 200], elements: x)
        var (dx, pass) = ([Tensor(shape: [1, 200])], Pass(isTraining: true))
        var gradient = Tensor(shape: [1, 200], elements: dy)
        quantizer.backward(
            [input], output: input, outputGradient: &gradient, into: &dx, wants: [true],
            pass: &pass)
        let levels = Double(1 << bits - 1)
        func place(_ x: Double, _ l: Double, _ u: Double) -> Double {
            min(max((x - l) / (u - l), 0), 1)
        }
        let held = x.map {
            let place = place(Double($0), l, u)
            return (levels * place).rounded(.toNearestOrEven) / levels - place
        }
        func loss(_ l: Double, _ u: Double) -> Double {
            sum(dy) { l + (u - l) * (place(Double(x[$0]), l, u) + held[$0]) }
        }
        for index in x.indices {
            let isInside = Double(x[index]) > l && Double(x[index]) < u
            #expect(dx[0][index] == (isInside ? dy[index] : 0))
        }
        let scale = 1 / (200 * levels).squareRoot()
        expectNear(
            quantizer.lower.gradient[0], scale * difference { loss(l + $0, u) }, "lower")
        expectNear(
            quantizer.upper.gradient[0], scale * difference { loss(l, u + $0) }, "upper")
    }

    @Test(arguments: [2, 5, 7], [false, true])
    func `DoReFa on weights`(bits: Int, keepsScale: Bool) {
        let (w, dy) = (normal(200, seed: 5), normal(200, seed: 6))
        let quantizer = DoReFaWeightQuantizer(bits: bits, keepsScale: keepsScale)
        var dw = Tensor(shape: [200])
        quantizer.backpropagate(
            value: Tensor(shape: [200], elements: w),
            effectiveGradient: Tensor(shape: [200], elements: dy), into: &dw, threads: 1)
        let bound = w.map { abs(tanh(Double($0))) }.max()!
        for index in w.indices {
            let expected = difference { h in
                Double(dy[index]) * tanh(Double(w[index]) + h) / (keepsScale ? 1 : bound)
            }
            expectNear(dw[index], expected, "weight \(index)")
        }
    }

    @Test func `PACT's bound is pulled down by weight decay, and learns where values are clipped`()
    {
        var quantizer = PACTQuantizer(bits: 4, bound: 1.5)
        quantizer.visitVariables { name, variable in #expect(name == "bound" && variable.decays) }
        let input = Tensor(shape: [1, 4], elements: [-1, 0.3, 1.5, 9])
        var (dx, pass) = ([Tensor(shape: [1, 4])], Pass(isTraining: true))
        for wants in [false, true] {
            var gradient = Tensor(shape: [1, 4], elements: [10, 20, 3, 4])
            quantizer.backward(
                [input], output: input, outputGradient: &gradient, into: &dx, wants: [wants],
                pass: &pass)
            #expect(quantizer.bound.gradient[0] == 7)
        }
        #expect(dx[0].elements == [0, 20, 0, 0])
    }

    /// What conversion relies on.
    @Test(arguments: 2...7) func `effective weights are whole multiples of the step`(bits: Int) {
        let value = Tensor(shape: [100], elements: normal(100, seed: 7))
        let quantizers: [any UniformWeightQuantizer] = [
            DoReFaWeightQuantizer(bits: bits), DoReFaWeightQuantizer(bits: bits, keepsScale: false),
            EWGSWeightQuantizer(bits: bits, fitting: value),
            WeightQuantizer(bits: bits, fitting: value),
        ]
        for quantizer in quantizers {
            var effective = Tensor(shape: [100])
            quantizer.apply(to: value, into: &effective)
            let step = quantizer.steps(for: value)[0]
            let codes = effective.elements.map { ($0 / step).rounded() }
            #expect(effective.elements == codes.map { step * $0 })
            #expect(codes.allSatisfy { abs($0) <= 128 } && Set(codes).count <= 1 << bits)
            #expect(Set(codes).count > 2)
        }
    }

    @Test func `fitted bounds leave weights about what they are`() {
        let value = Tensor(shape: [2000], elements: normal(2000, seed: 8).map { 0.1 * $0 })
        for quantizer in [
            EWGSWeightQuantizer(bits: 6, fitting: value), DoReFaWeightQuantizer(bits: 6),
        ] as [any UniformWeightQuantizer] {
            var effective = Tensor(shape: [2000])
            quantizer.apply(to: value, into: &effective)
            let error = zip(effective.elements, value.elements).reduce(0.0) {
                $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1))
            }
            // The deviation of weights is 0.1; a uniform grid of 6 bits errs by a 30th of that.
            #expect((error / 2000).squareRoot() < 0.005)
        }
    }

    @Test func `checkpoints bring the same quantizers back`() throws {
        let value = Tensor(shape: [50], elements: normal(50, seed: 9))
        func effective(_ quantizer: some UniformWeightQuantizer) -> Tensor {
            var effective = Tensor(shape: [50])
            quantizer.apply(to: value, into: &effective)
            return effective
        }
        let ewgs = EWGSWeightQuantizer(
            bits: 3, lower: [-1], upper: [2], scale: [0.5], weightCount: 50, delta: 0.1)
        let copy = try EWGSWeightQuantizer(state: ewgs.state)
        #expect(effective(copy) == effective(ewgs))
        #expect(copy.delta == ewgs.delta && copy.weightCount == 50)
        for keepsScale in [false, true] {
            let doReFa = DoReFaWeightQuantizer(bits: 5, keepsScale: keepsScale)
            #expect(effective(try DoReFaWeightQuantizer(state: doReFa.state)) == effective(doReFa))
        }
        let pact = PACTQuantizer(bits: 3, bound: 2)
        #expect(try PACTQuantizer(state: pact.state).grid == pact.grid)
        let layer = EWGSActivationQuantizer(bits: 3, lower: -0.2, upper: 2, delta: 0.1)
        #expect(try EWGSActivationQuantizer(state: layer.state).grid == layer.grid)
        var state = DoReFaWeightQuantizer(bits: 5).state
        state.numbers["bits"] = 8
        #expect(
            throws: SavedStateError.outOfRange(
                kind: "dorefa-weight-quantizer", field: "bits", found: 8, range: 2...7)
        ) { try DoReFaWeightQuantizer(state: state) }
    }
}
