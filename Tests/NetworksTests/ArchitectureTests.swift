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

    /// From He et al. 2016 and the documentation of torchvision (`num_params` of the weights).
    /// ResNets for CIFAR have the paper's 0.27 and 0.85 million, here with option B.
    @Test(arguments: [
        (Architecture.lenet300x100, [28, 28, 1], 10, 266_610),
        (.lenet5, [28, 28, 1], 10, 431_080), (.digitsCNN, [8, 8, 1], 10, 71_754),
        (.resnet20, [32, 32, 3], 10, 272_474), (.resnet56, [32, 32, 3], 10, 855_770),
        (.resnet18, [224, 224, 3], 1000, 11_689_512), (.resnet34, [224, 224, 3], 1000, 21_797_672),
        (.resnet50, [224, 224, 3], 1000, 25_557_032),
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

    /// The shapes of images: 224 / 32 = 7, 32 / 32 = 1, and 32 / 8 = 4 with the small stem.
    @Test(arguments: [Architecture.resnet18, .resnet34, .resnet50])
    func `for small images keeps four times the resolution with their stem`(
        architecture: Architecture
    ) throws {
        func last(_ shape: [Int], _ stem: Architecture.Stem) throws -> Int? {
            try blank(architecture, shape, stem: stem).shapes.last { $0.count == 3 && $0[0] > 1 }?[
                0]
        }
        #expect(try last([32, 32, 3], .cifar) == 4)
        #expect(try last([64, 64, 3], .cifar) == 8)
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
