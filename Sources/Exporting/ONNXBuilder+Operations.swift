import Tensors

/// What both kinds of networks are made of.
extension ONNXBuilder {
    /// How a window moves; `[vertical, horizontal]` each.
    struct Window {
        var kernel: [Int]
        var stride: [Int]
        var padding: [Int]
        var dilation = [1, 1]
        var groups = 1
    }

    /// A uniform grid of activations: `step · code + offset`.
    struct Grid {
        var step: Float
        var offset: Float
        var lowest: Int
        var highest: Int

        var isSigned: Bool { lowest < 0 }
    }

    /// Rounds to a grid, in codes of 8 bits whatever the grid has.
    ///
    ///     x → − offset → clip → QuantizeLinear → DequantizeLinear → + offset
    ///
    /// The clip stands for the ends of a grid of fewer than 8 bits, and is left out with 8. An offset that
    /// is a whole number of steps becomes the zero point; any other is taken off before and added again
    /// behind, so that codes and values are exactly those of the grid.
    mutating func quantized(_ x: Value, to grid: Grid, named name: String) -> Value {
        var value = x
        let container = grid.isSigned ? -128...127 : 0...255
        let zero = grid.zeroPoint(in: container)
        let shift = zero == nil ? constant("\(name).offset", grid.offset) : nil
        if let shift { value = node("Sub", [value, shift], named: "\(name).shifted") }
        if grid.lowest...grid.highest != container {
            func end(_ code: Int) -> Float {
                grid.step * Float(code) + (zero == nil ? 0 : grid.offset)
            }
            let lowest = constant("\(name).lowest", end(grid.lowest))
            let highest = constant("\(name).highest", end(grid.highest))
            value = node("Clip", [value, lowest, highest], named: "\(name).clipped")
        }
        let step = constant("\(name).step", grid.step)
        let code = code("\(name).zero", zero ?? 0, isSigned: grid.isSigned)
        value = node("QuantizeLinear", [value, step, code], named: "\(name).codes")
        value = node(
            "DequantizeLinear", [value, step, code], named: shift == nil ? name : "\(name).values")
        if let shift { value = node("Add", [value, shift], named: name) }
        return value
    }

    /// Rounds to the grid of 8 bits that spans the values of a batch.
    mutating func dynamicallyQuantized(_ x: Value, named name: String) -> Value {
        let outputs = node(
            "DynamicQuantizeLinear", [x],
            outputs: ["\(name).codes", "\(name).step", "\(name).zero"])
        return node("DequantizeLinear", outputs, named: name)
    }

    mutating func activated(
        _ x: Value, by function: ActivationFunction, named name: String
    ) -> Value {
        switch function {
        case .identity: return x
        case .relu: return node("Relu", [x], named: name)
        case .clip(let lowest, let highest):
            return node(
                "Clip",
                [x, constant("\(name).lowest", lowest), constant("\(name).highest", highest)],
                named: name)
        case .leakyReLU(let slope):
            return node("LeakyRelu", [x], named: name, floats: [("alpha", slope)])
        case .sigmoid: return node("Sigmoid", [x], named: name)
        case .hardSigmoid:
            return node(
                "HardSigmoid", [x], named: name, floats: [("alpha", 1 / 6), ("beta", 0.5)])
        case .silu:
            let gate = node("Sigmoid", [x], named: "\(name).gate")
            return node("Mul", [x, gate], named: name)
        case .hardSwish: return node("HardSwish", [x], named: name)
        }
    }

    // MARK: Weights

    /// A weight with its outputs in front: `[outputs, inputs]` or `[outputs, channels, height, width]`.
    enum Weight {
        case floats(shape: [Int], [Float])
        /// One positive step for all, or one an output.
        case codes(shape: [Int], [Int8], steps: [Float])
    }

    mutating func linear(
        _ x: Value, _ weight: Weight, bias: [Float], named name: String
    ) -> Value {
        biased(weight, bias, rank: 2, named: name) { builder, parameters, name in
            builder.node("Gemm", [x] + parameters, named: name, numbers: [("transB", 1)])
        }
    }

    /// - Parameter outside: what padding carries: the value of the code of real zero.
    mutating func convolution(
        _ x: Value, _ weight: Weight, bias: [Float]?, _ window: Window, outside: Float,
        named name: String
    ) -> Value {
        let (x, pads) = padded(x, window.padding, outside: outside, named: name)
        return biased(weight, bias, rank: 4, named: name) { builder, parameters, name in
            builder.node(
                "Conv", [x] + parameters, named: name,
                ints: [
                    ("kernel_shape", window.kernel), ("strides", window.stride), ("pads", pads),
                    ("dilations", window.dilation),
                ], numbers: [("group", window.groups)])
        }
    }

