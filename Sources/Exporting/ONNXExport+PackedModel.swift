import PackedModel
import Tensors

extension ONNXExport {
    /// A model of a `.shrink` file in real numbers: every weight and every activation is the one that
    /// its code stands for. The engine rounds sums by multiplying integers, this model by dividing
    /// floats, and biases that runtimes add to integers are whole multiples of the steps of sums, so
    /// that now and then a code differs by one.
    ///
    /// Weights in half precision stay so, behind a Cast to floats. What layers in dynamic range read goes through
    /// `DynamicQuantizeLinear`, whose grid spans the whole batch: run such a model one sample at a time.
    public init(_ model: PackedModel) throws(ONNXExportError) {
        let bytes = model.nodes.reduce(0) { sum, node in
            guard let weights = node.operation.layer?.weights else { return sum }
            return sum + (weights.halves.isEmpty ? 1 : 2) * weights.count
        }
        guard bytes <= Int32.max else { throw .tooLarge(bytes: bytes, limit: Int(Int32.max)) }
        var metadata = Self.metadata(
            pixelScale: model.input.pixelScale, mean: model.input.mean,
            deviation: model.input.deviation)
        if !model.classNames.isEmpty {
            metadata["classNames"] = model.classNames.joined(separator: "\n")
        }
        var exporter = PackedExporter(model)
        for node in model.nodes { try exporter.append(node) }
        let output = exporter.values.last!
        self.init(
            exporter.builder.model(
                output: output.name, shape: output.shape, metadata: metadata))
    }
}

/// Walks a packed model in order.
private struct PackedExporter {
    struct Value {
        var name: ONNXBuilder.Value
        /// `[channels, height, width]` or `[features]`
        var shape: [Int]
        /// `nil` for the network's output, and in a model in floats.
        var quantizer: PackedQuantizer?
    }

    var builder: ONNXBuilder
    private let isFloat: Bool
    /// The input, then each node's output.
    private(set) var values: [Value]

    init(_ model: PackedModel) {
        var builder = ONNXBuilder(name: model.name, inputShape: model.input.shape)
        let name = model.input.quantizer.map {
            builder.quantized(ONNXBuilder.input, to: .init($0), named: "quantized-input")
        }
        self.builder = builder
        isFloat = model.isFloat
        values = [
            Value(
                name: name ?? ONNXBuilder.input, shape: model.input.shape,
                quantizer: model.input.quantizer)
        ]
    }

    mutating func append(_ node: PackedNode) throws(ONNXExportError) {
        let inputs = node.inputs.map { values[$0] }
        let (x, name) = (inputs[0], node.name)
        var result = x
        switch node.operation {
        case .linear(let layer):
            let read = codes(of: x, layer, name)
            // ONNX Runtime moves codes through a Reshape, but not through a Flatten.
            let flat =
                x.shape.count == 1
                ? read
                : builder.reshaped(read, to: [x.shape.reduce(1, *)], named: "\(name).flat")
            let (weights, bias) = parameters(of: layer, reading: x)
            let sum = builder.linear(flat, weights, bias: bias, named: "\(name).sum")
            result.shape = [layer.weights.shape[0]]
            finish(&result, sum, layer.activation, layer.output, name)
        case .convolution(let layer, let window):
            let (weights, bias) = parameters(of: layer, reading: x)
            let sum = builder.convolution(
                codes(of: x, layer, name), weights, bias: bias, .init(window),
                outside: try zero(of: x, node), named: "\(name).sum")
            result.shape = window.outputShape(of: x.shape, channels: layer.weights.shape[0])
            finish(&result, sum, layer.activation, layer.output, name)
        case .maxPooling(let window):
            result.name = builder.maxPooling(x.name, .init(window), named: name)
            result.shape = window.outputShape(of: x.shape, channels: x.shape[0])
        case .averagePooling(let window, let output):
            let mean = builder.averagePooling(
                x.name, .init(window), outside: try zero(of: x, node), named: "\(name).mean")
            result.shape = window.outputShape(of: x.shape, channels: x.shape[0])
            finish(&result, mean, .identity, output, name)
        case .flatten:
            result.shape = [x.shape.reduce(1, *)]
            result.name = builder.reshaped(x.name, to: result.shape, named: name)
        case .reshape(let shape):
            result.name = builder.reshaped(x.name, to: shape, named: name)
            result.shape = shape
        case .add(let activation, let output):
            let sum = builder.sum(inputs.map(\.name), named: "\(name).sum")
            finish(&result, sum, activation, output, name)
        case .multiply(let output):
            let product = builder.node("Mul", inputs.map(\.name), named: "\(name).product")
            finish(&result, product, .identity, output, name)
        case .concatenation(let output):
            let all = builder.node(
                "Concat", inputs.map(\.name), named: "\(name).all", numbers: [("axis", 1)])
            result.shape[0] = inputs.map { $0.shape[0] }.reduce(0, +)
            finish(&result, all, .identity, output, name)
        case .slice(let channels):
            result.name = builder.slice(x.name, channels: channels, named: name)
            result.shape[0] = channels.count
        case .channelShuffle(let groups):
            result.name = builder.shuffled(x.name, groups: groups, shape: x.shape, named: name)
        case .padding(let sides):
            result.name = builder.padding(
                of: x.name, sides, outside: try zero(of: x, node), named: name)
            result.shape[1] += sides[0] + sides[2]
            result.shape[2] += sides[1] + sides[3]
        case .function(let activation, let output):
            finish(&result, x.name, activation, output, name)
        case .softmax:
            // Over all values, which are features in every network that classifies.
            let flat = builder.flattened(x.name, named: "\(name).flat")
            let shares = builder.node(
                "Softmax", [flat], named: "\(name).shares", numbers: [("axis", 1)])
            result.name = builder.reshaped(shares, to: x.shape, named: name)
        }
        values.append(result)
    }

