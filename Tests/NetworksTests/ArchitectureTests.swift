import Networks
import Tensors
import Testing

@Suite struct `A built-in network` {
    private func blank(
        _ architecture: Architecture, _ shape: [Int] = [32, 32, 3], classes: Int = 10,
        width: Float = 1, dropout: Float = 0, stem: Architecture.Stem = .imageNet,
        activation: ActivationFunction? = nil
    ) throws -> Network {
        try architecture.blankNetwork(
            inputShape: shape,
            ArchitectureOptions(
                classes: classes, width: width, dropout: dropout, stem: stem,
                activation: activation))
    }

    /// From the papers, and for 1000 classes from torchvision's documentation (`num_params` of the
    /// weights) and timm's model list. ResNets for CIFAR have the paper's 0.27 and 0.85 million, here
    /// with option B: two 1×1 convolutions with γ and β, 16·32 + 64 + 32·64 + 128, more.
    @Test(arguments: [
        (Architecture.lenet300x100, [28, 28, 1], 10, 266_610),
        (.lenet5, [28, 28, 1], 10, 431_080), (.digitsCNN, [8, 8, 1], 10, 71_754),
        (.resnet20, [32, 32, 3], 10, 269_722 + 2_752),
        (.resnet56, [32, 32, 3], 10, 853_018 + 2_752),
        (.resnet18, [224, 224, 3], 1000, 11_689_512),
        (.resnet34, [224, 224, 3], 1000, 21_797_672),
        (.resnet50, [224, 224, 3], 1000, 25_557_032),
        (.alexnet, [224, 224, 3], 1000, 61_100_840),
        (.vgg16, [224, 224, 3], 1000, 138_357_544),
        (.mobilenetV2, [224, 224, 3], 1000, 3_504_872),
        (.shufflenetV2, [224, 224, 3], 1000, 2_278_604),
        (.efficientnetB0, [224, 224, 3], 1000, 5_288_548),
        (.mixnetS, [224, 224, 3], 1000, 4_134_606),
    ])
    func `has the published number of parameters`(
        architecture: Architecture, shape: [Int], classes: Int, count: Int
    ) throws {
        for dropout in [0, 0.5] as [Float] {
            let network = try blank(architecture, shape, classes: classes, dropout: dropout)
            #expect(network.parameterCount == count)
            #expect(network.shapes.last == [classes])
            #expect(network.name == architecture.rawValue)
        }
    }

    @Test(arguments: [Architecture.lenet300x100, .lenet5, .digitsCNN])
    func `for small grey images runs`(architecture: Architecture) throws {
        var network = try blank(architecture, [16, 16, 1], dropout: 0.5)
        var pass = Pass(isTraining: true)
        #expect(network.forward(Tensor(shape: [2, 16, 16, 1]), pass: &pass).shape == [2, 10])
    }

