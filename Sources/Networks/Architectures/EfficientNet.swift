import Tensors

/// Inverted residuals with squeeze-and-excitation (Tan & Le 2019), B0, as in torchvision and without
/// stochastic depth. Channels are multiples of 8.
struct EfficientNet {
    struct Stage {
        var expansion: Int
        var kernel: Int
        var stride: Int
        var channels: Int
        var blocks: Int
    }

    /// Table 1 of the paper.
    static let stages = [
        Stage(expansion: 1, kernel: 3, stride: 1, channels: 16, blocks: 1),
        Stage(expansion: 6, kernel: 3, stride: 2, channels: 24, blocks: 2),
        Stage(expansion: 6, kernel: 5, stride: 2, channels: 40, blocks: 2),
        Stage(expansion: 6, kernel: 3, stride: 2, channels: 80, blocks: 3),
        Stage(expansion: 6, kernel: 5, stride: 1, channels: 112, blocks: 3),
        Stage(expansion: 6, kernel: 5, stride: 2, channels: 192, blocks: 4),
        Stage(expansion: 6, kernel: 3, stride: 1, channels: 320, blocks: 1),
    ]

    func add(to graph: inout GraphBuilder, _ options: ArchitectureOptions) throws(NetworkError) {
        let activation = options.activation ?? .silu
        let isSmall = options.stem == .cifar
        var x = try graph.normalizedConvolution(
            "features.0", GraphBuilder.input, outputs: options.divisible(32), kernel: 3,
            stride: isSmall ? 1 : 2, activation)
        for (index, stage) in Self.stages.enumerated() {
            for block in 0..<stage.blocks {
                // The second halving of the resolution is at the second stage.
                let strides = block == 0 && !(isSmall && index == 1)
                x = try addBlock(
                    "features.\(index + 1).\(block)", x, to: &graph, stage,
                    outputs: options.divisible(stage.channels), stride: strides ? stage.stride : 1,
                    activation)
            }
        }
        x = try graph.normalizedConvolution(
            "features.\(Self.stages.count + 1)", x, outputs: 4 * graph.channels(of: x), kernel: 1,
            activation)
        x = try graph.pooledFeatures(x)
        x = try graph.dropout("classifier.0", x, rate: options.dropout)
        _ = try graph.linear("classifier.1", x, outputs: options.classes)
    }

    private func addBlock(
        _ name: String, _ x: GraphBuilder.Value, to graph: inout GraphBuilder, _ stage: Stage,
        outputs: Int, stride: Int, _ activation: ActivationFunction
    ) throws(NetworkError) -> GraphBuilder.Value {
        let inputs = graph.channels(of: x)
        let expanded = inputs * stage.expansion
        var (y, index) = (x, 0)
        if stage.expansion > 1 {
            y = try graph.normalizedConvolution(
                "\(name).block.0", y, outputs: expanded, kernel: 1, activation)
            index = 1
        }
        y = try graph.normalizedConvolution(
            "\(name).block.\(index)", y, outputs: expanded, kernel: stage.kernel, stride: stride,
            groups: expanded, activation)
        y = try graph.squeezeAndExcitation(
            "\(name).block.\(index + 1)", y, squeezed: max(1, inputs / 4), activation,
            reduction: "fc1", expansion: "fc2")
        y = try graph.normalizedConvolution(
            "\(name).block.\(index + 2)", y, outputs: outputs, kernel: 1, .identity)
        guard stride == 1 && inputs == outputs else { return y }
        return try graph.add("\(name).add", Add(), to: y, x)
    }
}
