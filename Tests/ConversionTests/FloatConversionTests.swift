import Conversion
import Inference
import Networks
import PackedModel
import Pruning
import Quantization
import Tensors
import Testing

/// Networks whose weights are rounded after training, beside what they convert to.
struct FloatConversionTests {
    enum Mode: CaseIterable { case float16, dynamicRange, dynamicRangePerOutput }

    private func rounded(_ network: Network, _ mode: Mode) throws -> Network {
        var network = try network.separatingFunctions()
        let readers = network.readers
        for index in network.nodes.indices {
            let layer = network.nodes[index].layer
            guard layer is Linear || layer is Convolution else { continue }
            let isNormalized =
                readers[index + 1].count == 1
                && network.nodes[readers[index + 1][0].node].layer is BatchNormalization
            network.updateLayer(at: index) { layer in
                layer.visitParameters { name, parameter in
                    if name == "bias" {
                        if !isNormalized { parameter.setChain([BiasQuantizer(bits: 16)]) }
                        return
                    }
                    let weights = parameter.effective
                    switch mode {
                    case .float16: parameter.roundToHalf()
                    case .dynamicRange:
                        parameter.quantize(
                            with: WeightQuantizer(
                                bits: 8, fitting: weights, initialization: .maximum))
                    case .dynamicRangePerOutput:
                        parameter.quantize(
                            with: WeightQuantizer(
                                bits: 8, fittingEachOutputOf: weights, initialization: .maximum))
                    }
                }
            }
        }
        if mode != .float16 { network = try network.quantizingDynamically() }
        try network.roundForConversion()
        return network
    }

    /// `pixelScale` 1/64 and mean 2, as the network's inputs are made here.
    private func packed(_ network: Network) throws -> PackedModel {
        let channels = network.inputShape.count == 3 ? network.inputShape[2] : 1
        return try PackedModel(
            converting: network,
            normalization: InputNormalization(
                pixelScale: 1 / 64, mean: Array(repeating: 2, count: channels),
                deviation: Array(repeating: 1, count: channels)), classNames: [])
    }

    /// One output has lost all its weights and has no step of its own; the others' are small.
    @Test func `steps of outputs are rounded as if empty ones were not there`() throws {
        var layer = Linear(inputs: 4, outputs: 3)
        let weights: [Float] = [0, 1e-3, 4e-2, 0, -3e-3, 1e-2, 0, 2e-3, 0, 0, 0, 3e-2]
        layer.weight.trained.value = Tensor(shape: [4, 3], elements: weights)
        layer.bias.setChain([BiasQuantizer(bits: 16)])
        layer.weight.quantize(
            with: WeightQuantizer(
                bits: 8, fittingEachOutputOf: layer.weight.effective, initialization: .maximum))
        var network = try Network(name: "n", inputShape: [4], chain: [("fc", layer)])
        try network.roundForConversion()
        var steps: [Float] = []
        network.visitParameters {
            if $0 == "fc.weight" { steps = $1.parametrization(WeightQuantizer.self)!.steps }
        }
        for (step, exact) in [(steps[1], Float(3e-3) / 127), (steps[2], 4e-2 / 127)] {
            #expect(abs(step / exact - 1) < 1e-3, "\(step) for \(exact)")
        }
    }

    /// Its weights are less than half a step of its own; of another output's step they would be some.
    @Test func `an output that rounds to zeros stays empty`() throws {
        var layer = Linear(inputs: 2, outputs: 2)
        layer.weight.trained.value = Tensor(shape: [2, 2], elements: [0.03, 0.5, -0.04, 1])
        layer.bias.setChain([BiasQuantizer(bits: 16)])
        let quantizer = WeightQuantizer(
            bits: 8, fittingEachOutputOf: layer.weight.effective, initialization: .maximum)
        layer.weight.quantize(with: quantizer.withSteps([0.1, 0.01]))
        var network = try Network(name: "n", inputShape: [2], chain: [("fc", layer)])
        try network.roundForConversion()
        network.visitParameters { name, parameter in
            guard name == "fc.weight" else { return }
            let weights = parameter.effective.elements
            #expect(weights[0] == 0 && weights[2] == 0 && abs(weights[3] - 1) < 1e-3, "\(weights)")
        }
    }

    @Test(arguments: SampleGraph.allCases, Mode.allCases)
    func `the engine computes what the network and a slow loop do`(
        graph: SampleGraph, mode: Mode
    ) throws {
        var generator = SeededGenerator(seed: 31)
        var network = try rounded(graph.network(using: &generator), mode)
        let model = try packed(network)
        #expect(model.isFloat)
        let (count, size) = (12, network.inputShape.reduce(1, *))
        let (raw, batch) = images(network.inputShape, count, using: &generator)
        var pass = Pass(isTraining: false)
        let expected = network.forward(batch, pass: &pass).elements
        let found = try Engine(model).logits(samples: raw)
        let slow = (0..<count).flatMap { image in
            SlowModel(model: model).values(of: Array(raw[image * size..<(image + 1) * size]))
                .last!.reals.map { Float($0) }
        }
        // In dynamic range a code next to a tie may fall to the other side, by 1/255 of a value's
        // range; some layers make up to 1 % of the largest result of it.
        let tolerance: Float = mode == .float16 ? 1e-5 : 1e-2
        let largest = expected.map(\.magnitude).max()!
        for other in [expected, slow] {
            let errors = zip(found, other).map { abs($0 - $1) }
            #expect(errors.max()! <= tolerance * largest)
            // Most results do not see any such code.
            let median = errors.sorted()[errors.count / 2]
            #expect(median <= (mode == .float16 ? 3e-6 : 1e-3) * largest)
        }
    }

