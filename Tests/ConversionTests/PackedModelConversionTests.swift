import Conversion
import Networks
import PackedModel
import Quantization
import Tensors
import Testing

struct PackedModelConversionTests {
    private typealias Chain = [(name: String, layer: any Layer)]

    private let normalization = InputNormalization(
        pixelScale: 1 / 255, mean: [0.25, 0.5], deviation: [2, 4])

    /// A multiple of the step for the weight at `index`; some are 0, but no input is without a weight.
    private func level(_ index: Int) -> Int {
        [2, 3, 0, -2, 1, 0, -4][(index * 5 + index / 7) % 7]
    }

    /// Weights in the layout of training, and biases 127, -50, 13, ... times 1/64.
    private func quantize(_ weight: inout Parameter, _ bias: inout Parameter, step: Float) {
        let count = weight.trained.value.count
        weight.trained.value = Tensor(
            shape: weight.trained.value.shape,
            elements: (0..<count).map { step * Float(level($0)) })
        weight.quantize(with: WeightQuantizer(bits: 4, step: step, weightCount: count))
        for index in 0..<bias.trained.value.count {
            bias.trained.value[index] = Float(biasCodes[index]) / 64
        }
        bias.setChain([BiasQuantizer(bits: 8)])
    }

    private let biasCodes: [Int16] = [127, -50, 13]

    private func linear(_ inputs: Int, _ outputs: Int, step: Float = 0.5) -> Linear {
        var layer = Linear(inputs: inputs, outputs: outputs)
        quantize(&layer.weight, &layer.bias, step: step)
        return layer
    }

    private func packedLinear(
        _ inputs: Int, _ outputs: Int, step: Float, activation: PackedActivation,
        output: PackedQuantizer?
    ) -> PackedLayer {
        var integers: [Int] = []
        for output in 0..<outputs {
            for input in 0..<inputs { integers.append(level(input * outputs + output)) }
        }
        return PackedLayer(
            weights: .slow(shape: [outputs, inputs], integers: integers, scale: step),
            bias: PackedBias(bits: 8, scale: 1 / 64, codes: Array(biasCodes.prefix(outputs))),
            activation: activation, output: output)
    }

    private func convert(_ chain: Chain, inputShape: [Int]) throws -> PackedModel {
        try PackedModel(
            convertingAsItIs: Network(name: "hand-made", inputShape: inputShape, chain: chain),
            normalization: normalization, classNames: ["left", "right"])
    }

    /// A graph that reads three features.
    private func convert(_ nodes: [Network.Node]) throws -> PackedModel {
        try PackedModel(
            convertingAsItIs: Network(name: "graph", inputShape: [3], nodes: nodes),
            normalization: normalization, classNames: [])
    }

    private let inputQuantizer = ActivationQuantizer(
        bits: 8, scheme: .unsignedAsymmetric, step: 1 / 32, offset: -1, isLearned: false)
    private let quantizer = ActivationQuantizer(bits: 4, scheme: .unsignedSymmetric, step: 0.5)

    // MARK: What becomes of a network

