import Conversion
import Networks
import PackedModel
import Quantization
import Tensors

/// Small networks in the shapes of the known ones, with random weights and statistics.
enum SampleGraph: String, CaseIterable {
    /// ResNet: two blocks, the second with a strided shortcut; average pooling and a linear layer.
    case residual
    /// EfficientNet: expansion, depthwise convolution, squeeze-and-excitation, projection, sum; SiLU.
    case invertedResidual
    /// ShuffleNetV2: padded max pooling, channel split, concatenation, shuffle, twice.
    case shuffle
    /// MixNet: depthwise kernels of two sizes side by side, batch normalization behind them, hard swish.
    case mixed
    /// Grouped, dilated and one-sidedly padded convolutions with biases; leaky ReLU and a sum through
    /// SiLU.
    case grouped
    /// Average pooling with padding, a fully convolutional end and softmax.
    case averages
    /// DenseNet: batch normalization first, concatenations of everything before.
    case dense
    /// Linear layers with batch normalization, one of it on its own; no image.
    case features

    static let classes = 6

    func network(using generator: inout SeededGenerator) throws -> Network {
        var graph = GraphMaker(shape: self == .features ? [12] : [6, 6, 4])
        switch self {
        case .residual: Self.residual(&graph)
        case .invertedResidual: Self.invertedResidual(&graph)
        case .shuffle: Self.shuffle(&graph)
        case .mixed: Self.mixed(&graph)
        case .grouped: Self.grouped(&graph)
        case .averages: Self.averages(&graph)
        case .dense: Self.dense(&graph)
        case .features: Self.features(&graph)
        }
        var network = try Network(
            name: rawValue, inputShape: graph.shapes[0], nodes: graph.nodes)
        network.randomize(using: &generator)
        return network
    }

    /// Raw samples `[channels, height, width]` and the batch that the network reads, `pixel / 64 − 2`.
    static func images(
        _ shape: [Int], _ count: Int, using generator: inout SeededGenerator
    ) -> (raw: [[Float]], batch: Tensor) {
        let size = shape.reduce(1, *)
        let channels = shape.count == 3 ? shape[2] : 1
        var raw: [[Float]] = []
        var batch = Tensor(shape: [count] + shape)
        for image in 0..<count {
            let pixels = (0..<size).map { _ in Float(Int.random(in: 0...255, using: &generator)) }
            for index in 0..<size {
                // NHWC from CHW; a vector is one channel.
                let (place, channel) = (index / channels, index % channels)
                let pixel = pixels[channel * (size / channels) + place]
                batch[image * size + index] = pixel / 64 - 2
            }
            raw.append(pixels)
        }
        return (raw, batch)
    }

    /// The network in few bits, with the numbers that its file will have.
    func rounded(
        bits: Int, scheme: ActivationScheme?, perOutput: Bool,
        using generator: inout SeededGenerator
    ) throws -> Network {
        let network = try network(using: &generator)
        let (_, calibration) = Self.images(network.inputShape, 16, using: &generator)
        var quantized = try network.quantized(
            on: calibration, bits: bits, scheme: scheme, perOutput: perOutput)
        try quantized.roundForConversion()
        return quantized
    }

    private static func residual(_ g: inout GraphMaker) {
        let stem = g.convolution(0, 8, normalized: .relu)
        let a = g.convolution(stem, 8, normalized: .relu)
        let b = g.convolution(a, 8, normalized: .identity)
        let first = g.add(Add(activation: .relu), b, stem)
        let c = g.convolution(first, 12, stride: 2, normalized: .relu)
        let d = g.convolution(c, 12, normalized: .identity)
        let shortcut = g.convolution(
            first, 12, kernel: 1, stride: 2, padding: 0, normalized: .identity)
        let sum = g.add(Add(), d, shortcut)
        head(&g, g.add(Activation(.relu), sum))
    }

    private static func invertedResidual(_ g: inout GraphMaker) {
        let stem = g.convolution(0, 8, stride: 2, normalized: .silu)
        let block = g.convolution(stem, 8, kernel: 1, padding: 0, normalized: .identity)
        let wide = g.convolution(block, 16, kernel: 1, padding: 0, normalized: .silu)
        let deep = g.convolution(wide, 16, kernel: 5, padding: 2, groups: 16, normalized: .silu)
        let mean = g.add(GlobalAveragePooling(), deep)
        let squeezed = g.add(
            Activation(.silu), g.convolution(mean, 4, kernel: 1, padding: 0, hasBias: true))
        let gate = g.add(
            Activation(.sigmoid), g.convolution(squeezed, 16, kernel: 1, padding: 0, hasBias: true))
        let gated = g.add(Multiply(), deep, gate)
        let narrow = g.convolution(gated, 8, kernel: 1, padding: 0, normalized: .identity)
        let sum = g.add(Add(), narrow, block)
        head(&g, g.convolution(sum, 16, kernel: 1, padding: 0, normalized: .silu))
    }