    /// Pixels `[count, channels, height, width]`, and what the network reads of them.
    private func images(
        _ shape: [Int], _ count: Int, using generator: inout SeededGenerator
    ) -> (raw: [Float], batch: Tensor) {
        let (size, channels) = (shape.reduce(1, *), shape.count == 3 ? shape[2] : 1)
        var (raw, batch) = ([Float](), Tensor(shape: [count] + shape))
        for image in 0..<count {
            let pixels = (0..<size).map { _ in Float(Int.random(in: 0...255, using: &generator)) }
            for index in 0..<size {
                let pixel = pixels[index % channels * (size / channels) + index / channels]
                batch[image * size + index] = pixel / 64 - 2
            }
            raw += pixels
        }
        return (raw, batch)
    }

    @Test(arguments: Architecture.allCases)
    func `every architecture runs, and the engine computes the same`(
        architecture: Architecture
    ) throws {
        var generator = SeededGenerator(seed: 34)
        let float = try architecture.network(
            inputShape: [32, 32, 3], classes: 10, width: 0.1, stem: .cifar, using: &generator)
        let (raw, batch) = images([32, 32, 3], 3, using: &generator)
        for mode in Mode.allCases {
            var network = try rounded(float, mode)
            var pass = Pass(isTraining: false)
            let expected = network.forward(batch, pass: &pass).elements
            let found = try Engine(packed(network)).logits(samples: raw)
            let difference = zip(found, expected).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
            let size = expected.reduce(0) { $0 + $1 * $1 }
            // In dynamic range codes next to a tie fall to either side, which layers amplify.
            #expect(
                (difference / size).squareRoot() < (mode == .float16 ? 2e-5 : 0.1), "\(mode)")
        }
    }

    @Test func `pruned weights have no place in the file, and shared ones keep few values`() throws
    {
        var generator = SeededGenerator(seed: 32)
        var linear = Linear(inputs: 40, outputs: 30)
        linear.weight.trained.value = Tensor(
            shape: [40, 30], elements: (0..<1200).map { _ in generator.normal() })
        let magnitudes = linear.weight.trained.value.elements.map(\.magnitude)
        let least = magnitudes.sorted()[900]
        linear.weight.setChain([Mask(bytes: magnitudes.map { $0 < least ? 0 : 1 })])
        linear.weight.roundToHalf()
        linear.bias.setChain([BiasQuantizer(bits: 16)])
        let network = try Network(name: "n", inputShape: [40], chain: [("fc", linear)])
        let weights = try packed(network).nodes[0].operation.layer!.weights
        #expect(weights.halves.count == 300 && weights.gaps.count == 300)
        let effective = linear.weight.effective
        var position = -1
        for (gap, half) in zip(weights.gaps, weights.halves) {
            position += Int(gap) + 1
            let (output, input) = (position / 40, position % 40)
            #expect(HalfPrecision.value(half) == effective[input * 30 + output])
        }
    }

    @Test func `a weight too large for a half is an error`() throws {
        var linear = Linear(inputs: 1, outputs: 2)
        linear.weight.trained.value = Tensor(shape: [1, 2], elements: [65_519, 65_520])
        linear.weight.roundToHalf()
        linear.bias.setChain([BiasQuantizer(bits: 16)])
        let network = try Network(name: "n", inputShape: [1], chain: [("fc", linear)])
        #expect(throws: ConversionError.notFinite(layer: "fc", what: "weights")) {
            var network = network
            network.updateEffective()
            try network.requireFiniteWeights()
        }
        #expect(
            throws: ConversionError.notFinite(layer: "fc", what: "weights in half precision")
        ) { try packed(network) }
    }

    @Test func `integer weights in floats need a quantizer of what they read`() throws {
        var generator = SeededGenerator(seed: 33)
        var network = try rounded(SampleGraph.features.network(using: &generator), .float16)
        let first = network.nodes.firstIndex { $0.layer is Linear }!
        network.updateLayer(at: first) { layer in
            layer.visitParameters { name, parameter in
                guard name == "weight" else { return }
                parameter.removeWeightQuantizer()
                parameter.quantize(with: WeightQuantizer(bits: 8, fitting: parameter.effective))
            }
        }
        #expect(
            throws: ConversionError.notQuantized(
                layer: network.nodes[first].name, what: "values that it reads")
        ) { try packed(network) }
    }
}