    @Test func `activation functions and quantizers behind pooling go to the convolution`() throws {
        // 4 × 5 × 2 images; windows, strides and paddings differ by direction.
        let geometry = ConvolutionGeometry(
            height: 4, width: 5, channels: 2, outputs: 2, kernel: [2, 3], stride: [1, 2],
            padding: [1, 0])
        var convolution = Convolution(geometry)
        quantize(&convolution.weight, &convolution.bias!, step: 0.25)
        let chain: Chain = [
            ("quantize-input", inputQuantizer), ("conv", convolution),
            ("pool", MaxPooling(kernel: [2, 1], stride: [3, 2])), ("relu1", Activation(.relu)),
            ("quantize1", quantizer), ("flatten", Flatten()), ("fc1", linear(4, 3)),
            ("relu2", Activation(.relu)),
            // A step may become negative; what counts is its size.
            (
                "quantize2",
                ActivationQuantizer(bits: 5, scheme: .signedAsymmetric, step: -0.125, offset: 1.5)
            ),
            ("dropout", Dropout(rate: 0.5)), ("fc2", linear(3, 2, step: 2)),
        ]
        let found = try convert(chain, inputShape: [4, 5, 2])

        var integers: [Int] = []
        for output in 0..<2 {
            for channel in 0..<2 {
                for row in 0..<2 {
                    for column in 0..<3 {
                        integers.append(level(((row * 3 + column) * 2 + channel) * 2 + output))
                    }
                }
            }
        }
        let packedConvolution = PackedLayer(
            weights: .slow(shape: [2, 2, 2, 3], integers: integers, scale: 0.25),
            bias: PackedBias(bits: 8, scale: 1 / 64, codes: [127, -50]), activation: .relu,
            output: PackedQuantizer(bits: 4, isSigned: false, scale: 0.5, offset: 0))
        let first = packedLinear(
            4, 3, step: 0.5, activation: .relu,
            output: PackedQuantizer(bits: 5, isSigned: true, scale: 0.125, offset: 1.5))
        let last = packedLinear(3, 2, step: 2, activation: .identity, output: nil)
        let input = PackedInput(
            shape: [2, 4, 5], pixelScale: 1 / 255, mean: [0.25, 0.5], deviation: [2, 4],
            quantizer: PackedQuantizer(bits: 8, isSigned: false, scale: 1 / 32, offset: -1))
        #expect(found.name == "hand-made")
        #expect(found.classNames == ["left", "right"])
        #expect(found.input == input)
        let nodes = [
            PackedNode(
                name: "conv", inputs: [0],
                operation: .convolution(
                    packedConvolution,
                    PackedWindow(kernel: [2, 3], stride: [1, 2], padding: [1, 0]))),
            PackedNode(
                name: "pool", inputs: [1],
                operation: .maxPooling(PackedWindow(kernel: [2, 1], stride: [3, 2]))),
            PackedNode(name: "flatten", inputs: [2], operation: .flatten),
            PackedNode(name: "fc1", inputs: [3], operation: .linear(first)),
            PackedNode(name: "fc2", inputs: [4], operation: .linear(last)),
        ]
        #expect(found.nodes.map(\.name) == nodes.map(\.name))
        for (found, expected) in zip(found.nodes, nodes) { #expect(found == expected) }
    }

    @Test func `a quantizer behind flattening the input is that of the input`() throws {
        let found = try convert(
            [("flatten", Flatten()), ("quantize", inputQuantizer), ("fc", linear(4, 2))],
            inputShape: [2, 2, 1])
        #expect(found.input.shape == [1, 2, 2])
        #expect(found.input.quantizer == PackedQuantizer(inputQuantizer))
        let last = packedLinear(4, 2, step: 0.5, activation: .identity, output: nil)
        #expect(
            found.nodes == [
                PackedNode(name: "flatten", inputs: [0], operation: .flatten),
                PackedNode(name: "fc", inputs: [1], operation: .linear(last)),
            ])
    }

    @Test func `features stay features, and the output may have a quantizer`() throws {
        let found = try convert(
            [("quantize", inputQuantizer), ("fc", linear(3, 2)), ("quantize-fc", quantizer)],
            inputShape: [3])
        #expect(found.input.shape == [3])
        let last = packedLinear(
            3, 2, step: 0.5, activation: .identity, output: PackedQuantizer(quantizer))
        #expect(found.nodes == [PackedNode(name: "fc", inputs: [0], operation: .linear(last))])
    }

    @Test func `weights that were changed since the last pass are those that count`() throws {
        var layer = linear(2, 1)
        layer.weight.trained.value = Tensor(shape: [2, 1], elements: [1.5, -1])
        let found = try convert([("quantize", inputQuantizer), ("fc", layer)], inputShape: [2])
        guard case .linear(let packed) = found.nodes[0].operation else {
            Issue.record("\(found.nodes[0])")
            return
        }
        #expect(packed.weights == .slow(shape: [1, 2], integers: [3, -2], scale: 0.5))
    }

