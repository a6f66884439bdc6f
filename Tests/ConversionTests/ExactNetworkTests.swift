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
        var network = try graph.network(using: &generator)
        let (_, calibration) = SampleGraph.images(network.inputShape, 16, using: &generator)
        network = try network.quantized(
            on: calibration, bits: bits, scheme: scheme, perOutput: perOutput)
        try network.roundForConversion()
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