    /// Activation function and quantizer behind a layer. A function that clamps is one with the ends of
    /// the quantizer's codes, as in the engine, so that nothing stands between a layer and the rounding.
    private mutating func finish(
        _ result: inout Value, _ sum: ONNXBuilder.Value, _ activation: PackedActivation,
        _ output: PackedQuantizer?, _ name: String
    ) {
        result.quantizer = output
        let function = ActivationFunction(activation)
        guard let output else {
            result.name = builder.activated(sum, by: function, named: name)
            return
        }
        if let codes = output.codes(clampedBy: activation) {
            result.name = builder.quantized(sum, to: .init(output, codes: codes), named: name)
        } else {
            let value = builder.activated(sum, by: function, named: "\(name).real")
            result.name = builder.quantized(value, to: .init(output), named: name)
        }
    }

    /// Weights and bias of a layer: the bias as a whole number of the steps of sums, which is what integer
    /// kernels add, or in floats where that would show, or where the network ends and has no step.
    ///
    /// Weights of few bits leave room in a code. As multiples of a power of two, with a smaller step, they
    /// are the same, and the steps of sums are finer.
    private func parameters(
        of layer: PackedLayer, reading x: Value
    ) -> (weights: ONNXBuilder.Weight, bias: ONNXBuilder.Bias) {
        let (weights, biases) = (ONNXBuilder.Weight(layer.weights), layer.bias.values)
        // A sum may take half of 32 bits, and the bias the rest.
        let room = (1 << 30) / (255 * max(layer.weights.largestRow, 1))
        guard case .codes(let shape, let codes, let steps) = weights,
            let input = x.quantizer, ONNXBuilder.Grid(input).zeroPoint != nil,
            let factor = (0...6).map({ 1 << $0 }).last(where: { factor in
                factor <= room && codes.allSatisfy { Int8(exactly: Int($0) * factor) != nil }
            }), let rounding = BiasRounding(layer, factor: factor)
        else { return (weights, .floats(biases)) }
        let finer = steps.map { $0 / Float(factor) }
        let sums = finer.map { $0 * input.scale }
        var rounded: [Int32] = []
        for (index, bias) in biases.enumerated() {
            guard let code = rounding.code(of: bias, step: sums[sums.count == 1 ? 0 : index]) else {
                return (weights, .floats(biases))
            }
            rounded.append(code)
        }
        return (
            .codes(shape: shape, codes.map { $0 * Int8(factor) }, steps: finer),
            .codes(rounded, steps: sums)
        )
    }

    /// What a layer reads: a value as it is, or on the grid that a layer in dynamic range gives it.
    private mutating func codes(
        of value: Value, _ layer: PackedLayer, _ name: String
    ) -> ONNXBuilder.Value {
        guard isFloat, !layer.weights.codes.isEmpty else { return value.name }
        return builder.dynamicallyQuantized(value.name, named: "\(name).input")
    }

    /// The value of the code of real zero.
    private func zero(of value: Value, _ node: PackedNode) throws(ONNXExportError) -> Float {
        if isFloat { return 0 }
        guard let quantizer = value.quantizer else { throw .notQuantized(layer: node.name) }
        return quantizer.scale * Float(quantizer.code(0)) + quantizer.offset
    }
}

extension ONNXBuilder.Weight {
    /// Codes, or floats where a runtime would not take the codes; halves as they are.
    init(_ weights: PackedTensor) {
        guard weights.halves.isEmpty else {
            self = .halves(
                shape: weights.shape, weights.halvesOfAll, scales: weights.scales)
            return
        }
        var codes = weights.levelsOfAll
        let outputs = weights.shape[0]
        let length = outputs == 0 ? 0 : codes.count / outputs
        func scale(_ output: Int) -> Float {
            weights.scales.count == 1 ? weights.scales[0] : weights.scales[output]
        }
        // Runtimes want positive scales: a negative one turns the signs of its codes.
        for output in 0..<outputs where scale(output) < 0 {
            let row = output * length..<(output + 1) * length
            guard !codes[row].contains(.min) else {
                let levels = weights.levelsOfAll
                self = .floats(
                    shape: weights.shape,
                    levels.indices.map { scale($0 / length) * Float(levels[$0]) })
                return
            }
            for index in row { codes[index] = -codes[index] }
        }
        self = .codes(shape: weights.shape, codes, steps: weights.scales.map(\.magnitude))
    }
}

