import Conversion
import Inference
import Networks
import PackedModel
import Quantization
import Tensors
import Testing

/// Networks with fake quantization beside what they convert to: the same codes, but for ties.
struct GraphConversionTests {
    private static let samples = 20

    /// The activation of an image in the order of channels, height and width.
    private func channelsFirst(_ activation: Tensor, image: Int) -> [Float] {
        let shape = Array(activation.shape.dropFirst())
        let size = shape.reduce(1, *)
        let channels = shape.count == 3 ? shape[2] : 1
        return (0..<size).map { index in
            let (channel, place) = (index / (size / channels), index % (size / channels))
            return activation[image * size + place * channels + channel]
        }
    }

    /// The packed value that has the codes of a quantizer of the network: that of its own name, or
    /// else of the next node before it that became one.
    private func packedValue(of node: Network.Node, _ network: Network, _ model: PackedModel) -> Int
    {
        var node = node
        while true {
            if let index = model.nodes.firstIndex(where: { $0.name == node.name }) {
                return index + 1
            }
            guard node.inputs[0] > 0 else { return 0 }
            node = network.nodes[node.inputs[0] - 1]
        }
    }

    private func expectAgreement(
        _ graph: SampleGraph, bits: Int, scheme: ActivationScheme? = nil, perOutput: Bool = false,
        at location: SourceLocation = #_sourceLocation
    ) throws {
        var generator = SeededGenerator(seed: UInt64(bits))
        var network = try graph.rounded(
            bits: bits, scheme: scheme, perOutput: perOutput, using: &generator)
        let model = try network.packed()
        let (raw, batch) = SampleGraph.images(network.inputShape, Self.samples, using: &generator)
        var pass = Pass(isTraining: false)
        let logits = network.forward(batch, pass: &pass)
        // In real numbers, and in the integers that define what engines compute.
        let (slow, integers) = (SlowModel(model: model), try ReferenceInterpreter(model))
        var (reals, codes) = (Comparison(name: "reals"), Comparison(name: "integers"))
        for (image, sample) in raw.enumerated() {
            let values = slow.values(of: sample)
            let trace = integers.trace(samples: sample)
            for (index, node) in network.nodes.enumerated() {
                guard let quantizer = node.layer as? ActivationQuantizer else { continue }
                let value = packedValue(of: node, network, model)
                let grid = quantizer.grid
                let expected = channelsFirst(network.activation(index + 1), image: image).map {
                    Int32((($0 - grid.offset) / grid.step).rounded())
                }
                reals.add(values[value].codes, expected)
                codes.add(trace.codes[value], expected)
            }
            let row = (0..<SampleGraph.classes).map { logits[image * SampleGraph.classes + $0] }
            reals.add(classOf: values[values.count - 1].reals.map(Float.init), row)
            codes.add(classOf: trace.logits, row)
        }
        for found in [reals, codes] {
            #expect(
                found.isAgreement(of: Self.samples), "\(graph): \(found)", sourceLocation: location)
        }
    }

    /// Counts of codes and classes that agree.
    private struct Comparison: CustomStringConvertible {
        let name: String
        /// Codes that differ by one, and by more.
        var near = 0
        var far = 0
        var count = 0
        var classes = 0

        mutating func add(_ found: [Int32], _ expected: [Int32]) {
            count += expected.count
            if found.count != expected.count { far += expected.count }
            for (a, b) in zip(found, expected) where a != b {
                if abs(a - b) == 1 { near += 1 } else { far += 1 }
            }
        }

        mutating func add(classOf found: [Float], _ expected: [Float]) {
            let largest = found.indices.max { found[$0] < found[$1] }
            if largest == expected.indices.max(by: { expected[$0] < expected[$1] }) { classes += 1 }
        }

        func isAgreement(of samples: Int) -> Bool {
            Double(near + far) <= 0.001 * Double(count) && Double(far) <= 0.0001 * Double(count)
                && Double(classes) >= 0.995 * Double(samples)
        }

        var description: String {
            "\(name): \(near) + \(far) of \(count) codes differ, \(classes) classes agree"
        }
    }

    @Test(arguments: SampleGraph.allCases, [4, 8])
    func `a converted graph computes what its fake quantization computes`(
        graph: SampleGraph, bits: Int
    ) throws {
        try expectAgreement(graph, bits: bits)
    }

    @Test(arguments: ActivationScheme.allCases)
    func `a converted graph agrees for every placing of the grid`(
        scheme: ActivationScheme
    ) throws {
        try expectAgreement(.invertedResidual, bits: 3, scheme: scheme)
        try expectAgreement(.grouped, bits: 3, scheme: scheme)
    }

    @Test(arguments: [SampleGraph.residual, .grouped, .features])
    func `a converted graph agrees with a step for each output`(graph: SampleGraph) throws {
        try expectAgreement(graph, bits: 4, perOutput: true)
    }
}