    private static func shuffle(_ g: inout GraphMaker) {
        let stem = g.convolution(0, 8, normalized: .relu)
        var x = g.add(MaxPooling(kernel: [3, 3], stride: [2, 2], padding: [1, 1]), stem)
        for _ in 0..<2 {
            let left = g.add(Slice(channels: 0..<4), x)
            var right = g.add(Slice(channels: 4..<8), x)
            right = g.convolution(right, 4, kernel: 1, padding: 0, normalized: .relu)
            right = g.convolution(right, 4, groups: 4, normalized: .identity)
            right = g.convolution(right, 4, kernel: 1, padding: 0, normalized: .relu)
            x = g.add(ChannelShuffle(groups: 2), g.add(Concatenation(), left, right))
        }
        head(&g, x)
    }

    private static func mixed(_ g: inout GraphMaker) {
        let stem = g.convolution(0, 12, normalized: .relu6)
        let small = g.convolution(g.add(Slice(channels: 0..<8), stem), 8, groups: 8)
        let large = g.convolution(
            g.add(Slice(channels: 8..<12), stem), 4, kernel: 5, padding: 2, groups: 4)
        let both = g.add(Concatenation(), small, large)
        let deep = g.normalization(both, .hardSwish)
        let gate = g.add(
            Activation(.hardSigmoid),
            g.convolution(
                g.add(GlobalAveragePooling(), deep), 12, kernel: 1, padding: 0, hasBias: true))
        let gated = g.add(Multiply(), deep, gate)
        head(&g, g.convolution(gated, 8, kernel: 1, padding: 0, normalized: .identity))
    }

    private static func grouped(_ g: inout GraphMaker) {
        let padded = g.add(Padding(top: 0, left: 1, bottom: 2, right: 1), 0)
        let a = g.convolution(padded, 8, padding: 0, hasBias: true, groups: 2)
        let b = g.add(Activation(.leakyReLU(slope: 0.1)), a)
        let c = g.convolution(b, 8, padding: 2, hasBias: true, groups: 4, dilation: 2)
        let sum = g.add(Add(activation: .silu), b, c)
        let padded2 = g.add(Padding(top: 1, left: 0, bottom: 0, right: 1), sum)
        let d = g.convolution(padded2, 8, stride: 2, padding: 0, normalized: .relu6)
        let e = g.add(Dropout(rate: 0.5), g.add(Flatten(), d))
        _ = g.add(Linear(inputs: g.shapes[e][0], outputs: classes), e)
    }

    private static func averages(_ g: inout GraphMaker) {
        let a = g.convolution(0, 8, hasBias: true)
        let b = g.add(Activation(.relu), g.add(MaxPooling(kernel: [2, 2], stride: [2, 2]), a))
        let c = g.add(AveragePooling(kernel: [3, 3], stride: [1, 1], padding: [1, 1]), b)
        let d = g.add(Activation(.relu), g.convolution(c, 8, hasBias: true))
        let e = g.convolution(d, classes, kernel: 1, padding: 0, hasBias: true)
        let mean = g.add(GlobalAveragePooling(), g.add(Activation(.relu), e))
        _ = g.add(Softmax(), g.add(Reshape([classes]), mean))
    }

    private static func dense(_ g: inout GraphMaker) {
        var x = 0
        for _ in 0..<2 {
            let normal = g.normalization(x, .relu)
            x = g.add(Concatenation(), x, g.convolution(normal, 4))
        }
        let pooled = g.add(
            AveragePooling(kernel: [2, 2], stride: [2, 2]),
            g.convolution(g.normalization(x, .relu), 8, kernel: 1, padding: 0))
        head(&g, g.normalization(pooled, .relu))
    }

    private static func features(_ g: inout GraphMaker) {
        let a = g.normalization(g.add(Linear(inputs: 12, outputs: 16), 0), .hardSwish)
        let b = g.normalization(a, .identity)
        let c = g.add(Linear(inputs: 16, outputs: 16), b)
        let sum = g.add(Add(activation: .relu), c, a)
        _ = g.add(Softmax(), g.add(Linear(inputs: 16, outputs: classes), sum))
    }

    /// Global average, flattened, and a linear layer.
    private static func head(_ g: inout GraphMaker, _ x: Int) {
        let mean = g.add(Flatten(), g.add(GlobalAveragePooling(), x))
        _ = g.add(Linear(inputs: g.shapes[mean][0], outputs: classes), mean)
    }
}

/// Puts layers into a graph and numbers them.
struct GraphMaker {
    private(set) var nodes: [Network.Node] = []
    /// Of the input and then of each node's output.
    private(set) var shapes: [[Int]]

    init(shape: [Int]) { shapes = [shape] }

