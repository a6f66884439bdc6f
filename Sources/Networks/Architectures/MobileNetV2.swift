import Tensors

/// Inverted residuals with linear bottlenecks (Sandler et al. 2018), as in torchvision. Channels are
/// multiples of 8; the last convolution has no fewer outputs than at a width of 1.
struct MobileNetV2 {
    /// Table 2 of the paper: expansion, channels, blocks, and stride of the first block.
    static let stages = [
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
        (6, 320, 1, 1),
    ]

    func add(to graph: inout GraphBuilder, _ options: ArchitectureOptions) throws(NetworkError) {
        let activation = options.activation ?? .relu6
        let isSmall = options.stem == .cifar
        var x = try graph.normalizedConvolution(
            "features.0", GraphBuilder.input, outputs: options.divisible(32), kernel: 3,
            stride: isSmall ? 1 : 2, activation)
        var index = 1
        for (stage, (expansion, channels, blocks, stride)) in Self.stages.enumerated() {
            for block in 0..<blocks {
                // The second halving of the resolution is at the second stage.
                let strides = block == 0 && !(isSmall && stage == 1)
                x = try addBlock(
                    "features.\(index)", x, to: &graph, expansion: expansion,
                    outputs: options.divisible(channels), stride: strides ? stride : 1, activation)
                index += 1
            }
        }
        let features = max(1280, options.divisible(1280))
        x = try graph.normalizedConvolution(
            "features.\(index)", x, outputs: features, kernel: 1, activation)
        x = try graph.pooledFeatures(x)
        x = try graph.dropout("classifier.0", x, rate: options.dropout)
        _ = try graph.linear("classifier.1", x, outputs: options.classes)
    }

    private func addBlock(
        _ name: String, _ x: GraphBuilder.Value, to graph: inout GraphBuilder, expansion: Int,
        outputs: Int, stride: Int, _ activation: ActivationFunction
    ) throws(NetworkError) -> GraphBuilder.Value {
        let inputs = graph.channels(of: x)
        var (y, index) = (x, 0)
        if expansion > 1 {
            y = try graph.normalizedConvolution(
                "\(name).conv.0", y, outputs: inputs * expansion, kernel: 1, activation)
            index = 1
        }
        y = try graph.normalizedConvolution(
            "\(name).conv.\(index)", y, outputs: inputs * expansion, kernel: 3, stride: stride,
            groups: inputs * expansion, activation)
        y = try graph.convolution("\(name).conv.\(index + 1)", y, outputs: outputs, kernel: 1)
        y = try graph.normalization("\(name).conv.\(index + 2)", y)
        guard stride == 1 && inputs == outputs else { return y }
        return try graph.add("\(name).add", Add(), to: y, x)
    }
}
