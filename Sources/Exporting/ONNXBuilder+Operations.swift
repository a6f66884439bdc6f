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
        var isSigned: Bool
        /// Those in use.
        var codes: ClosedRange<Int>
    }

    /// Rounds to a grid, in unsigned codes of 8 bits whatever the grid has: those of a signed one plus
    /// 128, since runtimes have integer kernels for values of one type.
    ///
    ///     x → − offset → QuantizeLinear → Clip → DequantizeLinear → + offset
    ///
    /// The clip stands for the ends of codes and is left out where all 256 are in use. It comes behind
    /// the rounding, which changes no code, so that a runtime finds the layer right before it. An offset
    /// that is a whole number of steps becomes the zero point; any other is taken off before and added
    /// again behind, so that codes and values are exactly those of the grid.
    mutating func quantized(_ x: Value, to grid: Grid, named name: String) -> Value {
        var value = x
        let zero = grid.zeroPoint
        let shift = zero == nil ? constant("\(name).offset", grid.offset) : nil
        if let shift { value = node("Sub", [value, shift], named: "\(name).shifted") }
        let step = constant("\(name).step", grid.step)
        let zeroPoint = code("\(name).zero", zero ?? grid.shift)
        let isClipped = grid.storedCodes != 0...255
        value = node(
            "QuantizeLinear", [value, step, zeroPoint],
            named: isClipped ? "\(name).rounded" : "\(name).codes")
        if isClipped {
            let lowest = code("\(name).lowest", grid.storedCodes.lowerBound)
            let highest = code("\(name).highest", grid.storedCodes.upperBound)
            value = node("Clip", [value, lowest, highest], named: "\(name).codes")
        }
        value = node(
            "DequantizeLinear", [value, step, zeroPoint],
            named: shift == nil ? name : "\(name).values")
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
        /// Bits of half precision, times one scale for all, or one an output.
        case halves(shape: [Int], [UInt16], scales: [Float])
        /// One positive step for all, or one an output.
        case codes(shape: [Int], [Int8], steps: [Float])
    }

    /// One value an output.
    enum Bias {
        case floats([Float])
        /// Multiples of the input's step times the weight's, which is what integer kernels add to their
        /// sums; one step for all, or one an output.
        case codes([Int32], steps: [Float])
    }

    mutating func linear(
        _ x: Value, _ weight: Weight, bias: Bias, named name: String
    ) -> Value {
        biased(weight, bias, rank: 2, named: name) { builder, parameters, name in
            builder.node("Gemm", [x] + parameters, named: name, numbers: [("transB", 1)])
        }
    }

    /// - Parameter outside: what padding carries: the value of the code of real zero.
    mutating func convolution(
        _ x: Value, _ weight: Weight, bias: Bias?, _ window: Window, outside: Float,
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
    /// Next to a weight in codes, a bias in floats is added by a node of its own: ONNX Runtime would
    /// round one within the layer. The weight's zero point is written out, which ONNX Runtime asks of
    /// a `Gemm` in integers.
    private mutating func biased(
        _ weight: Weight, _ bias: Bias?, rank: Int, named name: String,
        _ body: (inout ONNXBuilder, [Value], String) -> Value
    ) -> Value {
        let isInCodes: Bool
        let weightValue: Value
        switch weight {
        case .floats(let shape, let values):
            isInCodes = false
            weightValue = constant("\(name).weight", shape: shape, values)
        case .halves(let shape, let halves, let scales):
            isInCodes = false
            weightValue = widened(halves, shape: shape, scales: scales, named: "\(name).weight")
        case .codes(let shape, let codes, let steps):
            isInCodes = true
            let codes = constant("\(name).weight.codes", shape: shape, codes)
            let zero = constant(
                "\(name).weight.zero", shape: steps.count > 1 ? [steps.count] : [],
                [Int8](repeating: 0, count: steps.count))
            weightValue = dequantized(codes, steps: steps, zero: zero, named: "\(name).weight")
        }
        switch bias {
        case nil: return body(&self, [weightValue], name)
        case .codes(let codes, let steps):
            let codes = constant("\(name).bias.codes", shape: [codes.count], codes)
            let bias = dequantized(codes, steps: steps, zero: nil, named: "\(name).bias")
            return body(&self, [weightValue, bias], name)
        case .floats(let values):
            guard isInCodes else {
                let bias = constant("\(name).bias", shape: [values.count], values)
                return body(&self, [weightValue, bias], name)
            }
            let product = body(&self, [weightValue], "\(name).product")
            let shape = [values.count] + [Int](repeating: 1, count: rank - 2)
            return node(
                "Add", [product, constant("\(name).bias", shape: shape, values)], named: name)
        }
    }

    /// Halves as floats, times their scales: a file of half the size, which runtimes turn into one of floats
    /// when they load it.
    private mutating func widened(
        _ halves: [UInt16], shape: [Int], scales: [Float], named name: String
    ) -> Value {
        let isScaled = scales != [1]
        let values = constant("\(name).halves", shape: shape, halves: halves)
        let floats = node(
            "Cast", [values], named: isScaled ? "\(name).unscaled" : name, numbers: [("to", 1)])
        guard isScaled else { return floats }
        let perOutput = [scales.count] + [Int](repeating: 1, count: shape.count - 1)
        let scale = constant("\(name).scale", shape: scales.count > 1 ? perOutput : [], scales)
        return node("Mul", [floats, scale], named: name)
    }

    /// Codes with one step for all, or one for each place of the first axis.
    private mutating func dequantized(
        _ codes: Value, steps: [Float], zero: Value?, named name: String
    ) -> Value {
        let isPerOutput = steps.count > 1
        let step = constant("\(name).step", shape: isPerOutput ? [steps.count] : [], steps)
        return node(
            "DequantizeLinear", [codes, step] + (zero.map { [$0] } ?? []), named: name,
            numbers: isPerOutput ? [("axis", 0)] : [])
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
    /// What a code is greater by where it is stored.
    var shift: Int { isSigned ? 128 : 0 }

    var storedCodes: ClosedRange<Int> { codes.lowerBound + shift...codes.upperBound + shift }

    /// The stored code of real zero, if the offset is exactly a whole number of steps.
    var zeroPoint: Int? {
        let steps = (-offset / step).rounded()
        guard let zero = Int(exactly: steps), 0...255 ~= zero + shift, -steps * step == offset
        else { return nil }
        return zero + shift
    }
}