    @Test(arguments: [
        ([4, 4, 1], "conv1"), ([1, 1, 1], "conv1"), ([5, 5, 1], "pool1"), ([12, 12, 1], "conv2"),
        ([12], "input"), ([2, 2], "input"), ([], "input"),
    ])
    func `that an image is too small for is an error that names the layer`(
        shape: [Int], layer: String
    ) {
        #expect {
            try blank(.lenet5, shape)
        } throws: { error in
            guard case NetworkError.shape(node: layer, _) = error else { return false }
            return true
        }
    }

    // MARK: Options

    /// By hand: 3·9·8 + 16, then 6 convolutions of 8→8, 1 of 8→16, 5 of 16→16, 1 of 16→32 and 5 of
    /// 32→32 channels with as many γ and β, two shortcuts, and 32·10 + 10.
    @Test func `of half the width has half the channels`() throws {
        func convolution(_ inputs: Int, _ outputs: Int, _ kernel: Int = 9) -> Int {
            kernel * inputs * outputs + 2 * outputs
        }
        let stages =
            6 * convolution(8, 8) + convolution(8, 16) + 5 * convolution(16, 16)
            + convolution(16, 32) + 5 * convolution(32, 32)
        let shortcuts = convolution(8, 16, 1) + convolution(16, 32, 1)
        let network = try blank(.resnet20, width: 0.5)
        #expect(network.parameterCount == convolution(3, 8) + stages + shortcuts + 32 * 10 + 10)
    }

    @Test func `has another activation function where that is asked for`() throws {
        func activations(_ network: Network) -> [ActivationFunction] {
            network.nodes.compactMap {
                switch $0.layer {
                case let layer as BatchNormalization: layer.activation
                case let layer as Add: layer.activation
                default: nil
                }
            }
        }
        let standard = activations(try blank(.resnet20))
        #expect(standard.count { $0 == .relu } == 1 + 2 * 9)
        #expect(standard.count { $0 == .identity } == 9 + 2)
        #expect(
            activations(try blank(.resnet20, activation: .silu))
                == standard.map { $0 == .relu ? .silu : $0 })
    }

    /// ShuffleNet's from torchvision's documentation; MobileNet's are what torchvision 0.29.2 has with
    /// `width_mult`, whose documentation has no narrow ones.
    @Test(
        arguments: [
            (Architecture.mobilenetV2, 0.35, 1_677_128), (.mobilenetV2, 0.5, 1_968_680),
            (.mobilenetV2, 0.75, 2_636_424), (.mobilenetV2, 1.4, 6_108_776),
            (.shufflenetV2, 0.5, 1_366_792), (.shufflenetV2, 1.5, 3_503_624),
            (.shufflenetV2, 2, 7_393_996),
        ] as [(Architecture, Float, Int)])
    func `of a published width has the published number of parameters`(
        architecture: Architecture, width: Float, count: Int
    ) throws {
        let network = try blank(architecture, [64, 64, 3], classes: 1000, width: width)
        #expect(network.parameterCount == count)
    }

    @Test(arguments: [
        Architecture.resnet18, .resnet34, .resnet50, .alexnet, .vgg16, .mobilenetV2, .shufflenetV2,
        .efficientnetB0, .mixnetS,
    ])
    func `can be narrow, wide and for small images`(architecture: Architecture) throws {
        for width in [0.1, 0.3, 1.3] as [Float] {
            for side in [32, 33, 64] {
                let network = try blank(
                    architecture, [side, side, 3], classes: 7, width: width, dropout: 0.2,
                    stem: .cifar)
                #expect(network.shapes.last == [7])
            }
        }
    }

    /// Height of the last images: a 32nd of 64 as published, an 8th with the small stem. Behind the
    /// poolings of AlexNet are 64 → 31 → 15 → 7.
    @Test(arguments: [
        (Architecture.resnet18, 2, 8), (.resnet34, 2, 8), (.resnet50, 2, 8), (.alexnet, 1, 7),
        (.vgg16, 2, 2), (.mobilenetV2, 2, 8), (.shufflenetV2, 2, 8), (.efficientnetB0, 2, 8),
        (.mixnetS, 2, 8), (.resnet20, 16, 16),
    ])
    func `keeps four times the resolution with the stem for small images`(
        architecture: Architecture, published: Int, small: Int
    ) throws {
        func last(_ stem: Architecture.Stem) throws -> Int? {
            let network = try blank(architecture, [64, 64, 3], stem: stem)
            // What is pooled over space comes behind the last image.
            return zip(network.nodes, network.shapes).reversed().first {
                $1.count == 3 && !($0.layer is GlobalAveragePooling)
            }?.1[0]
        }
        #expect(try last(.imageNet) == published)
        #expect(try last(.cifar) == small)
    }

    /// Five kernels and 6 · 24 channels: 28 each, and the 4 that remain to the first.
    @Test func `with kernels of several sizes shares all channels among them`() throws {
        let network = try blank(.mixnetS, [64, 64, 3], width: 0.2)
        let slices = network.nodes.filter { $0.name.hasPrefix("blocks.5.0.conv_dw.slice") }
        let channels = slices.compactMap { ($0.layer as? Slice)?.channels }
        #expect(channels == [0..<32, 32..<60, 60..<88, 88..<116, 116..<144])
    }

    /// A layer that nothing leads to, or that leads nowhere, would have gradients of zero.
    @Test(arguments: Architecture.allCases)
    func `trains all of its layers`(architecture: Architecture) throws {
        var generator = SeededGenerator(seed: 11)
        var network = try architecture.network(
            inputShape: [32, 32, 3], classes: 5, width: 0.15, dropout: 0.1, stem: .cifar,
            using: &generator)
        var pass = Pass(isTraining: true, generator: generator)
        let x = Tensor.random([4, 32, 32, 3], using: &generator)
        let logits = network.forward(x, pass: &pass)
        #expect(logits.shape == [4, 5])
        network.backward(Tensor.random([4, 5], using: &generator), pass: &pass)
        network.visitVariables { name, variable in
            let gradient = variable.gradient.elements
            let isFinite = gradient.allSatisfy(\.isFinite)
            let isZero = gradient.allSatisfy { $0 == 0 }
            #expect(isFinite && !isZero, "\(name)")
        }
    }

    // MARK: Initialization

    /// √(2 / fan-in), within four standard errors √(1 / 2n) of a standard deviation.
    @Test(arguments: [1, 2] as [UInt64])
    func `starts with the deviation of He et al, and biases of zero`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let network = try Architecture.lenet5.network(
            inputShape: [28, 28, 1], classes: 10, using: &generator)
        let fans = ["conv1": 25.0, "conv2": 500.0, "fc1": 800.0, "fc2": 500.0]
        expectDeviations(of: network, fans.mapValues { (2 / $0).squareRoot() }, seed)
    }

    /// Results of earlier versions stay: one number of the generator after the other.
    @Test(arguments: [Architecture.lenet300x100, .lenet5, .digitsCNN])
    func `that is a LeNet takes its weights from one stream`(architecture: Architecture) throws {
        var (generator, numbers) = (SeededGenerator(seed: 3), SeededGenerator(seed: 3))
        var network = try architecture.network(
            inputShape: [16, 16, 1], classes: 10, using: &generator)
        network.visitParameters { name, parameter in
            guard name.hasSuffix("weight") else { return }
            let shape = parameter.effective.shape
            let deviation = (2 / Float(shape.dropLast().reduce(1, *))).squareRoot()
            let expected = (0..<shape.reduce(1, *)).map { _ in numbers.normal() * deviation }
            #expect(parameter.effective.elements == expected, "\(name)")
        }
        #expect(generator == numbers)
    }

    /// √(2 / fan-out) for convolutions, √(1 / 3 fan-in) for the last layer, γ of 1, β of 0.
    @Test(arguments: [1, 2] as [UInt64])
    func `with batch normalization starts with the deviation by outputs`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let network = try Architecture.resnet20.network(
            inputShape: [32, 32, 3], classes: 10, using: &generator)
        expectDeviations(
            of: network,
            [
                "conv1": (2.0 / (9 * 16)).squareRoot(),
                "layer2.0.conv1": (2.0 / (9 * 32)).squareRoot(),
                "layer3.0.downsample.0": (2.0 / 64).squareRoot(),
                "fc": (1.0 / (3 * 64)).squareRoot(),
            ], seed)
        for case let layer as BatchNormalization in network.nodes.map(\.layer) {
            #expect(layer.weight.effective.elements.allSatisfy { $0 == 1 })
            #expect(layer.bias.effective.elements.allSatisfy { $0 == 0 })
        }
    }

    private func expectDeviations(
        of network: Network, _ expected: [String: Double], _ seed: UInt64
    ) {
        var (network, found) = (network, 0)
        network.visitParameters { name, parameter in
            let values = parameter.effective.elements.map(Double.init)
            if name.hasSuffix("bias") { #expect(values.allSatisfy { $0 == 0 }, "\(name)") }
            guard name.hasSuffix(".weight"), let expected = expected[String(name.dropLast(7))]
            else { return }
            found += 1
            let variance = values.reduce(0) { $0 + $1 * $1 } / Double(values.count)
            #expect(
                abs(variance.squareRoot() / expected - 1)
                    < 4 / Double(2 * values.count).squareRoot(), "\(name), seed \(seed)")
        }
        #expect(found == expected.count)
    }

    @Test func `starts with the same weights for the same seed only`() throws {
        func weights(_ seed: UInt64) throws -> [Tensor] {
            var generator = SeededGenerator(seed: seed)
            var network = try Architecture.resnet20.network(
                inputShape: [32, 32, 3], classes: 10, using: &generator)
            var weights: [Tensor] = []
            network.visitParameters { if $0.contains("conv") { weights.append($1.effective) } }
            return weights
        }
        let first = try weights(1)
        #expect(try weights(1) == first)
        #expect(zip(try weights(2), first).allSatisfy { $0 != $1 })
    }
}
