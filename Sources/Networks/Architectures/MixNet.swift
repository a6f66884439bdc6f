import Tensors

/// Depthwise convolutions with kernels of several sizes in one layer (Tan & Le 2019, "MixConv"),
/// MixNet-S, as in timm and with its names. Channels are multiples of 8; the last convolution has 1536
/// outputs at any width.
struct MixNet {
    struct Stage {
        /// Of the depthwise convolution: a share of the channels for each.
        var kernels: [Int]
        /// Into how many convolutions the first 1×1 convolution is cut, and the last one.
        var cuts: [Int]
        var expansion: Int
        var stride: Int
        var channels: Int
        /// Channels of the squeeze for 100 of the block's input; 0 for no squeeze-and-excitation.
        var squeeze: Int
        var activation: ActivationFunction
        var blocks: Int
    }

    /// Figure 5 of the paper behind its first block; each line is one stage or the rest of one.
    static let stages: [[Stage]] = [
        [
            Stage(
                kernels: [3], cuts: [2, 2], expansion: 6, stride: 2, channels: 24, squeeze: 0,
                activation: .relu, blocks: 1),
            Stage(
                kernels: [3], cuts: [2, 2], expansion: 3, stride: 1, channels: 24, squeeze: 0,
                activation: .relu, blocks: 1),
        ],
        [
            Stage(
                kernels: [3, 5, 7], cuts: [1, 1], expansion: 6, stride: 2, channels: 40,
                squeeze: 50, activation: .silu, blocks: 1),
            Stage(
                kernels: [3, 5], cuts: [2, 2], expansion: 6, stride: 1, channels: 40, squeeze: 50,
                activation: .silu, blocks: 3),
        ],
        [
            Stage(
                kernels: [3, 5, 7], cuts: [1, 2], expansion: 6, stride: 2, channels: 80,
                squeeze: 25, activation: .silu, blocks: 1),
            Stage(
                kernels: [3, 5], cuts: [1, 2], expansion: 6, stride: 1, channels: 80, squeeze: 25,
                activation: .silu, blocks: 2),
        ],
        [
            Stage(
                kernels: [3, 5, 7], cuts: [2, 2], expansion: 6, stride: 1, channels: 120,
                squeeze: 50, activation: .silu, blocks: 1),
            Stage(
                kernels: [3, 5, 7, 9], cuts: [2, 2], expansion: 3, stride: 1, channels: 120,
                squeeze: 50, activation: .silu, blocks: 2),
        ],
        [
            Stage(
                kernels: [3, 5, 7, 9, 11], cuts: [1, 1], expansion: 6, stride: 2, channels: 200,
                squeeze: 50, activation: .silu, blocks: 1),
            Stage(
                kernels: [3, 5, 7, 9], cuts: [1, 2], expansion: 6, stride: 1, channels: 200,
                squeeze: 50, activation: .silu, blocks: 2),
        ],
    ]

    func add(to graph: inout GraphBuilder, _ options: ArchitectureOptions) throws(NetworkError) {
        let activation = options.activation ?? .relu
        let isSmall = options.stem == .cifar
        let channels = options.divisible(16)
        var x = try graph.convolution(
            "conv_stem", GraphBuilder.input, outputs: channels, kernel: 3, stride: isSmall ? 1 : 2)
        x = try graph.normalization("bn1", x, activation)
        x = try addFirstBlock("blocks.0.0", x, to: &graph, activation)
        for (index, parts) in Self.stages.enumerated() {
            let blocks = parts.flatMap { Array(repeating: $0, count: $0.blocks) }
            for (block, var stage) in blocks.enumerated() {
                stage.channels = options.divisible(stage.channels)
                stage.activation = options.activation ?? stage.activation
                // The second halving of the resolution is at the first of these stages.
                if isSmall && index == 0 { stage.stride = 1 }
                x = try addBlock("blocks.\(index + 1).\(block)", x, to: &graph, stage)
            }
        }
        x = try graph.convolution("conv_head", x, outputs: 1536, kernel: 1)
        x = try graph.normalization("bn2", x, activation)
        x = try graph.pooledFeatures(x)
        x = try graph.dropout("dropout", x, rate: options.dropout)
        _ = try graph.linear("classifier", x, outputs: options.classes)
    }

    /// A depthwise and a 1×1 convolution.
    private func addFirstBlock(
        _ name: String, _ x: GraphBuilder.Value, to graph: inout GraphBuilder,
        _ activation: ActivationFunction
    ) throws(NetworkError) -> GraphBuilder.Value {
        let channels = graph.channels(of: x)
        var y = try graph.convolution(
            "\(name).conv_dw", x, outputs: channels, kernel: 3, groups: channels)
        y = try graph.normalization("\(name).bn1", y, activation)
        y = try graph.convolution("\(name).conv_pw", y, outputs: channels, kernel: 1)
        y = try graph.normalization("\(name).bn2", y)
        return try graph.add("\(name).add", Add(), to: y, x)
    }

    private func addBlock(
        _ name: String, _ x: GraphBuilder.Value, to graph: inout GraphBuilder, _ stage: Stage
    ) throws(NetworkError) -> GraphBuilder.Value {
        let inputs = graph.channels(of: x)
        let expanded = inputs * stage.expansion
        let ones = stage.cuts.map { Array(repeating: 1, count: $0) }
        var y = try graph.mixedConvolution(
            "\(name).conv_pw", x, outputs: expanded, kernels: ones[0])
        y = try graph.normalization("\(name).bn1", y, stage.activation)
        y = try graph.mixedConvolution(
            "\(name).conv_dw", y, outputs: expanded, kernels: stage.kernels, stride: stage.stride,
            isDepthwise: true)
        y = try graph.normalization("\(name).bn2", y, stage.activation)
        if stage.squeeze > 0 {
            y = try graph.squeezeAndExcitation(
                "\(name).se", y, squeezed: inputs * stage.squeeze / 100, stage.activation,
                reduction: "conv_reduce", expansion: "conv_expand")
        }
        y = try graph.mixedConvolution(
            "\(name).conv_pwl", y, outputs: stage.channels, kernels: ones[1])
        y = try graph.normalization("\(name).bn3", y)
        guard stage.stride == 1 && inputs == stage.channels else { return y }
        return try graph.add("\(name).add", Add(), to: y, x)
    }
}
