import Networks
import Pruning
import Quantization
import Tensors
import Testing
import WeightSharing

/// The composition `mask(codebook(quantizer(centroids)))` on one parameter.
struct ParametrizationChainTests {
    let shape = [12, 10]

    /// Weights of more than one chunk of all that is cut into chunks, through the whole chain.
    @Test(arguments: [false, true]) func `threads do not change a chain`(isPerOutput: Bool) {
        let shape = [1311, 101]
        var generator = SeededGenerator(seed: 9)
        let (value, gradient) = (
            Tensor(shape: shape, elements: (0..<1311 * 101).map { _ in generator.normal() }),
            Tensor(shape: shape, elements: (0..<1311 * 101).map { _ in generator.normal() })
        )
        let mask = Mask(bytes: value.elements.map { abs($0) > 0.7 ? 1 : 0 })
        for isSoft in [false, true] {
            var rule = GradientRule()
            if isSoft { rule.discretization = .inGradient(0.2) }
            let results = [1, 2, 3].map { threads in
                var parameter = Parameter(value, decays: true)
                parameter.setChain([
                    WeightQuantizer(
                        bits: 4, steps: [Float](repeating: 0.3, count: isPerOutput ? 101 : 1),
                        weightCount: 1311, rule: rule),
                    mask,
                ])
                parameter.updateEffective(threads: threads)
                parameter.effectiveGradient = gradient
                parameter.backpropagate(threads: threads)
                let quantizer = parameter.parametrization(WeightQuantizer.self)!
                return [
                    parameter.effective, parameter.trained.gradient, quantizer.step.gradient,
                ]
            }
            #expect(results[0] == results[1] && results[0] == results[2])
            #expect(results[0].allSatisfy { $0.elements.contains { $0 != 0 } })
        }
    }

    func normal(seed: UInt64) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<120).map { _ in generator.normal() }
    }

    /// Pruned to a half, shared among `2^bits − 1` centroids, quantized to `bits + 1`.
    func parameter(bits: Int) -> Parameter {
        var parameter = Parameter(
            Tensor(shape: shape, elements: normal(seed: 1)), decays: true)
        parameter.prune(with: Mask(pruning: parameter.effective, toSparsity: 0.5))
        let clusters = KMeans().clusters(
            of: parameter.effective, count: Codebook.centroids(forBits: bits))
        parameter.share(clusters)
        parameter.quantize(
            with: WeightQuantizer(
                bits: bits + 1, fitting: parameter.trained.value, counts: clusters.memberCounts))
        return parameter
    }

    @Test func `stages arrange themselves, quantizer first and mask last`() {
        var parameter = parameter(bits: 3)
        func kinds() -> [String] { parameter.chain.map { type(of: $0).kind } }
        #expect(kinds() == ["weight-quantizer", "codebook", "mask"])
        #expect(parameter.parametrization(WeightQuantizer.self)?.weightCount == 60)
        #expect(parameter.effective.shape == shape && parameter.trained.value.shape == [7])
        let centroids = parameter.trained.value
        parameter.prune(with: Mask(pruning: parameter.effective, toSparsity: 0.6))
        #expect(kinds() == ["weight-quantizer", "codebook", "mask"])
        #expect(parameter.trained.value == centroids)
    }

    @Test(arguments: [2, 4, 5]) func `effective weights are codes times the step`(bits: Int) {
        let parameter = parameter(bits: bits)
        let quantizer = parameter.parametrization(WeightQuantizer.self)!
        let codebook = parameter.parametrization(Codebook.self)!
        let levels = [0] + quantizer.codes(of: parameter.trained.value)
        let expected = codebook.codes.map { quantizer.grid.step * Float(levels[Int($0)]) }
        #expect(parameter.effective.elements == expected)
    }

    @Test func `pruned weights stay exactly zero whatever an optimizer does`() {
        var parameter = parameter(bits: 3)
        let mask = parameter.parametrization(Mask.self)!
        var generator = SeededGenerator(seed: 9)
        for _ in 0..<50 {
            parameter.effectiveGradient = Tensor(
                shape: shape, elements: (0..<120).map { _ in generator.normal() })
            parameter.backpropagate()
            parameter.visitVariables { _, variable in
                for index in 0..<variable.value.count {
                    variable.value[index] -=
                        0.1 * variable.gradient[index] + 0.3 * generator.normal()
                }
            }
            parameter.updateEffective()
            let effective = parameter.effective.elements
            #expect(zip(effective, mask.bytes).allSatisfy { $1 == 1 || $0 == 0 })
        }
    }

    /// Loss `Σ a·w² / 2` of the effective weights. The surrogate holds each centroid's rounding
    /// error, and is differentiated with respect to every centroid and to the step.
    @Test(arguments: [2, 3, 4]) func `gradients through the chain are finite differences`(bits: Int)
    {
        var parameter = parameter(bits: bits)
        let quantizer = parameter.parametrization(WeightQuantizer.self)!
        let codebook = parameter.parametrization(Codebook.self)!
        let factors = normal(seed: 4).map { 1 + 0.5 * abs($0) }
        let (n, p) = (Double(quantizer.grid.lowest), Double(quantizer.grid.highest))
        let centroids = parameter.trained.value.elements.map(Double.init)
        let step = Double(quantizer.grid.step)
        let held = centroids.map { min(max($0 / step, n), p) }
            .map { $0.rounded(.toNearestOrEven) - $0 }
        func loss(_ centroids: [Double], _ step: Double) -> Double {
            zip(codebook.codes, factors).reduce(0) { sum, weight in
                guard weight.0 > 0 else { return sum }
                let k = Int(weight.0) - 1
                let w = step * (min(max(centroids[k] / step, n), p) + held[k])
                return sum + Double(weight.1) * w * w / 2
            }
        }
        parameter.effectiveGradient = Tensor(
            shape: shape, elements: zip(factors, parameter.effective.elements).map { $0 * $1 })
        parameter.backpropagate()
        let h = 1e-6
        for index in centroids.indices {
            var (up, down) = (centroids, centroids)
            up[index] += h
            down[index] -= h
            let expected = (loss(up, step) - loss(down, step)) / (2 * h)
            let found = Double(parameter.trained.gradient[index])
            #expect(abs(found - expected) < 1e-4 * (1 + abs(expected)), "centroid \(index)")
        }
        let expected = (loss(centroids, step + h) - loss(centroids, step - h)) / (2 * h)
        let scale = Double(quantizer.gradientScale)
        let found = Double(parameter.parametrization(WeightQuantizer.self)!.step.gradient[0])
        #expect(abs(found - expected * scale) < 1e-4 * (1 + abs(expected * scale)))
    }

    @Test func `the step's gradient over centroids is that over all weights`() {
        var shared = parameter(bits: 3)
        let quantizer = shared.parametrization(WeightQuantizer.self)!
        // The same weights, each trained for itself.
        let codebook = shared.parametrization(Codebook.self)!
        var members = Tensor(shape: shape)
        codebook.apply(to: shared.trained.value, into: &members)
        var plain = Parameter(members, decays: true)
        plain.setChain([quantizer, shared.parametrization(Mask.self)!])
        #expect(plain.effective == shared.effective)
        let gradient = Tensor(shape: shape, elements: normal(seed: 6))
        shared.effectiveGradient = gradient
        plain.effectiveGradient = gradient
        shared.backpropagate()
        plain.backpropagate()
        let steps = [shared, plain].map {
            $0.parametrization(WeightQuantizer.self)!.step.gradient[0]
        }
        #expect(abs(steps[0] - steps[1]) < 1e-5 * (1 + abs(steps[1])))
    }
}
