import Networks
import Tensors

/// Windows without weights, and whole images.
extension GraphWalker {
    mutating func pooling(
        _ inputs: NodeInputs, isMax: Bool
    ) throws(ONNXProblem) -> ActivationView {
        let node = inputs.node
        guard node.outputs.dropFirst().allSatisfy(\.isEmpty) else {
            throw .unfit(what: "a second output", found: "asked for", expected: "none")
        }
        let view = try inputs.activation(0)
        let kernel = try pair("kernel_shape", node)
        let stride = try pair("strides", node)
        guard try pair("dilations", node) == [1, 1] else {
            throw .unfit(
                what: "attribute 'dilations'", found: "larger than 1", expected: "1")
        }
        let shape = try imageShape(view)
        let own = try pads(node, size: Array(shape[2...]), extent: kernel, stride: stride)
        if try node.flag("ceil_mode") {
            try requireWholeWindows(Array(shape[2...]), own, kernel: kernel, stride: stride)
        }
        let counts = try node.flag("count_include_pad")
        guard isMax || counts || own == [0, 0, 0, 0] else {
            throw .unfit(
                what: "attribute 'count_include_pad'", found: "0 with padding", expected: "1")
        }
        if kernel == [1, 1], stride == [1, 1], own == [0, 0, 0, 0] { return view }
        if !isMax, Array(shape[2...]) == kernel, own == [0, 0, 0, 0] {
            return try globalPooling(inputs, isMax: false, keepsAxes: true)
        }
        let whole = isMax ? try windowed(view, for: node) : view
        let (input, padding, _) = try paddedInput(whole, extent: kernel, stride: stride, node)
        guard !isMax || own == padding + padding else {
            throw .unfit(
                what: "the padding", found: "\(own)", expected: "as much before as behind the image"
            )
        }
        guard padding[0] < kernel[0], padding[1] < kernel[1] else {
            throw .unfit(what: "the padding", found: "\(padding)", expected: "less than \(kernel)")
        }
        let layer: any Layer =
            isMax
            ? MaxPooling(kernel: kernel, stride: stride, padding: padding)
            : AveragePooling(kernel: kernel, stride: stride, padding: padding)
        let source = try graph.append(
            layer, named: names.name(node), inputs: [input], origin: node)
        let result = graph.shape(of: source)
        return ActivationView(source: source, shape: [batch, shape[1], result[0], result[1]])
    }

    /// Rounding up the number of windows makes no difference where they fit exactly.
    private func requireWholeWindows(
        _ size: [Int], _ pads: [Int], kernel: [Int], stride: [Int]
    ) throws(ONNXProblem) {
        for axis in 0...1 {
            let rest = size[axis] + pads[axis] + pads[axis + 2] - kernel[axis]
            guard rest >= 0, rest % stride[axis] == 0 else {
                throw .unfit(
                    what: "attribute 'ceil_mode'", found: "1 for an image of \(size)",
                    expected: "0, or windows that fit the image exactly")
            }
        }
    }

    mutating func globalPooling(
        _ inputs: NodeInputs, isMax: Bool, keepsAxes: Bool
    ) throws(ONNXProblem) -> ActivationView {
        let (node, view) = (inputs.node, try inputs.activation(0))
        let shape = try imageShape(view)
        let size = Array(shape[2...])
        let layer: any Layer =
            isMax ? MaxPooling(kernel: size, stride: [1, 1]) : GlobalAveragePooling()
        if isMax { try requireWindow(size, "the size of the image") }
        let input = try layerInput(view, for: node)
        let source = try graph.append(
            layer, named: names.name(node), inputs: [input], origin: node)
        return ActivationView(
            source: source, shape: [batch, shape[1]] + (keepsAxes ? [1, 1] : []))
    }

    /// A mean or maximum over height and width.
    mutating func reduction(
        _ inputs: NodeInputs, isMax: Bool
    ) throws(ONNXProblem) -> ActivationView {
        let (node, view) = (inputs.node, try inputs.activation(0))
        let shape = try imageShape(view)
        var axes = try node.integers("axes") ?? []
        if let given = try inputs.optionalConstant(1, "the axes") {
            axes = try given.integers(of: "the axes")
        }
        var reduced: Set<Int> = []
        for axis in axes { reduced.insert(try ShapeArithmetic(node).axis(axis, rank: shape.count)) }
        guard reduced == [2, 3] else {
            throw .unfit(
                what: "the axes", found: "\(axes)", expected: "[2, 3]: height and width")
        }
        return try globalPooling(
            inputs, isMax: isMax, keepsAxes: node.flag("keepdims", default: true))
    }
}