/// Makes biases whole numbers of the steps of sums.
private struct BiasRounding {
    /// Where the result's code goes from one to the next, as real numbers.
    private let thresholds: [Double]
    /// How much a result may be moved by.
    private let tolerance: Double
    /// What all sums are multiples of.
    private let factor: Double

    /// `nil` for a layer whose result has no quantizer, or one whose zero has no code.
    init?(_ layer: PackedLayer, factor: Int) {
        guard let output = layer.output, let codes = output.codes(clampedBy: layer.activation),
            let zeroPoint = ONNXBuilder.Grid(output).zeroPoint
        else { return nil }
        let zero = zeroPoint - ONNXBuilder.Grid(output).shift
        thresholds = (codes.lowerBound..<codes.upperBound).map {
            (Double(Int($0) - zero) + 0.5) * Double(output.scale)
        }
        tolerance = Double(output.scale) / 32
        self.factor = Double(factor)
    }

    /// A number with which every sum gets the code that it gets with the bias itself, if there is one: of
    /// all such numbers, which are `lowest..<end`, the one in the middle. Else the nearest number, or
    /// `nil` where that is too far off.
    func code(of bias: Float, step: Float) -> Int32? {
        let bias = Double(bias) / Double(step)
        var (lowest, end) = (bias - factor, bias + factor)
        for threshold in thresholds {
            let threshold = threshold / Double(step)
            let least = factor * ((threshold - bias) / factor).rounded(.up)
            lowest = max(lowest, threshold - least)
            end = min(end, threshold - least + factor)
        }
        var code = ((lowest + end) / 2).rounded()
        if !(lowest <= code && code < end) {
            code = bias.rounded(.toNearestOrEven)
            guard abs(code - bias) * Double(step) <= tolerance else { return nil }
        }
        return Int32(exactly: code).flatMap { $0.magnitude < 1 << 30 ? $0 : nil }
    }
}

extension PackedBias {
    fileprivate var values: [Float] { codes.map { scale * Float($0) } }
}

extension PackedTensor {
    /// The bits of every weight of a tensor in half precision, zeros included, row-major.
    fileprivate var halvesOfAll: [UInt16] {
        var result = [UInt16](repeating: 0, count: count)
        var next = 0
        for (gap, half) in zip(gaps, halves) {
            next += Int(gap)
            result[next] = half
            next += 1
        }
        return result
    }

    /// The largest sum of the magnitudes of an output's levels.
    fileprivate var largestRow: Int {
        let length = max(count / max(shape[0], 1), 1)
        var sums = [Int](repeating: 0, count: shape[0])
        for (index, level) in levelsOfAll.enumerated() {
            sums[index / length] += Int(level.magnitude)
        }
        return sums.max() ?? 0
    }

    /// The level of every weight, zeros included, row-major.
    package var levelsOfAll: [Int8] {
        var result = [Int8](repeating: 0, count: count)
        var next = 0
        for (gap, code) in zip(gaps, codes) {
            next += Int(gap)
            result[next] = levels[Int(code)]
            next += 1
        }
        return result
    }
}

extension PackedWindow {
    /// `[channels, height, width]` behind the window.
    func outputShape(of shape: [Int], channels: Int) -> [Int] {
        [channels]
            + (0...1).map { axis in
                let extent = dilation[axis] * (kernel[axis] - 1) + 1
                return (shape[axis + 1] + 2 * padding[axis] - extent) / stride[axis] + 1
            }
    }
}

extension ONNXBuilder.Window {
    init(_ window: PackedWindow) {
        self.init(
            kernel: window.kernel, stride: window.stride, padding: window.padding,
            dilation: window.dilation, groups: window.groups)
    }
}

extension ONNXBuilder.Grid {
    init(_ quantizer: PackedQuantizer) {
        self.init(quantizer, codes: quantizer.lowest...quantizer.highest)
    }

    /// - Parameter codes: those in use.
    init(_ quantizer: PackedQuantizer, codes: ClosedRange<Int32>) {
        self.init(
            step: quantizer.scale, offset: quantizer.offset, isSigned: quantizer.isSigned,
            codes: Int(codes.lowerBound)...Int(codes.upperBound))
    }
}

extension PackedQuantizer {
    /// The codes that are left of a function that clamps, or `nil` for any other function.
    fileprivate func codes(clampedBy activation: PackedActivation) -> ClosedRange<Int32>? {
        switch activation {
        case .identity: lowest...highest
        case .relu: code(0)...highest
        case .clip(let low, let high): code(low)...code(high)
        default: nil
        }
    }
}

extension ActivationFunction {
    init(_ activation: PackedActivation) {
        self =
            switch activation {
            case .identity: .identity
            case .relu: .relu
            case .clip(let lowest, let highest): .clip(lowest: lowest, highest: highest)
            case .leakyReLU(let slope): .leakyReLU(slope: slope)
            case .sigmoid: .sigmoid
            case .hardSigmoid: .hardSigmoid
            case .silu: .silu
            case .hardSwish: .hardSwish
            }
    }
}
