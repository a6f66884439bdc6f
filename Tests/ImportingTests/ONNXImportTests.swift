import Foundation
import Importing
import Networks
import Tensors
import Testing

@Suite struct ONNXImportTests {
    @Test(arguments: ONNXFixture.all)
    func `an imported network computes what ONNX Runtime does`(fixture: ONNXFixture) throws {
        var network = try Network(onnx: fixture.path)
        var pass = Pass(isTraining: false)
        let output = network.forward(try ONNXFixture.input(network.inputShape), pass: &pass)
        let expected = try fixture.output()
        try #require(output.shape == expected.shape)
        // Sums of floats in another order.
        #expect(relativeError(output, expected) < 1e-4)
    }

    @Test func `every family is there from both exporters`() {
        for family in [
            "lenet5", "alexnet", "vgg16", "resnet18", "resnet50", "resnet20", "resnet56",
            "mobilenetv2", "shufflenetv2", "efficientnetb0", "efficientnetb0timm", "mixnets",
            "mixnetstf", "idioms",
        ] {
            for exporter in ["ts", "dynamo"] {
                #expect(
                    ONNXFixture.all.contains { $0.name.hasPrefix("\(family)-\(exporter)-") },
                    "\(family) from \(exporter)")
            }
        }
        #expect(ONNXFixture.all.contains { $0.name.hasPrefix("resnet34-") })
    }

    @Test(arguments: ["resnet18-ts-13", "resnet18-dynamo-18", "resnet18-dynamo-18-bn-fixed"])
    func `layers have the names of PyTorch's modules`(name: String) throws {
        let network = try Network(onnx: ONNXFixture.named(name).path)
        let weighted = network.nodes.filter { $0.layer is Convolution || $0.layer is Linear }
            .map(\.name)
        #expect(
            weighted.prefix(4) == [
                "conv1", "layer1.0.conv1", "layer1.0.conv2", "layer1.1.conv1",
            ])
        #expect(weighted.contains("layer2.0.downsample.0"))
        #expect(weighted.last == "fc")
        #expect(network.name == name)
        #expect(network.inputShape == [64, 64, 3])
    }

    @Test func `batch norms take the activation functions behind them`() throws {
        let network = try Network(onnx: ONNXFixture.named("resnet18-dynamo-18-bn-fixed").path)
        let norms = network.nodes.compactMap { $0.layer as? BatchNormalization }
        #expect(norms.count == 20)
        #expect(norms.count { $0.activation == .relu } == 9)
        let sums = network.nodes.compactMap { $0.layer as? Add }
        #expect(sums.count == 8 && sums.allSatisfy { $0.activation == .relu })
        #expect(!network.nodes.contains { $0.layer is Activation })
        // The exporter writes biases of zeros in front of batch norms.
        #expect(
            network.nodes.compactMap { $0.layer as? Convolution }.allSatisfy { $0.bias == nil })
    }

    @Test(arguments: ["efficientnetb0-ts-13-bn", "efficientnetb0-dynamo-18"])
    func `a sigmoid times its input is SiLU`(name: String) throws {
        let network = try Network(onnx: ONNXFixture.named(name).path)
        var functions = network.nodes.compactMap { ($0.layer as? Activation)?.function }
        functions += network.nodes.compactMap { ($0.layer as? BatchNormalization)?.activation }
        // 33 convolutions with SiLU and one in each of 16 gates; the gates end in a sigmoid.
        #expect(functions.count { $0 == .silu } == 49)
        #expect(functions.count { $0 == .sigmoid } == 16)
        #expect(network.nodes.count { $0.layer is Multiply } == 16)
    }

    @Test(
        arguments: [
            "shufflenetv2-ts-13", "shufflenetv2-ts-17-bn-fixed", "shufflenetv2-dynamo-18",
            "shufflenetv2-dynamo-18-bn",
        ])
    func `reshape, transpose, reshape is a channel shuffle`(name: String) throws {
        let network = try Network(onnx: ONNXFixture.named(name).path)
        let shuffles = network.nodes.compactMap { $0.layer as? ChannelShuffle }
        #expect(shuffles.map(\.groups) == [Int](repeating: 2, count: 16))
        #expect(network.nodes.count { $0.layer is Slice } == 26)
        #expect(!network.nodes.contains { $0.layer is Reshape })
    }

    @Test(arguments: [
        "idioms-ts-13", "idioms-ts-17-bn-values", "idioms-dynamo-18", "idioms-dynamo-21-bn",
    ])
    func `functions written as several operations are recognised`(name: String) throws {
        let network = try Network(onnx: ONNXFixture.named(name).path)
        var functions = network.nodes.compactMap { ($0.layer as? Activation)?.function }
        functions += network.nodes.compactMap { ($0.layer as? BatchNormalization)?.activation }
        #expect(functions.count { $0 == .hardSwish } == 3)
        #expect(functions.count { $0 == .hardSigmoid } == 1)
        #expect(functions.contains(.leakyReLU(slope: 0.1)))
        #expect(functions.contains(.clip(lowest: -1.5, highest: 1.5)))
        #expect(network.nodes.count { $0.layer is GlobalAveragePooling } == 2)
        #expect(network.nodes.count { $0.layer is ChannelShuffle } == 1)
        #expect(network.nodes.count { $0.layer is Convolution } == 5)
    }

    @Test func `pads that differ become a layer, equal ones part of the convolution`() throws {
        let network = try Network(onnx: ONNXFixture.named("mixnetstf-dynamo-18").path)
        let pads = network.nodes.compactMap { $0.layer as? Padding }
        #expect(!pads.isEmpty)
        #expect(pads.allSatisfy { $0.top == 0 && $0.left == 0 && $0.bottom + $0.right > 0 })
    }

    @Test func `the same file gives the same network twice`() throws {
        let path = ONNXFixture.named("mobilenetv2-ts-13").path
        let (first, second) = (try Network(onnx: path), try Network(onnx: path))
        #expect(first.nodes.map(\.name) == second.nodes.map(\.name))
        #expect(Set(first.nodes.map(\.name)).count == first.nodes.count)
    }
}