    @Test(arguments: ActivationScheme.allCases)
    func `a quantizer keeps bits, sign, step and offset`(scheme: ActivationScheme) {
        let offset: Float = scheme.hasOffset ? 0.75 : 0
        let quantizer = ActivationQuantizer(bits: 6, scheme: scheme, step: 0.25, offset: offset)
        let packed = PackedQuantizer(quantizer)
        #expect(
            packed
                == PackedQuantizer(
                    bits: 6, isSigned: [2, 3].contains(scheme.rawValue), scale: 0.25,
                    offset: offset))
        #expect(packed.lowest == Int32(quantizer.grid.lowest))
        #expect(packed.highest == Int32(quantizer.grid.highest))
    }

    // MARK: What can not be converted

    private func expect(
        _ error: ConversionError, _ chain: Chain, inputShape: [Int] = [3],
        at location: SourceLocation = #_sourceLocation
    ) {
        #expect(throws: error, sourceLocation: location) {
            try convert(chain, inputShape: inputShape)
        }
    }

    private func expect(
        _ error: ConversionError, nodes: [Network.Node],
        at location: SourceLocation = #_sourceLocation
    ) {
        #expect(throws: error, sourceLocation: location) { try convert(nodes) }
    }

    @Test func `weights without a quantizer are an error`() {
        var layer = linear(3, 2)
        layer.weight.setChain([])
        expect(
            .notQuantized(layer: "fc", what: "weights"),
            [("quantize", inputQuantizer), ("fc", layer)])
    }

    @Test func `a bias without a quantizer is an error`() {
        var layer = linear(3, 2)
        layer.bias.setChain([])
        expect(
            .notQuantized(layer: "fc", what: "bias"), [("quantize", inputQuantizer), ("fc", layer)])
    }

    /// Zeros of the border are clipped as well, which a clip in front of the border would miss.
    @Test(arguments: [(Float(0.5), false), (-0.5, true)])
    func `a clip behind a border goes in front of it only if it leaves zeros`(
        lowest: Float, isAccepted: Bool
    ) throws {
        let geometry = ConvolutionGeometry(
            height: 2, width: 2, channels: 1, outputs: 1, kernel: [1, 1], stride: [1, 1],
            padding: [0, 0])
        var convolution = Convolution(geometry)
        quantize(&convolution.weight, &convolution.bias!, step: 0.25)
        let chain: Chain = [
            ("quantize", inputQuantizer), ("conv", convolution),
            ("pad", Padding(top: 1, left: 1, bottom: 1, right: 1)),
            ("clip", Activation(.clip(lowest: lowest, highest: 2))), ("quantize1", quantizer),
            ("flatten", Flatten()), ("fc", linear(16, 2)),
        ]
        let error = ConversionError.unsupported(
            layer: "clip", "padding with zeros in front of a clip that changes zeros")
        if isAccepted {
            #expect(throws: Never.self) { try convert(chain, inputShape: [2, 2, 1]) }
        } else {
            expect(error, chain, inputShape: [2, 2, 1])
        }
    }

    @Test func `a convolution without quantizers is an error`() {
        let geometry = ConvolutionGeometry(
            height: 2, width: 2, channels: 1, outputs: 1, kernel: [1, 1], stride: [1, 1],
            padding: [0, 0])
        expect(
            .notQuantized(layer: "conv", what: "bias"),
            [("quantize", inputQuantizer), ("conv", Convolution(geometry))],
            inputShape: [2, 2, 1])
    }

    @Test func `an input without a quantizer is an error`() {
        expect(
            .notQuantized(layer: "input", what: "values"),
            [("fc1", linear(3, 3)), ("quantize", quantizer), ("fc2", linear(3, 2))])
    }

    @Test func `a function of codes without a quantizer behind it is an error`() {
        expect(
            .notQuantized(layer: "late", what: "results"),
            [
                ("quantize", inputQuantizer), ("fc1", linear(3, 3)), ("quantize1", quantizer),
                ("late", Activation(.relu)), ("fc2", linear(3, 2)),
            ])
    }

    @Test func `a quantizer behind a quantizer, and a function of codes, become tables`() throws {
        let found = try convert(
            [
                ("quantize", inputQuantizer), ("fc1", linear(3, 3)), ("quantize1", inputQuantizer),
                ("dropout", Dropout(rate: 0.5)), ("again", quantizer),
                ("silu", Activation(.silu)), ("quantize2", quantizer), ("fc2", linear(3, 2)),
            ], inputShape: [3])
        #expect(found.nodes.map(\.name) == ["fc1", "again", "silu", "fc2"])
        #expect(found.nodes.map(\.inputs) == [[0], [1], [2], [3]])
        #expect(
            found.nodes[1].operation == .function(.identity, output: PackedQuantizer(quantizer)))
        #expect(found.nodes[2].operation == .function(.silu, output: PackedQuantizer(quantizer)))
    }

    @Test func `an activation function on the input is an error`() {
        expect(
            .unsupported(layer: "relu", "activation on the input"),
            [("relu", Activation(.relu)), ("quantize", inputQuantizer), ("fc", linear(3, 2))])
    }

    @Test func `a smooth function of what has no grid is an error`() {
        expect(
            .notQuantized(layer: "fc1", what: "results"),
            [
                ("quantize", inputQuantizer), ("fc1", linear(3, 3)), ("silu", Activation(.silu)),
                ("quantize1", quantizer), ("fc2", linear(3, 2)),
            ])
    }

    @Test func `a clamp of a value that two layers use is an error`() {
        expect(
            .unsupported(layer: "change", "activation on a shared value"),
            nodes: [
                .init(name: "quantize", inputs: [0], layer: inputQuantizer),
                .init(name: "fc1", inputs: [1], layer: linear(3, 3)),
                .init(name: "change", inputs: [2], layer: Activation(.relu)),
                .init(name: "fc2", inputs: [2], layer: linear(3, 2)),
            ])
    }

    @Test func `a value that one layer reads rounded and another does not is an error`() {
        expect(
            .notQuantized(layer: "fc1", what: "results"),
            nodes: [
                .init(name: "quantize", inputs: [0], layer: inputQuantizer),
                .init(name: "fc1", inputs: [1], layer: linear(3, 3)),
                .init(name: "change", inputs: [2], layer: quantizer),
                .init(name: "fc2", inputs: [2], layer: linear(3, 2)),
            ])
    }

    @Test func `two quantizers side by side on one result are an error`() {
        expect(
            .unsupported(layer: "other", "a second quantizer of the results of 'fc1'"),
            nodes: [
                .init(name: "quantize", inputs: [0], layer: inputQuantizer),
                .init(name: "fc1", inputs: [1], layer: linear(3, 3)),
                .init(name: "one", inputs: [2], layer: quantizer),
                .init(name: "other", inputs: [2], layer: inputQuantizer),
                .init(name: "fc2", inputs: [4], layer: linear(3, 2)),
            ])
    }

    /// The activation function would become the first layer's, and change what `fc2` reads.
    @Test func `what changes a value that is used in front of dropout is an error`() {
        #expect(throws: ConversionError.self) {
            try convert([
                .init(name: "quantize", inputs: [0], layer: inputQuantizer),
                .init(name: "fc1", inputs: [1], layer: linear(3, 3)),
                .init(name: "dropout", inputs: [2], layer: Dropout(rate: 0.5)),
                .init(name: "relu", inputs: [3], layer: Activation(.relu)),
                .init(name: "fc2", inputs: [2], layer: linear(3, 2)),
            ])
        }
    }

    @Test func `a sum as the output gets a layer behind it that makes numbers of codes`() throws {
        let found = try convert([
            .init(name: "quantize", inputs: [0], layer: inputQuantizer),
            .init(name: "fc1", inputs: [1], layer: linear(3, 3)),
            .init(name: "quantize1", inputs: [2], layer: quantizer),
            .init(name: "sum", inputs: [1, 3], layer: Add(activation: .relu)),
            .init(name: "quantize2", inputs: [4], layer: quantizer),
        ])
        #expect(
            found.nodes.map(\.name)
                == [
                    "fc1", "sum", "quantize2-real-image", "quantize2-real", "quantize2-real-vector",
                ])
        #expect(found.nodes[1].inputs == [0, 1])
        #expect(
            found.nodes[1].operation == .add(.relu, output: PackedQuantizer(quantizer)))
        let identity = PackedLayer(
            weights: .slow(shape: [3, 1, 1, 1], integers: [1, 1, 1], scale: 1),
            bias: PackedBias(bits: 2, scale: 1, codes: [0, 0, 0]), activation: .identity,
            output: nil)
        #expect(found.nodes[2].operation == .reshape([3, 1, 1]))
        #expect(
            found.nodes[3].operation
                == .convolution(
                    identity, PackedWindow(kernel: [1, 1], stride: [1, 1], groups: 3)))
        #expect(found.nodes[4].operation == .flatten)
    }

    @Test func `a sum without a grid is an error`() {
        expect(
            .notQuantized(layer: "sum", what: "results"),
            nodes: [
                .init(name: "quantize", inputs: [0], layer: inputQuantizer),
                .init(name: "sum", inputs: [1, 1], layer: Add()),
                .init(name: "fc", inputs: [2], layer: linear(3, 2)),
            ])
    }

    // MARK: Batch normalization

    /// By hand: γ / √(σ² + ε) is 2, -1/2 and 0, the step 1/2.
    @Test func `batch normalization goes into scales and biases`() throws {
        var layer = linear(3, 3)
        layer.bias.trained.value = Tensor(shape: [3], elements: [1, 2, 3])
        layer.bias.setChain([])
        var normalization = BatchNormalization(channels: 3, epsilon: 0, activation: .relu)
        normalization.weight.trained.value = Tensor(shape: [3], elements: [4, -1, 0])
        normalization.bias.trained.value = Tensor(shape: [3], elements: [0.5, 0, 7])
        normalization.runningMean = Tensor(shape: [3], elements: [3, 3, 3])
        normalization.runningVariance = Tensor(shape: [3], elements: [4, 4, 4])
        let found = try convert(
            [
                ("quantize", inputQuantizer), ("fc", layer), ("bn", normalization),
                ("quantize1", quantizer), ("last", linear(3, 2)),
            ], inputShape: [3])
        guard case .linear(let packed) = found.nodes[0].operation else {
            Issue.record("\(found.nodes[0])")
            return
        }
        #expect(found.nodes.count == 2 && packed.activation == .relu)
        let expected: [Float] = [1, -0.25, 1]
        for (scale, expected) in zip(packed.weights.scales, expected) {
            #expect(abs(scale - expected) <= 1 / 65534)
        }
        // β − (μ − b) · f: 0.5 − 2 · 2, 0 + 1 · 0.5, 7 − 0
        #expect(packed.bias.bits == 16)
        let biases = packed.bias.codes.map { Float($0) * packed.bias.scale }
        for (bias, expected) in zip(biases, [-3.5, 0.5, 7] as [Float]) {
            #expect(abs(bias - expected) <= 7 / 32767)
        }
        // The output whose γ is zero keeps no weights.
        #expect(packed.weights.slowWeights[6...].allSatisfy { $0 == 0 })
        #expect(packed.weights.slowWeights[..<6].contains { $0 != 0 })
    }

    @Test func `scales that are not finite are an error`() {
        var normalization = BatchNormalization(channels: 3, epsilon: 0)
        normalization.runningVariance = Tensor(shape: [3])
        expect(
            .notFinite(layer: "fc", what: "scales behind batch normalization"),
            [
                ("quantize", inputQuantizer), ("fc", linear(3, 3)), ("bn", normalization),
                ("quantize1", quantizer), ("last", linear(3, 2)),
            ])
    }

    @Test func `softmax before the end is an error`() {
        expect(
            .unsupported(layer: "softmax", "softmax before the last layer"),
            [
                ("quantize", inputQuantizer), ("fc", linear(3, 3)), ("softmax", Softmax()),
                ("last", linear(3, 2)),
            ])
    }

    @Test func `a layer whose results are not quantized is an error, the last one apart`() {
        #expect(throws: ConversionError.notQuantized(layer: "fc1", what: "results")) {
            try convert(
                [
                    ("quantize", inputQuantizer), ("fc1", linear(3, 3)),
                    ("relu", Activation(.relu)),
                    ("fc2", linear(3, 2)),
                ], inputShape: [3])
        }
    }

    /// One of the two would be lost.
    @Test func `two quantizers side by side on the input are an error`() {
        expect(
            .unsupported(layer: "other", "a second quantizer of the input"),
            nodes: [
                .init(name: "one", inputs: [0], layer: inputQuantizer),
                .init(name: "other", inputs: [0], layer: quantizer),
                .init(name: "sum", inputs: [1, 2], layer: Add()),
                .init(name: "quantize", inputs: [3], layer: quantizer),
                .init(name: "fc", inputs: [4], layer: linear(3, 2)),
            ])
    }

    @Test func `a layer of an unknown kind is an error`() {
        expect(
            .unsupported(layer: "mystery", "sum"),
            [("quantize", inputQuantizer), ("mystery", Sum()), ("fc", linear(3, 2))])
    }

    @Test func `errors say which layer and what`() {
        for (error, words) in [
            (ConversionError.notQuantized(layer: "fc7", what: "weights"), ["fc7", "weights"]),
            (.unsupported(layer: "mystery", "sum"), ["mystery", "sum"]),
            (.notFinite(layer: "fc7", what: "biases"), ["fc7", "biases", "finite"]),
        ] {
            #expect(words.allSatisfy { "\(error)".contains($0) }, "\(error)")
        }
    }
}

/// The sum of its inputs: a kind of layer that no file knows.
private struct Sum: Layer {
    static let kind = "sum"
    init() {}

    func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] { shapes[0] }

    func forward(_ x: [Tensor], into y: inout Tensor, pass: inout Pass) {
        y = x[0]
        for other in x.dropFirst() { y.add(other) }
    }

    func backward(
        _ x: [Tensor], output: Tensor, outputGradient dy: inout Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        for index in inputGradients.indices where wants[index] { inputGradients[index] = dy }
    }

    var state: SavedState { SavedState(kind: Self.kind) }
    init(state: SavedState) {}
}
