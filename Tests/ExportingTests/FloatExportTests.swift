import Exporting
import Foundation
import Importing
import Networks
import Tensors
import Testing

@Suite struct FloatExportTests {
    @Test(
        arguments: [
            "lenet5-ts-13", "alexnet-ts-17", "vgg16bn-ts-17-bn", "resnet18-dynamo-18-bn-fixed",
            "resnet50-dynamo-18", "resnet20-ts-13-bn", "mobilenetv2-ts-13",
            "shufflenetv2-dynamo-18", "efficientnetb0-ts-13-bn", "mixnetstf-dynamo-18",
            "idioms-dynamo-21-bn",
        ])
    func `what is exported and imported again is the same network`(name: String) throws {
        let network = try Network(onnx: "\(fixtureFolder)/\(name).onnx")
        let path = NSTemporaryDirectory() + "shrink-\(UUID().uuidString).onnx"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try ONNXExport(network).write(to: path)
        let again = try Network(onnx: path)
        #expect(again.inputShape == network.inputShape)
        #expect(again.weightedLayers == network.weightedLayers)
        var generator = SeededGenerator(seed: 1)
        let x = Tensor.random([2] + network.inputShape, using: &generator)
        let (found, expected) = (again.output(x), network.output(x))
        #expect(found.shape == expected.shape)
        #expect(relativeError(found.elements, expected.elements) < 1e-5)
    }

    @Test func `every layer computes the same as its operations`() throws {
        var generator = SeededGenerator(seed: 2)
        var network = try Self.everyLayer()
        network.randomize(using: &generator)
        let x = Tensor.random([2, 9, 8, 3], using: &generator)
        let expected = network.output(x)
        var slow = SlowONNX(try ONNXExport(network).model)
        let found = slow.run(x.channelsFirst())
        #expect(found.shape == expected.shape)
        #expect(relativeError(found.elements, expected.elements) < 1e-5)
        // Not only the end: each layer's values.
        for (index, node) in network.nodes.enumerated() {
            guard let value = slow.values[node.name] else { continue }
            var copy = network
            var pass = Pass(isTraining: false)
            _ = copy.forward(x, pass: &pass)
            let activation = copy.activation(index + 1)
            let hasActivation =
                (node.layer as? BatchNormalization)?.activation ?? (node.layer as? Add)?.activation
            if let hasActivation, hasActivation != .identity { continue }
            #expect(
                relativeError(value.elements, activation.channelsFirst().elements) < 1e-5,
                "\(node.name)")
        }
    }

    /// Two branches and all kinds of layers.
    private static func everyLayer() throws -> Network {
        var nodes: [Network.Node] = []
        func add(_ name: String, _ layer: any Layer, _ inputs: Int...) -> Int {
            nodes.append(.init(name: name, inputs: inputs, layer: layer))
            return nodes.count
        }
        func convolution(
            _ size: [Int], _ channels: Int, _ outputs: Int, kernel: [Int] = [3, 3],
            stride: [Int] = [1, 1], padding: [Int] = [1, 1], dilation: [Int] = [1, 1],
            groups: Int = 1, hasBias: Bool = true
        ) -> Convolution {
            Convolution(
                ConvolutionGeometry(
                    height: size[0], width: size[1], channels: channels, outputs: outputs,
                    kernel: kernel, stride: stride, padding: padding, dilation: dilation,
                    groups: groups), hasBias: hasBias)
        }
        let padded = add("pad", Padding(top: 0, left: 1, bottom: 1, right: 2), 0)
        let first = add(
            "conv1",
            convolution([10, 11], 3, 8, stride: [2, 1], padding: [1, 0], hasBias: false), padded)
        let norm = add("bn1", BatchNormalization(channels: 8, activation: .silu), first)
        let deep = add("conv2", convolution([5, 9], 8, 8, dilation: [1, 2], groups: 8), norm)
        let leaky = add("leaky", Activation(.leakyReLU(slope: 0.2)), deep)
        let grouped = add(
            "conv3", convolution([5, 7], 8, 8, kernel: [1, 2], padding: [0, 0], groups: 2), leaky)
        let pooled = add(
            "max", MaxPooling(kernel: [3, 3], stride: [1, 1], padding: [1, 1]), grouped)
        let sum = add(
            "sum", Add(activation: .clip(lowest: -0.5, highest: 1)), grouped, pooled)
        let shuffled = add("shuffle", ChannelShuffle(groups: 4), sum)
        let part = add("slice", Slice(channels: 2..<7), shuffled)
        let both = add("concat", Concatenation(), part, shuffled)
        let mean = add(
            "mean", AveragePooling(kernel: [2, 3], stride: [2, 2], padding: [1, 1]), both)
        let all = add("global", GlobalAveragePooling(), mean)
        let gate = add("gate", convolution([1, 1], 13, 13, kernel: [1, 1], padding: [0, 0]), all)
        let hard = add("hard", Activation(.hardSigmoid), gate)
        let product = add("product", Multiply(), mean, hard)
        let swish = add("swish", Activation(.hardSwish), product)
        let flat = add("flat", Flatten(), swish)
        let drop = add("drop", Dropout(rate: 0.5), flat)
        let features = add("fc1", Linear(inputs: 3 * 4 * 13, outputs: 12), drop)
        let relu = add("relu", Activation(.relu), features)
        let image = add("image", Reshape([2, 3, 2]), relu)
        let sigmoid = add("sigmoid", Activation(.sigmoid), image)
        let again = add("again", Flatten(), sigmoid)
        let last = add("fc2", Linear(inputs: 12, outputs: 5), again)
        _ = add("softmax", Softmax(), last)
        return try Network(name: "every", inputShape: [9, 8, 3], nodes: nodes)
    }

    @Test func `the same network gives the same bytes, with its metadata`() throws {
        let network = try Network(onnx: "\(fixtureFolder)/digits-ts-17.onnx")
        let metadata = ONNXExport.metadata(pixelScale: 0.0625, mean: [0.5], deviation: [2])
        let export = try ONNXExport(network, metadata: metadata)
        #expect(try export.encoded() == ONNXExport(network, metadata: metadata).encoded())
        #expect(
            export.model.metadataProps.map { [$0.key, $0.value] } == [
                ["deviation", "2.0"], ["mean", "0.5"], ["pixelScale", "0.0625"],
            ])
        #expect(export.model.opsetImport.map(\.version) == [17])
    }
}