    /// Returns the value that the layer makes.
    mutating func add(_ layer: any Layer, _ inputs: Int...) -> Int {
        let name = "\(type(of: layer).kind)-\(nodes.count + 1)"
        shapes.append(try! layer.outputShape(of: inputs.map { shapes[$0] }))
        nodes.append(Network.Node(name: name, inputs: inputs, layer: layer))
        return nodes.count
    }

    mutating func convolution(
        _ input: Int, _ outputs: Int, kernel: Int = 3, stride: Int = 1, padding: Int = 1,
        hasBias: Bool = false, groups: Int = 1, dilation: Int = 1,
        normalized function: ActivationFunction? = nil
    ) -> Int {
        let shape = shapes[input]
        let convolution = Convolution(
            ConvolutionGeometry(
                height: shape[0], width: shape[1], channels: shape[2], outputs: outputs,
                kernel: [kernel, kernel], stride: [stride, stride], padding: [padding, padding],
                dilation: [dilation, dilation], groups: groups), hasBias: hasBias)
        let output = add(convolution, input)
        return function.map { normalization(output, $0) } ?? output
    }

    mutating func normalization(_ input: Int, _ function: ActivationFunction) -> Int {
        add(BatchNormalization(channels: shapes[input].last!, activation: function), input)
    }
}

extension Network {
    /// Weights as `initialize` makes them; biases, scales and statistics at random, some scales
    /// negative and one zero.
    mutating func randomize(using generator: inout SeededGenerator) {
        initialize(using: &generator)
        for index in nodes.indices {
            let normalizes = nodes[index].layer is BatchNormalization
            updateLayer(at: index) { layer in
                layer.visitParameters { name, parameter in
                    guard parameter.trained.value.shape.count == 1 else { return }
                    for i in 0..<parameter.trained.value.count {
                        parameter.trained.value[i] =
                            normalizes && name == "weight"
                            ? (i == 1
                                ? 0
                                : (i % 3 == 2 ? -1 : 1)
                                    * Float.random(
                                        in: 0.5...1.5, using: &generator))
                            : 0.3 * generator.normal()
                    }
                }
                guard var normalization = layer as? BatchNormalization else { return }
                for i in 0..<normalization.channels {
                    normalization.runningMean[i] = 0.3 * generator.normal()
                    normalization.runningVariance[i] = Float.random(in: 0.3...2, using: &generator)
                }
                layer = normalization
            }
        }
    }

    /// With weights of some bits, and quantizers of activations where they belong, fitted to a batch.
    func quantized(
        on batch: Tensor, bits: Int, scheme: ActivationScheme? = nil, perOutput: Bool = false
    ) throws -> Network {
        var network = try separatingFunctions()
        for index in network.nodes.indices {
            let layer = network.nodes[index].layer
            guard layer is Linear || layer is Convolution else { continue }
            network.updateLayer(at: index) { layer in
                layer.visitParameters { name, parameter in
                    if name == "bias" { return parameter.setChain([BiasQuantizer(bits: 8)]) }
                    parameter.quantize(
                        with: perOutput
                            ? WeightQuantizer(
                                bits: bits, fittingEachOutputOf: parameter.effective,
                                initialization: .lsqPlus)
                            : WeightQuantizer(
                                bits: bits, fitting: parameter.effective,
                                initialization: .lsqPlus))
                }
            }
        }
        let layers = Dictionary(uniqueKeysWithValues: network.nodes.map { ($0.name, bits) })
        let placement = QuantizerPlacement(network, bits: .init(layers: layers, input: 8))
        var floats = network
        var pass = Pass(isTraining: false)
        _ = floats.forward(batch, pass: &pass)
        return try placement.network(
            with: placement.sites.map { site in
                let sample = floats.activation(site.value).elements
                var quantizer = ActivationQuantizer(
                    bits: site.bits,
                    scheme: site.role == .layer
                        ? scheme ?? .fitting(sample, allowsSigned: false)
                        : .fitting(sample, allowsSigned: site.role == .residual))
                quantizer.place(
                    on: MinMaxCalibration().grid(
                        for: ActivationStatistics(of: sample), bits: site.bits,
                        scheme: quantizer.scheme))
                return quantizer
            })
    }

    /// What it converts to, for the pixels of `SampleGraph.images`; with all channels as they are, unless
    /// `arrangesChannels`.
    func packed(arrangesChannels: Bool = false) throws -> PackedModel {
        let channels = inputShape.count == 3 ? inputShape[2] : 1
        let normalization = InputNormalization(
            pixelScale: 1 / 64, mean: Array(repeating: 2, count: channels),
            deviation: Array(repeating: 1, count: channels))
        return arrangesChannels
            ? try PackedModel(converting: self, normalization: normalization, classNames: [])
            : try PackedModel(
                convertingAsItIs: self, normalization: normalization, classNames: [])
    }
}
