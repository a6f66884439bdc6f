import Conversion
import Inference
import Networks
import Quantization
import Tensors
import Testing

/// Networks computed exactly, beside the integers that define what engines compute and beside the
/// forward pass of training.
struct ExactNetworkTests {
    private static let samples = 40

    private func compare(
        _ graph: SampleGraph, bits: Int, scheme: ActivationScheme?, perOutput: Bool
    ) throws {
        var generator = SeededGenerator(seed: UInt64(bits))
        var network = try graph.rounded(
            bits: bits, scheme: scheme, perOutput: perOutput, using: &generator)
        let (raw, batch) = SampleGraph.images(network.inputShape, Self.samples, using: &generator)
        let exact = try #require(ExactNetwork(network)).outputs(for: batch)
        var pass = Pass(isTraining: false)
        let floats = network.forward(batch, pass: &pass).elements.map(Double.init)
        let interpreter = try ReferenceInterpreter(network.packed())
        var nearFloats = 0
        for (image, sample) in raw.enumerated() {
            let row = image * SampleGraph.classes..<(image + 1) * SampleGraph.classes
            let expected = interpreter.logits(of: sample)
            let size = expected.map(abs).max()!
            // One code more or less in one of the layers would be some percent.
            for (a, b) in zip(exact[row], expected) {
                #expect(abs(a - b) < 1e-5 * size, "\(graph), \(bits) bits, image \(image)")
            }
            let isNear = zip(exact[row], floats[row]).allSatisfy { abs($0 - $1) < 1e-4 * size }
            if isNear { nearFloats += 1 }
        }
        #expect(Double(nearFloats) >= 0.9 * Double(Self.samples), "\(graph), \(bits) bits")
    }

    @Test(arguments: SampleGraph.allCases, [2, 4, 8])
    func `the engine computes the same`(graph: SampleGraph, bits: Int) throws {
        try compare(graph, bits: bits, scheme: nil, perOutput: bits == 4)
    }

    @Test(arguments: ActivationScheme.allCases)
    func `for every placing of the grid`(scheme: ActivationScheme) throws {
        for graph in [SampleGraph.invertedResidual, .grouped, .averages] {
            try compare(graph, bits: 3, scheme: scheme, perOutput: false)
        }
    }

    /// What it is there for: long sums in `Float` put some values on the other side of a border.
    @Test
    func `sums in Float change codes that are the engine's here`() throws {
        let samples = 400
        var generator = SeededGenerator(seed: 5)
        var layers: [(name: String, layer: any Layer)] = []
        for (inputs, outputs) in [(2000, 64), (64, SampleGraph.classes)] {
            var linear = Linear(inputs: inputs, outputs: outputs)
            for index in 0..<inputs * outputs {
                linear.weight.trained.value[index] = generator.normal()
            }
            layers.append(("linear\(inputs)", linear))
        }
        var network = try Network(name: "long", inputShape: [2000], chain: layers)
        let (_, calibration) = SampleGraph.images([2000], 16, using: &generator)
        network = try network.quantized(on: calibration, bits: 8)
        let (raw, batch) = SampleGraph.images([2000], samples, using: &generator)
        let exact = try #require(ExactNetwork(network)).outputs(for: batch)
        var pass = Pass(isTraining: false)
        let floats = network.forward(batch, pass: &pass).elements.map(Double.init)
        let interpreter = try ReferenceInterpreter(network.packed())
        var others = 0
        for (image, sample) in raw.enumerated() {
            let row = image * SampleGraph.classes..<(image + 1) * SampleGraph.classes
            let expected = interpreter.logits(of: sample)
            let size = expected.map(abs).max()!
            func isSame(_ logits: ArraySlice<Double>) -> Bool {
                zip(logits, expected).allSatisfy { abs($0 - $1) < 1e-5 * size }
            }
            #expect(isSame(exact[row]), "image \(image)")
            if !isSame(floats[row]) { others += 1 }
        }
        #expect(others > 0)
    }

    /// 8 bits each and 2,000 inputs that are all large: sums of up to 2²⁶.
    @Test
    func `sums beyond Float are exact, too`() throws {
        var linear = Linear(inputs: 2000, outputs: 3)
        for index in 0..<6000 { linear.weight.trained.value[index] = Float(127 - index % 7) }
        linear.weight.quantize(with: WeightQuantizer(bits: 8, step: 1, weightCount: 6000))
        let quantizer = ActivationQuantizer(bits: 8, scheme: .unsignedSymmetric, step: 1)
        let layers: [(name: String, layer: any Layer)] = [
            ("quantizer", quantizer), ("linear", linear),
        ]
        let network = try Network(name: "wide", inputShape: [2000], chain: layers)
        let codes = (0..<2000).map { 255 - $0 % 5 }
        let x = Tensor(shape: [1, 2000], elements: codes.map { Float($0) })
        var expected = [0.0, 0, 0]
        for index in 0..<6000 {
            let weight = 127 - index % 7
            expected[index % 3] += Double(weight * codes[index / 3])
        }
        #expect(expected.allSatisfy { $0 > 0x1p24 })
        #expect(try #require(ExactNetwork(network)).outputs(for: x) == expected)
    }

    /// The rests of weights by 16 add up to more than 2²⁴ themselves, and to odd numbers.
    @Test
    func `sums whose parts are beyond Float are exact, too`() throws {
        let inputs = 8001
        var linear = Linear(inputs: inputs, outputs: 3)
        for index in 0..<3 * inputs { linear.weight.trained.value[index] = Float(127 - index % 3) }
        linear.weight.quantize(with: WeightQuantizer(bits: 8, step: 1, weightCount: 3 * inputs))
        let quantizer = ActivationQuantizer(bits: 8, scheme: .unsignedSymmetric, step: 1)
        let layers: [(name: String, layer: any Layer)] = [
            ("quantizer", quantizer), ("linear", linear),
        ]
        let network = try Network(name: "wide", inputShape: [inputs], chain: layers)
        let codes = (0..<inputs).map { 255 - $0 % 5 }
        let x = Tensor(shape: [1, inputs], elements: codes.map { Float($0) })
        let sum = codes.reduce(0, +)
        #expect(15 * sum > 1 << 24 && sum % 2 == 1)
        let expected = [127, 126, 125].map { Double($0 * sum) }
        #expect(try #require(ExactNetwork(network)).outputs(for: x) == expected)
    }

    @Test
    func `codes pass an identity`() throws {
        var linear = Linear(inputs: 2, outputs: 1)
        linear.weight.trained.value[0] = 3
        linear.weight.trained.value[1] = -1
        linear.weight.quantize(with: WeightQuantizer(bits: 4, step: 1, weightCount: 2))
        let layers: [(name: String, layer: any Layer)] = [
            ("quantizer", ActivationQuantizer(bits: 4, scheme: .unsignedSymmetric, step: 0.5)),
            ("identity", Activation(.identity)), ("linear", linear),
        ]
        let network = try Network(name: "identity", inputShape: [2], chain: layers)
        let x = Tensor(shape: [1, 2], elements: [1.1, 2.2])
        #expect(try #require(ExactNetwork(network)).outputs(for: x) == [1])
    }

    @Test
    func `weights without a step have none`() throws {
        var generator = SeededGenerator(seed: 1)
        #expect(ExactNetwork(try SampleGraph.residual.network(using: &generator)) == nil)
    }
}

extension ReferenceInterpreter {
    fileprivate func logits(of sample: [Float]) -> [Double] {
        trace(samples: sample).logits.map(Double.init)
    }
}
