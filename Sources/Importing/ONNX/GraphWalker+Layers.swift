import Networks
import Tensors

/// Layers with weights.
extension GraphWalker {
    /// The largest kernel, stride, dilation and padding that is accepted.
    static let largestWindow = 256

    mutating func convolution(_ inputs: NodeInputs) throws(ONNXProblem) -> ActivationView {
        let node = inputs.node
        let weight = try inputs.constant(1, "the weight")
        guard weight.shape.count == 4, weight.isFloat, weight.count > 0 else {
            throw .unfit(
                what: "the shape of the weight", found: "\(weight.shape)",
                expected: "[outputs, channels / groups, height, width] of floats"
                    + (weight.shape.count == 3 ? ": 1-D convolutions are not supported" : ""))
        }
        let (outputs, kernel) = (weight.shape[0], Array(weight.shape[2...]))
        let stride = try pair("strides", node)
        let dilation = try pair("dilations", node)
        let groups = try node.integer("group", default: 1)
        if let given = try node.integers("kernel_shape"), given != kernel {
            throw .unfit(
                what: "attribute 'kernel_shape'", found: "\(given)",
                expected: "\(kernel), that of the weight")
        }
        try requireWindow(kernel, "the kernel")
        let image = try imageShape(inputs.activation(0))
        guard groups > 0, groups <= outputs, outputs % groups == 0,
            image[1] % groups == 0, image[1] / groups == weight.shape[1]
        else {
            throw .unfit(
                what: "the channels of the input", found: "\(image[1])",
                expected: "\(weight.shape[1]) in each of \(groups) groups of \(outputs) outputs")
        }
        let extent = (0...1).map { (kernel[$0] - 1) * dilation[$0] + 1 }
        let (input, padding, size) = try paddedInput(
            inputs.activation(0), extent: extent, stride: stride,
            mostPadding: extent.map { $0 - 1 }, node)
        let geometry = ConvolutionGeometry(
            height: size[0], width: size[1], channels: image[1], outputs: outputs, kernel: kernel,
            stride: stride, padding: padding, dilation: dilation, groups: groups)
        let bias = try inputs.optionalConstant(2, "the bias")
        try budget.take(geometry.weightShape + [1], for: "the weight")
        var layer = Convolution(geometry, hasBias: bias != nil)
        let strides = ONNXConstant.strides(of: weight.shape)
        layer.weight.trained.value = Tensor(
            shape: geometry.weightShape,
            elements: weight.strided(
                shape: geometry.weightShape, strides: [2, 3, 1, 0].map { strides[$0] }
            ).floats)
        if let bias {
            guard bias.shape == [outputs] else {
                throw .unfit(
                    what: "the shape of the bias", found: "\(bias.shape)", expected: "[\(outputs)]")
            }
            layer.bias!.trained.value = Tensor(shape: [outputs], elements: bias.floats)
        }
        let source = try graph.append(
            layer, named: names.name(node, weight: node.inputs[1]), inputs: [input], origin: node)
        return ActivationView(
            source: source,
            shape: [batch, outputs, geometry.outputHeight, geometry.outputWidth])
    }

    /// `alpha · A B + beta · C`
    mutating func gemm(_ inputs: NodeInputs) throws(ONNXProblem) -> ActivationView {
        let node = inputs.node
        guard try !node.flag("transA") else {
            throw .unfit(what: "attribute 'transA'", found: "1", expected: "0")
        }
        let alpha = try node.float("alpha", default: 1)
        let beta = try node.float("beta", default: 1)
        return try linear(
            inputs, isTransposed: node.flag("transB"), alpha: alpha,
            bias: inputs.optionalConstant(2, "the bias"), beta: beta)
    }

    mutating func matMul(_ inputs: NodeInputs) throws(ONNXProblem) -> ActivationView {
        try linear(inputs, isTransposed: false, alpha: 1, bias: nil, beta: 1)
    }

