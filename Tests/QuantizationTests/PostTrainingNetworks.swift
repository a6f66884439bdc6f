import Networks
import Quantization
import Tensors

/// Small networks with random weights, and statistics as after a training that went astray.
struct PostTrainingNetworks {
    var generator: SeededGenerator

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func random(_ shape: [Int], scale: Float = 1) -> Tensor {
        Tensor(
            shape: shape,
            elements: (0..<shape.reduce(1, *)).map { _ in scale * generator.normal() })
    }

    mutating func convolution(
        _ channels: Int, _ outputs: Int, kernel: Int = 3, groups: Int = 1, size: Int = 6,
        hasBias: Bool = false
    ) -> Convolution {
        var layer = Convolution(
            ConvolutionGeometry(
                height: size, width: size, channels: channels, outputs: outputs,
                kernel: [kernel, kernel], stride: [1, 1], padding: [kernel / 2, kernel / 2],
                groups: groups), hasBias: hasBias)
        let shape = layer.geometry.weightShape
        layer.weight.trained.value = random(shape, scale: 0.3)
        // Channels of very different ranges.
        layer.weight.trained.value.withUnsafeMutableElements { weights in
            for index in weights.indices { weights[index] *= Float(1 + index % outputs % 5) }
        }
        if hasBias { layer.bias!.trained.value = random([outputs]) }
        return layer
    }

    mutating func normalization(
        _ channels: Int, _ activation: ActivationFunction = .identity
    ) -> BatchNormalization {
        var layer = BatchNormalization(channels: channels, activation: activation)
        layer.weight.trained.value = random([channels])
        layer.bias.trained.value = random([channels], scale: 0.5)
        layer.runningMean = random([channels], scale: 0.5)
        let deviations = random([channels]).elements
        layer.runningVariance = Tensor(
            shape: [channels], elements: deviations.map { 0.2 + $0 * $0 })
        return layer
    }

    mutating func linear(_ inputs: Int, _ outputs: Int) -> Linear {
        var layer = Linear(inputs: inputs, outputs: outputs)
        layer.weight.trained.value = random([inputs, outputs], scale: 0.2)
        layer.bias.trained.value = random([outputs])
        return layer
    }

    /// A depthwise-separable block, a grouped convolution with a bias, and linear layers.
    mutating func separable() throws -> Network {
        try Network(
            name: "separable", inputShape: [6, 6, 4],
            chain: [
                ("expand", convolution(4, 8, kernel: 1)), ("bn1", normalization(8, .relu)),
                ("depthwise", convolution(8, 8, groups: 8)), ("bn2", normalization(8, .relu)),
                ("project", convolution(8, 6, kernel: 1)), ("bn3", normalization(6)),
                ("grouped", convolution(6, 9, groups: 3, hasBias: true)),
                ("leaky", Activation(.leakyReLU(slope: 0.1))),
                ("pool", MaxPooling(kernel: [2, 2], stride: [2, 2])), ("flatten", Flatten()),
                ("fc1", linear(81, 7)), ("relu", Activation(.relu)), ("fc2", linear(7, 3)),
            ])
    }

    /// The outputs for a batch.
    static func outputs(_ network: Network, _ images: Tensor) -> [Float] {
        var (network, pass) = (network, Pass(isTraining: false))
        return network.forward(images, pass: &pass).elements
    }
}