    /// A layer with a weight and a bias, which `body` appends given both and a name.
    ///
    /// The bias of a weight in codes is added by a node of its own: ONNX Runtime would round one within
    /// the layer to multiples of the input's step times the weight's, which is coarse at few bits.
    private mutating func biased(
        _ weight: Weight, _ bias: [Float]?, rank: Int, named name: String,
        _ body: (inout ONNXBuilder, [Value], String) -> Value
    ) -> Value {
        switch weight {
        case .floats(let shape, let values):
            var parameters = [constant("\(name).weight", shape: shape, values)]
            if let bias { parameters.append(constant("\(name).bias", shape: [bias.count], bias)) }
            return body(&self, parameters, name)
        case .codes(let shape, let codes, let steps):
            let isPerOutput = steps.count > 1
            let weight = node(
                "DequantizeLinear",
                [
                    constant("\(name).weight.codes", shape: shape, codes),
                    constant("\(name).weight.step", shape: isPerOutput ? [steps.count] : [], steps),
                ], named: "\(name).weight", numbers: isPerOutput ? [("axis", 0)] : [])
            guard let bias else { return body(&self, [weight], name) }
            let product = body(&self, [weight], "\(name).product")
            let shape = [bias.count] + [Int](repeating: 1, count: rank - 2)
            return node(
                "Add", [product, constant("\(name).bias", shape: shape, bias)], named: name)
        }
    }

    // MARK: Windows

    mutating func averagePooling(
        _ x: Value, _ window: Window, outside: Float, named name: String
    ) -> Value {
        let (x, pads) = padded(x, window.padding, outside: outside, named: name)
        return node(
            "AveragePool", [x], named: name,
            ints: [("kernel_shape", window.kernel), ("strides", window.stride), ("pads", pads)],
            numbers: [("count_include_pad", 1)])
    }

    mutating func maxPooling(_ x: Value, _ window: Window, named name: String) -> Value {
        node(
            "MaxPool", [x], named: name,
            ints: [
                ("kernel_shape", window.kernel), ("strides", window.stride),
                ("pads", window.padding + window.padding),
            ])
    }

    /// Operations pad with 0; where another value stands for it, a Pad comes first.
    private mutating func padded(
        _ x: Value, _ padding: [Int], outside: Float, named name: String
    ) -> (value: Value, pads: [Int]) {
        guard outside != 0, padding != [0, 0] else { return (x, padding + padding) }
        return (
            self.padding(
                of: x, padding + padding, outside: outside, named: "\(name).padded"),
            [0, 0, 0, 0]
        )
    }

    /// - Parameter sides: `[top, left, bottom, right]`
    mutating func padding(
        of x: Value, _ sides: [Int], outside: Float, named name: String
    ) -> Value {
        let pads = [0, 0, sides[0], sides[1], 0, 0, sides[2], sides[3]]
        return node(
            "Pad", [x, constant("\(name).pads", pads), constant("\(name).value", outside)],
            named: name)
    }

    // MARK: Moving values

    /// `[batch, features]` from an image; leaves features as they are.
    mutating func flattened(_ x: Value, named name: String) -> Value {
        node("Flatten", [x], named: name, numbers: [("axis", 1)])
    }

    /// - Parameter shape: `[channels, height, width]` or `[features]`
    mutating func reshaped(_ x: Value, to shape: [Int], named name: String) -> Value {
        node("Reshape", [x, constant("\(name).shape", [0] + shape)], named: name)
    }

    mutating func slice(_ x: Value, channels: Range<Int>, named name: String) -> Value {
        node(
            "Slice",
            [
                x, constant("\(name).start", [channels.lowerBound]),
                constant("\(name).end", [channels.upperBound]), constant("\(name).axis", [1]),
            ], named: name)
    }

    /// - Parameter shape: `[channels, height, width]`
    mutating func shuffled(
        _ x: Value, groups: Int, shape: [Int], named name: String
    ) -> Value {
        let split = reshaped(
            x, to: [groups, shape[0] / groups, shape[1], shape[2]], named: "\(name).groups")
        let exchanged = node(
            "Transpose", [split], named: "\(name).exchanged", ints: [("perm", [0, 2, 1, 3, 4])])
        return reshaped(exchanged, to: shape, named: name)
    }

    mutating func sum(_ inputs: [Value], named name: String) -> Value {
        var result = inputs[0]
        for (index, input) in inputs.dropFirst().enumerated() {
            let isLast = index == inputs.count - 2
            result = node("Add", [result, input], named: isLast ? name : "\(name).part")
        }
        return result
    }
}

extension ONNXBuilder.Grid {
    /// The code of real zero, if the offset is exactly a whole number of steps.
    func zeroPoint(in range: ClosedRange<Int>) -> Int? {
        let steps = (-offset / step).rounded()
        guard let zero = Int(exactly: steps), range.contains(zero), -steps * step == offset else {
            return nil
        }
        return zero
    }
}