    private mutating func linear(
        _ inputs: NodeInputs, isTransposed: Bool, alpha: Float, bias: ONNXConstant?, beta: Float
    ) throws(ONNXProblem) -> ActivationView {
        let node = inputs.node
        let (view, weight) = (try inputs.activation(0), try inputs.constant(1, "the weight"))
        let rows = isTransposed ? 1 : 0
        guard view.shape.count == 2, weight.shape.count == 2, weight.isFloat, weight.count > 0,
            weight.shape[rows] == view.shape[1]
        else {
            throw .unfit(
                what: "the shapes", found: "\(describe(view.shape)) and \(weight.shape)",
                expected: "[batch, features] and a weight for these features")
        }
        let input = try layerInput(view, for: node)
        let outputs = weight.shape[1 - rows]
        let strides = ONNXConstant.strides(of: weight.shape)
        try budget.take(weight.shape + [1], for: "the weight")
        var layer = Linear(inputs: view.shape[1], outputs: outputs)
        var elements = weight.strided(
            shape: [view.shape[1], outputs], strides: [strides[rows], strides[1 - rows]]
        ).floats
        if alpha != 1 { for index in elements.indices { elements[index] *= alpha } }
        layer.weight.trained.value = Tensor(shape: [view.shape[1], outputs], elements: elements)
        if let bias {
            let values = try channelValues(bias, shape: [batch, outputs], "the bias")
            layer.bias.trained.value = Tensor(
                shape: [outputs],
                elements: (0..<outputs).map { beta * (values.count == 1 ? values[0] : values[$0]) })
        }
        let source = try graph.append(
            layer, named: names.name(node, weight: node.inputs[1]), inputs: [input], origin: node)
        return ActivationView(source: source, shape: [batch, outputs])
    }

    mutating func batchNormalization(_ inputs: NodeInputs) throws(ONNXProblem) -> ActivationView {
        let node = inputs.node
        guard try !node.flag("training_mode") else {
            throw .unfit(
                what: "attribute 'training_mode'", found: "1",
                expected: "0: export the network in evaluation mode")
        }
        // Before opset 14 only these tell that the statistics are those of the batch.
        guard node.outputs.dropFirst().allSatisfy(\.isEmpty) else {
            throw .unfit(
                what: "the outputs", found: "\(node.outputs.count), as in training",
                expected: "1: export the network in evaluation mode")
        }
        let view = try inputs.activation(0)
        guard view.shape.count == 4 || view.shape.count == 2 else {
            throw .unfit(
                what: "the shape of the input", found: describe(view.shape),
                expected: "[batch, channels, height, width] or [batch, features]")
        }
        let channels = view.shape[1]
        var tensors: [Tensor] = []
        for (index, what) in ["scale", "bias", "mean", "variance"].enumerated() {
            let constant = try inputs.constant(index + 1, "the \(what)")
            guard constant.shape == [channels] else {
                throw .unfit(
                    what: "the shape of the \(what)", found: "\(constant.shape)",
                    expected: "[\(channels)]")
            }
            tensors.append(Tensor(shape: [channels], elements: constant.floats))
        }
        let epsilon = try node.float("epsilon", default: 1e-5)
        let momentum = try node.float("momentum", default: 0.9)
        guard epsilon >= 0, epsilon < 1, momentum >= 0, momentum <= 1 else {
            throw .unfit(
                what: "epsilon and momentum", found: "\(epsilon) and \(momentum)",
                expected: "numbers in 0..<1 and 0...1")
        }
        guard tensors[3].elements.allSatisfy({ $0 + epsilon > 0 }) else {
            throw .unfit(what: "the variance", found: "not positive", expected: "a positive one")
        }
        try budget.take([4, channels], for: "the statistics")
        var layer = BatchNormalization(
            channels: channels, epsilon: epsilon, momentum: 1 - momentum)
        layer.weight.trained.value = tensors[0]
        layer.bias.trained.value = tensors[1]
        layer.runningMean = tensors[2]
        layer.runningVariance = tensors[3]
        let input = try layerInput(view, for: node)
        let source = try graph.append(
            layer, named: names.name(node, weight: node.inputs[1]), inputs: [input], origin: node)
        return ActivationView(source: source, shape: view.shape)
    }

    // MARK: Windows

    /// Two positive numbers, 1 if they are not given.
    func pair(_ attribute: String, _ node: ONNXNode) throws(ONNXProblem) -> [Int] {
        let values = try node.integers(attribute) ?? [1, 1]
        try requireWindow(values, "attribute '\(attribute)'")
        return values
    }

