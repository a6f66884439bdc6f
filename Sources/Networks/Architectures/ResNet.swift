import Tensors

/// Residual networks (He et al. 2016), with the names of torchvision's.
///
/// A stage has twice the channels of the one before it at half the resolution. Where the shape
/// changes, the shortcut is a 1×1 convolution with batch normalization (option B). Channels are scaled
/// to the nearest whole number.
struct ResNet {
    /// Blocks in each stage.
    let blocks: [Int]
    /// Of the first stage. With 16 it is a network for CIFAR, and begins with a 3×3 convolution.
    var channels = 64
    /// Blocks of 1×1, 3×3 and 1×1 convolutions, the last with four times the channels, instead of
    /// blocks of two 3×3 convolutions.
    var isBottleneck = false

    func add(to graph: inout GraphBuilder, _ options: ArchitectureOptions) throws(NetworkError) {
        let activation = options.activation ?? .relu
        var x = try addStem(to: &graph, options)
        for (stage, count) in blocks.enumerated() {
            for block in 0..<count {
                x = try addBlock(
                    "layer\(stage + 1).\(block)", x, to: &graph,
                    channels: options.scaled(channels << stage),
                    stride: stage > 0 && block == 0 ? 2 : 1, activation)
            }
        }
        x = try graph.pooledFeatures(x)
        x = try graph.dropout("dropout", x, rate: options.dropout)
        _ = try graph.linear("fc", x, outputs: options.classes)
    }

    private func addStem(
        to graph: inout GraphBuilder, _ options: ArchitectureOptions
    ) throws(NetworkError) -> GraphBuilder.Value {
        let isSmall = channels == 16 || options.stem == .cifar
        var x = try graph.convolution(
            "conv1", GraphBuilder.input, outputs: options.scaled(channels),
            kernel: isSmall ? 3 : 7, stride: isSmall ? 1 : 2)
        x = try graph.normalization("bn1", x, options.activation ?? .relu)
        if isSmall { return x }
        let pooling = MaxPooling(kernel: [3, 3], stride: [2, 2], padding: [1, 1])
        return try graph.add("maxpool", pooling, to: x)
    }

    private func addBlock(
        _ name: String, _ x: GraphBuilder.Value, to graph: inout GraphBuilder, channels: Int,
        stride: Int, _ activation: ActivationFunction
    ) throws(NetworkError) -> GraphBuilder.Value {
        // Outputs, kernel and stride of each convolution.
        let convolutions =
            isBottleneck
            ? [(channels, 1, 1), (channels, 3, stride), (4 * channels, 1, 1)]
            : [(channels, 3, stride), (channels, 3, 1)]
        var y = x
        for (index, (outputs, kernel, stride)) in convolutions.enumerated() {
            y = try graph.convolution(
                "\(name).conv\(index + 1)", y, outputs: outputs, kernel: kernel, stride: stride)
            let isLast = index == convolutions.count - 1
            y = try graph.normalization(
                "\(name).bn\(index + 1)", y, isLast ? .identity : activation)
        }
        var shortcut = x
        let outputs = graph.channels(of: y)
        if stride > 1 || graph.channels(of: x) != outputs {
            shortcut = try graph.convolution(
                "\(name).downsample.0", x, outputs: outputs, kernel: 1, stride: stride)
            shortcut = try graph.normalization("\(name).downsample.1", shortcut)
        }
        return try graph.add("\(name).add", Add(activation: activation), to: y, shortcut)
    }
}
