import Tensors

/// Half of the channels goes through a block, the other half past it, and then they are shuffled
/// (Ma et al. 2018), as in torchvision.
///
/// Widths of 0.5, 1, 1.5 and 2 are those of the paper's table 5. At others the second stage has
/// `116 · width` channels to the nearest even number, and each further one twice as many; the last
/// convolution has 1024 outputs below a width of 2.
struct ShuffleNetV2 {
    /// Blocks of the stages 2, 3 and 4.
    static let blocks = [4, 8, 4]

    static func firstChannels(_ width: Double) -> Int {
        switch width {
        case 0.5: 48
        case 1.5: 176
        case 2: 244
        default: max(2, Int((58 * width).rounded()) * 2)
        }
    }

    func add(to graph: inout GraphBuilder, _ options: ArchitectureOptions) throws(NetworkError) {
        let activation = options.activation ?? .relu
        let isSmall = options.stem == .cifar
        var x = try graph.normalizedConvolution(
            "conv1", GraphBuilder.input, outputs: 24, kernel: 3, stride: isSmall ? 1 : 2, activation
        )
        if !isSmall {
            let pooling = MaxPooling(kernel: [3, 3], stride: [2, 2], padding: [1, 1])
            x = try graph.add("maxpool", pooling, to: x)
        }
        for (stage, blocks) in Self.blocks.enumerated() {
            let outputs = Self.firstChannels(options.exactWidth) << stage
            for block in 0..<blocks {
                let name = "stage\(stage + 2).\(block)"
                x =
                    block == 0
                    ? try addHalving(name, x, to: &graph, outputs: outputs, activation)
                    : try addBlock(name, x, to: &graph, activation)
            }
        }
        x = try graph.normalizedConvolution(
            "conv5", x, outputs: options.width < 2 ? 1024 : 2048, kernel: 1, activation)
        x = try graph.pooledFeatures(x)
        x = try graph.dropout("dropout", x, rate: options.dropout)
        _ = try graph.linear("fc", x, outputs: options.classes)
    }

    /// Figure 3(c).
    private func addBlock(
        _ name: String, _ x: GraphBuilder.Value, to graph: inout GraphBuilder,
        _ activation: ActivationFunction
    ) throws(NetworkError) -> GraphBuilder.Value {
        let channels = graph.channels(of: x)
        let past = try graph.add("\(name).past", Slice(channels: 0..<channels / 2), to: x)
        let through = try graph.add(
            "\(name).through", Slice(channels: channels / 2..<channels), to: x)
        let branch = try addBranch(
            "\(name).branch2", through, to: &graph, outputs: channels / 2, stride: 1, activation)
        return try join(name, [past, branch], in: &graph)
    }

    /// Figure 3(d): both branches see all channels and halve the resolution.
    private func addHalving(
        _ name: String, _ x: GraphBuilder.Value, to graph: inout GraphBuilder, outputs: Int,
        _ activation: ActivationFunction
    ) throws(NetworkError) -> GraphBuilder.Value {
        let channels = graph.channels(of: x)
        var first = try graph.convolution(
            "\(name).branch1.0", x, outputs: channels, kernel: 3, stride: 2, groups: channels)
        first = try graph.normalization("\(name).branch1.1", first)
        first = try graph.convolution(
            "\(name).branch1.2", first, outputs: outputs / 2, kernel: 1)
        first = try graph.normalization("\(name).branch1.3", first, activation)
        let second = try addBranch(
            "\(name).branch2", x, to: &graph, outputs: outputs / 2, stride: 2, activation)
        return try join(name, [first, second], in: &graph)
    }

    private func addBranch(
        _ name: String, _ x: GraphBuilder.Value, to graph: inout GraphBuilder, outputs: Int,
        stride: Int, _ activation: ActivationFunction
    ) throws(NetworkError) -> GraphBuilder.Value {
        var y = try graph.convolution("\(name).0", x, outputs: outputs, kernel: 1)
        y = try graph.normalization("\(name).1", y, activation)
        y = try graph.convolution(
            "\(name).3", y, outputs: outputs, kernel: 3, stride: stride, groups: outputs)
        y = try graph.normalization("\(name).4", y)
        y = try graph.convolution("\(name).5", y, outputs: outputs, kernel: 1)
        return try graph.normalization("\(name).6", y, activation)
    }

    private func join(
        _ name: String, _ branches: [GraphBuilder.Value], in graph: inout GraphBuilder
    ) throws(NetworkError) -> GraphBuilder.Value {
        let joined = try graph.add("\(name).concatenation", Concatenation(), to: branches)
        return try graph.add("\(name).shuffle", ChannelShuffle(groups: 2), to: joined)
    }
}
