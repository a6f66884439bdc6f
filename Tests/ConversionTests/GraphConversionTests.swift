import Conversion
import Networks
import PackedModel
import Quantization
import Tensors
import Testing

/// Networks with fake quantization beside what they convert to: the same codes, but for ties.
struct GraphConversionTests {
    private static let samples = 20
    private let normalization = InputNormalization(pixelScale: 1 / 64, mean: [2], deviation: [1])

    /// Raw samples `[channels, height, width]` and the batch that the network reads.
    private func images(
        _ shape: [Int], _ count: Int, using generator: inout SeededGenerator
    ) -> (raw: [[Float]], batch: Tensor) {
        let size = shape.reduce(1, *)
        let channels = shape.count == 3 ? shape[2] : 1
        var raw: [[Float]] = []
        var batch = Tensor(shape: [count] + shape)
        for image in 0..<count {
            let pixels = (0..<size).map { _ in Float(Int.random(in: 0...255, using: &generator)) }
            for index in 0..<size {
                // NHWC from CHW; a vector is one channel.
                let (place, channel) = (index / channels, index % channels)
                let pixel = pixels[channel * (size / channels) + place]
                batch[image * size + index] = pixel / 64 - 2
            }
            raw.append(pixels)
        }
        return (raw, batch)
    }

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
    private func packedValue(of node: Network.Node, _ network: Network, _ model: PackedModel) -> Int {
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
        var network = try graph.network(using: &generator)
        let (_, calibration) = images(network.inputShape, 16, using: &generator)
        network = try network.quantized(
            on: calibration, bits: bits, scheme: scheme, perOutput: perOutput)
        try network.roundForConversion()
        let model = try PackedModel(
            converting: network,
            normalization: normalization, classNames: [])
        let (raw, batch) = images(network.inputShape, Self.samples, using: &generator)
        var pass = Pass(isTraining: false)
        let logits = network.forward(batch, pass: &pass)
        let slow = SlowModel(model: model)
        var (codes, near, far, same) = (0, 0, 0, 0)
        for (image, sample) in raw.enumerated() {
            let values = slow.values(of: sample)
            for (index, node) in network.nodes.enumerated() {
                guard let quantizer = node.layer as? ActivationQuantizer else { continue }
                let found = values[packedValue(of: node, network, model)].codes
                let grid = quantizer.grid
                let expected = channelsFirst(network.activation(index + 1), image: image).map {
                    Int32((($0 - grid.offset) / grid.step).rounded())
                }
                try #require(
                    found.count == expected.count, "\(node.name)", sourceLocation: location)
                codes += found.count
                for (a, b) in zip(found, expected) where a != b {
                    if abs(a - b) == 1 { near += 1 } else { far += 1 }
                }
            }
            let row = (0..<SampleGraph.classes).map { logits[image * SampleGraph.classes + $0] }
            let result = values[values.count - 1].reals
            let largest = result.indices.max { result[$0] < result[$1] }
            if largest == row.indices.max(by: { row[$0] < row[$1] }) { same += 1 }
        }
        let about = "\(graph): \(near) + \(far) of \(codes) codes differ, \(same) classes agree"
        #expect(Double(near + far) <= 0.001 * Double(codes), "\(about)", sourceLocation: location)
        #expect(Double(far) <= 0.0001 * Double(codes), "\(about)", sourceLocation: location)
        #expect(
            Double(same) >= 0.995 * Double(Self.samples), "\(about)", sourceLocation: location)
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