    func requireWindow(_ values: [Int], _ what: String) throws(ONNXProblem) {
        guard values.count == 2, values.allSatisfy({ (1...Self.largestWindow).contains($0) }) else {
            throw .unfit(
                what: what, found: "\(values)",
                expected: "two numbers of 1 to \(Self.largestWindow): images have two dimensions")
        }
    }

    /// `[top, left, bottom, right]` that a node asks for.
    func pads(
        _ node: ONNXNode, size: [Int], extent: [Int], stride: [Int]
    ) throws(ONNXProblem) -> [Int] {
        switch try node.string("auto_pad", default: "NOTSET") {
        case "NOTSET", "":
            let pads = try node.integers("pads") ?? [0, 0, 0, 0]
            guard pads.count == 4, pads.allSatisfy({ (0...Self.largestWindow).contains($0) }) else {
                throw .unfit(
                    what: "attribute 'pads'", found: "\(pads)",
                    expected: "four numbers of 0 to \(Self.largestWindow)")
            }
            return pads
        case "VALID": return [0, 0, 0, 0]
        case let mode where mode == "SAME_UPPER" || mode == "SAME_LOWER":
            let totals = (0...1).map { axis in
                let outputs = (size[axis] + stride[axis] - 1) / stride[axis]
                return max((outputs - 1) * stride[axis] + extent[axis] - size[axis], 0)
            }
            let (less, more) = (totals.map { $0 / 2 }, totals.map { $0 - $0 / 2 })
            return mode == "SAME_UPPER" ? less + more : more + less
        case let mode:
            throw .unfit(
                what: "attribute 'auto_pad'", found: "'\(mode)'",
                expected: "NOTSET, VALID, SAME_UPPER or SAME_LOWER")
        }
    }

    /// The input of a layer that pads with zeros by itself, equally on both sides: pads that come
    /// before it become its own where they can, and a layer where they can not: a convolution whose
    /// windows would lie in the border as a whole can not.
    mutating func paddedInput(
        _ view: ActivationView, extent: [Int], stride: [Int], mostPadding: [Int]? = nil,
        _ node: ONNXNode
    ) throws(ONNXProblem) -> (value: Int, padding: [Int], size: [Int]) {
        let shape = try imageShape(view)
        let own = try pads(node, size: Array(shape[2...]), extent: extent, stride: stride)
        var view = view
        var pads = own
        if case .window(let steps, let before) = view.form {
            pads = (0...3).map { own[$0] + before[$0] }
            view.shape[2] -= before[0] + before[2]
            view.shape[3] -= before[1] + before[3]
            view.form = .window(steps: steps, pads: [0, 0, 0, 0])
        }
        let padding = (0...1).map { min(pads[$0], pads[$0 + 2], mostPadding?[$0] ?? .max) }
        let rest = [
            pads[0] - padding[0], pads[1] - padding[1], pads[2] - padding[0], pads[3] - padding[1],
        ]
        if rest != [0, 0, 0, 0] { view = try padded(view, by: rest, node) }
        let size = Array(view.shape[2...])
        guard (0...1).allSatisfy({ size[$0] + 2 * padding[$0] >= extent[$0] }) else {
            throw .unfit(
                what: "the size of the image", found: "\(size)",
                expected: "\(extent) or more, with padding of \(padding) on each side")
        }
        return (try layerInput(view, for: node), padding, size)
    }

    /// A view with zeros around it.
    mutating func padded(
        _ view: ActivationView, by pads: [Int], _ node: ONNXNode
    ) throws(ONNXProblem) -> ActivationView {
        var (result, steps, sum) = (view, [1, 1], pads)
        switch view.form {
        case .plain:
            result = ActivationView(source: try layerInput(view, for: node), shape: view.shape)
        case .window(let given, let before):
            (steps, sum) = (given, (0...3).map { pads[$0] + before[$0] })
        case .shuffled:
            throw .unfit(what: "the input", found: "transposed", expected: "an image")
        }
        result.shape[2] += pads[0] + pads[2]
        result.shape[3] += pads[1] + pads[3]
        result.form = .window(steps: steps, pads: sum)
        return result
    }
}
