import Networks
import PackedModel
import Quantization
import Tensors

extension ONNXExport {
    /// A network of a checkpoint: weights as masks and codebooks make them, quantizers as such.
    /// - Parameter metadata: goes into the file as it is.
    public init(
        _ network: Network, metadata: [String: String] = [:]
    ) throws(ONNXExportError) {
        var network = network
        network.updateEffective()
        try network.requireFinite()
        var builder = ONNXBuilder(
            name: network.name, inputShape: Self.channelsFirst(network.inputShape))
        var values = [ONNXBuilder.input]
        // What real zero has become in each value, for padding; see `Layer.paddingValue`.
        var zeros: [Float] = [0]
        for (index, node) in network.nodes.enumerated() {
            let zero = zeros[node.inputs[0]]
            let shape =
                node.inputs[0] == 0 ? network.inputShape : network.shapes[node.inputs[0] - 1]
            values.append(
                try builder.append(
                    node, inputs: node.inputs.map { values[$0] }, inputShape: shape,
                    outputShape: network.shapes[index], outside: zero))
            zeros.append(node.layer.paddingValue(behind: zero))
        }
        self.init(
            builder.model(
                output: values.last!, shape: Self.channelsFirst(network.shapes.last!),
                metadata: metadata))
    }

    /// `[height, width, channels]` to `[channels, height, width]`.
    static func channelsFirst(_ shape: [Int]) -> [Int] {
        shape.count == 3 ? [shape[2], shape[0], shape[1]] : shape
    }
}

extension ONNXBuilder {
    /// Appends what a layer computes and returns its value.
    fileprivate mutating func append(
        _ node: Network.Node, inputs: [Value], inputShape: [Int], outputShape: [Int],
        outside: Float
    ) throws(ONNXExportError) -> Value {
        let (name, x) = (node.name, inputs[0])
        switch node.layer {
        case let layer as Linear:
            return linear(
                x, Weight(layer.weight), bias: .floats(layer.bias.effective.elements),
                named: name)
        case let layer as Convolution:
            let g = layer.geometry
            let window = Window(
                kernel: g.kernel, stride: g.stride, padding: g.padding, dilation: g.dilation,
                groups: g.groups)
            return convolution(
                x, Weight(layer.weight), bias: (layer.bias?.effective.elements).map { .floats($0) },
                window, outside: outside, named: name)
        case let layer as BatchNormalization:
            let value = normalized(x, layer, named: name)
            return activated(value, by: layer.activation, named: "\(name).activation")
        case let layer as Activation: return activated(x, by: layer.function, named: name)
        case let layer as Add:
            return activated(
                sum(inputs, named: name), by: layer.activation, named: "\(name).activation")
        case is Multiply: return self.node("Mul", inputs, named: name)
        case is Concatenation:
            return self.node("Concat", inputs, named: name, numbers: [("axis", 1)])
        case let layer as Slice: return slice(x, channels: layer.channels, named: name)
        case let layer as ChannelShuffle:
            return shuffled(
                x, groups: layer.groups, shape: ONNXExport.channelsFirst(inputShape), named: name)
        case is Reshape:
            return reshaped(x, to: ONNXExport.channelsFirst(outputShape), named: name)
        case is Flatten: return flattened(x, named: name)
        case let layer as Padding:
            return padding(
                of: x, [layer.top, layer.left, layer.bottom, layer.right], outside: outside,
                named: name)
        case let layer as MaxPooling:
            return maxPooling(
                x, Window(kernel: layer.kernel, stride: layer.stride, padding: layer.padding),
                named: name)
        case let layer as AveragePooling:
            return averagePooling(
                x, Window(kernel: layer.kernel, stride: layer.stride, padding: layer.padding),
                outside: outside, named: name)
        case is GlobalAveragePooling: return self.node("GlobalAveragePool", [x], named: name)
        case is Softmax: return self.node("Softmax", [x], named: name, numbers: [("axis", 1)])
        case is Dropout: return x
        case let layer as any UniformActivationQuantizer:
            return quantized(x, to: Grid(layer.grid), named: name)
        case is DynamicQuantizer: return dynamicallyQuantized(x, named: name)
        default:
            throw .unsupported(layer: name, kind: type(of: node.layer).kind)
        }
    }

    private mutating func normalized(
        _ x: Value, _ layer: BatchNormalization, named name: String
    ) -> Value {
        let tensors = [
            ("weight", layer.weight.effective), ("bias", layer.bias.effective),
            ("running_mean", layer.runningMean), ("running_var", layer.runningVariance),
        ]
        let values = tensors.map { part, tensor in
            constant("\(name).\(part)", shape: tensor.shape, tensor.elements)
        }
        return node(
            "BatchNormalization", [x] + values, named: name,
            floats: [("epsilon", layer.epsilon), ("momentum", 1 - layer.momentum)])
    }
}

extension ONNXBuilder.Weight {
    /// In codes if the parameter has a quantizer, in half precision if it is rounded to that, else in
    /// floats.
    init(_ weight: Parameter) {
        let effective = weight.effective
        let (shape, values) = (outputsFirst(effective.shape), outputsFirst(effective))
        if weight.parametrization(HalfRounding.self) != nil {
            self = .halves(shape: shape, values.map(HalfPrecision.bits), scales: [1])
            return
        }
        guard let quantizer = weight.weightQuantizer else {
            self = .floats(shape: shape, values)
            return
        }
        let steps = quantizer.steps(for: weight.trained.value)
        let length = effective.count / steps.count
        let codes = values.enumerated().map { index, value in
            Int8((value / steps[index / length]).rounded(.toNearestOrEven))
        }
        self = .codes(shape: shape, codes, steps: steps)
    }
}

extension ONNXBuilder.Grid {
    init(_ grid: UniformGrid) {
        self.init(
            step: grid.step, offset: grid.offset, isSigned: grid.lowest < 0,
            codes: Int(grid.lowest)...Int(grid.highest))
    }
}

/// `[inputs, outputs]` to `[outputs, inputs]`, and `[height, width, channels, outputs]` to `[outputs,
/// channels, height, width]`.
private func outputsFirst(_ shape: [Int]) -> [Int] {
    let rank = shape.count
    return [shape[rank - 1], shape[rank - 2]] + shape.dropLast(2)
}

private func outputsFirst(_ weight: Tensor) -> [Float] {
    let (outputs, channels) = (weight.shape.last!, weight.shape.dropLast().last!)
    let taps = weight.count / (outputs * channels)
    return weight.withUnsafeElements { elements in
        [Float](unsafeUninitializedCapacity: elements.count) { target, count in
            for output in 0..<outputs {
                for channel in 0..<channels {
                    for tap in 0..<taps {
                        target.initializeElement(
                            at: count, to: elements[(tap * channels + channel) * outputs + output])
                        count += 1
                    }
                }
            }
        }
    }
}
