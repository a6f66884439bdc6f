import Networks
import Tensors

/// Operations that move values and change none.
extension GraphWalker {
    /// Changes the shape of the view; a layer is made when one needs it.
    mutating func reshape(
        _ operation: ONNXOperation, _ inputs: NodeInputs
    ) throws(ONNXProblem) -> ActivationView {
        let node = inputs.node
        var view = try windowed(inputs.activation(0), for: node)
        let shapes = ShapeArithmetic(node)
        func axes() throws(ONNXProblem) -> [Int]? {
            try inputs.optionalConstant(1, "the axes")?.integers(of: "the axes")
        }
        let shape =
            switch operation {
            case .flatten: try shapes.flattened(view.shape)
            case .squeeze: try shapes.squeezed(view.shape, axes: axes())
            case .unsqueeze: try shapes.unsqueezed(view.shape, axes: axes() ?? [])
            default:
                try shapes.reshaped(
                    view.shape,
                    to: inputs.constant(1, "the shape").integers(of: "the shape"))
            }
        guard shape.first == batch, shape.count <= 8, !shape.contains(0) else {
            throw .unfit(
                what: "the new shape", found: describe(shape),
                expected: "one that keeps the batch in front and up to 7 sizes behind it")
        }
        if case .shuffled(let groups) = view.form { view = try shuffled(view, groups, shape, node) }
        view.shape = shape
        return view
    }

    /// A Transpose that exchanges two axes which together are the channels, as a channel shuffle does.
    mutating func transpose(_ inputs: NodeInputs) throws(ONNXProblem) -> ActivationView {
        let node = inputs.node
        var view = try windowed(inputs.activation(0), for: node)
        let shape = view.shape
        let order = try ShapeArithmetic(node).permutation(rank: shape.count)
        if order == Array(shape.indices) { return view }
        let sample = graph.shape(of: view.source)
        guard view.form == .plain, shape.count >= 4, sample.count == 3,
            shape[1].multipliedReportingOverflow(by: shape[2]).partialValue == sample[2],
            order == [0, 2, 1] + Array(3..<shape.count)
        else {
            throw .unfit(
                what: "attribute 'perm'", found: "\(order) of \(describe(shape))",
                expected: "[0, 2, 1, 3, ...] of [batch, groups, channels / groups, ...], "
                    + "between two Reshapes: a channel shuffle")
        }
        view.form = .shuffled(groups: shape[1])
        view.shape.swapAt(1, 2)
        return view
    }

    /// The second Reshape of a channel shuffle puts groups and channels together again.
    private mutating func shuffled(
        _ view: ActivationView, _ groups: Int, _ shape: [Int], _ node: ONNXNode
    ) throws(ONNXProblem) -> ActivationView {
        let sample = graph.shape(of: view.source)
        guard shape == [batch, sample[2], sample[0], sample[1]] else {
            throw .unfit(
                what: "the shape behind a Transpose", found: describe(shape),
                expected: describe([batch, sample[2], sample[0], sample[1]]))
        }
        let source = try graph.append(
            ChannelShuffle(groups: groups), named: names.name(node), inputs: [view.source],
            origin: node)
        return ActivationView(source: source, shape: shape)
    }

    mutating func concatenation(_ inputs: NodeInputs) throws(ONNXProblem) -> ActivationView {
        let node = inputs.node
        var views: [ActivationView] = []
        for index in 0..<inputs.count { views.append(try inputs.activation(index)) }
        guard let first = views.first else {
            throw .unfit(what: "the number of inputs", found: "0", expected: "1 or more")
        }
        let axis = try ShapeArithmetic(node).axis(
            node.integer("axis", default: 1), rank: first.shape.count)
        guard axis == 1 else {
            throw .unfit(what: "attribute 'axis'", found: "\(axis)", expected: "1: the channels")
        }
        for view in views {
            guard view.shape.count == first.shape.count, view.shape[2...] == first.shape[2...]
            else {
                throw .unfit(
                    what: "the shape of an input", found: describe(view.shape),
                    expected: "\(describe(first.shape)) but for the channels")
            }
        }
        if views.count == 1 { return first }
        var result = try append(Concatenation(), on: views, node)
        result.shape[1] = views.map { $0.shape[1] }.reduce(0, +)
        return result
    }

    // MARK: Parts

    mutating func split(_ inputs: NodeInputs) throws(ONNXProblem) -> [ActivationView] {
        let node = inputs.node
        let view = try inputs.activation(0)
        let given = try inputs.optionalConstant(1, "the sizes")?.integers(of: "the sizes")
        let count = try node.integer("num_outputs", default: node.outputs.count)
        guard count == node.outputs.count, count > 0 else {
            throw .unfit(
                what: "attribute 'num_outputs'", found: "\(count)",
                expected: "\(node.outputs.count), as many as outputs")
        }
        let size = view.shape.count > 1 ? view.shape[1] : 0
        let chunk = (size + count - 1) / count
        let sizes = given ?? (0..<count).map { min(chunk, size - chunk * $0) }
        return try parts(of: view, sizes: sizes, node)
    }

    mutating func splitToSequence(_ inputs: NodeInputs) throws(ONNXProblem) -> [ONNXValue] {
        let node = inputs.node
        let view = try inputs.activation(0)
        guard let given = try inputs.optionalConstant(1, "the sizes") else {
            throw .unfit(what: "the sizes", found: "missing", expected: "a constant")
        }
        var sizes = try given.integers(of: "the sizes")
        if given.shape.isEmpty, let chunk = sizes.first {
            let size = view.shape.count > 1 ? view.shape[1] : 0
            guard chunk > 0 else {
                throw .unfit(what: "the sizes", found: "\(chunk)", expected: "1 or more")
            }
            sizes = stride(from: 0, to: size, by: chunk).prefix(Self.mostParts + 1)
                .map { min(chunk, size - $0) }
        }
        return try parts(of: view, sizes: sizes, node).map(ONNXValue.activation)
    }

    private static let mostParts = 1024

    /// Consecutive channels.
    private mutating func parts(
        of view: ActivationView, sizes: [Int], _ node: ONNXNode
    ) throws(ONNXProblem) -> [ActivationView] {
        let axis = try ShapeArithmetic(node).axis(
            node.integer("axis", default: 0), rank: view.shape.count)
        let total = sizes.reduce(0) { $0.addingReportingOverflow($1).partialValue }
        guard axis == 1, sizes.allSatisfy({ $0 > 0 && $0 <= view.shape[1] }),
            total == view.shape[1], sizes.count <= Self.mostParts
        else {
            throw .unfit(
                what: "the parts", found: "\(sizes.prefix(16)) of axis \(axis)",
                expected: "all of axis 1 of \(describe(view.shape)), in at most \(Self.mostParts)")
        }
        var (result, start): ([ActivationView], Int) = ([], 0)
        for size in sizes {
            result.append(try channels(start..<start + size, of: view, node))
            start += size
        }
        return result
    }

    func element(of inputs: NodeInputs) throws(ONNXProblem) -> ONNXValue {
        guard case .sequence(let elements) = try inputs.value(0) else {
            throw .unfit(what: "input 0", found: "a tensor", expected: "a sequence")
        }
        let index = try inputs.constant(1, "the position").integer(of: "the position")
        guard (-elements.count..<elements.count).contains(index) else {
            throw .unfit(
                what: "the position", found: "\(index)",
                expected: "one of the \(elements.count) of the sequence")
        }
        return elements[index < 0 ? index + elements.count : index]
    }

    /// Some channels, or every n-th position.
    mutating func slice(_ inputs: NodeInputs) throws(ONNXProblem) -> ActivationView {
        let node = inputs.node
        var view = try inputs.activation(0)
        var constants: [ONNXConstant?] = [nil]
        for index in 1..<max(inputs.count, 1) {
            constants.append(try inputs.optionalConstant(index, "input \(index)"))
        }
        for cut in try SliceCut.cuts(inputs: constants, shape: view.shape) {
            let size = view.shape[cut.axis]
            if cut.start == 0, cut.step == 1, cut.count == size { continue }
            if cut.axis == 1, cut.step == 1, cut.count > 0 {
                view = try channels(cut.start..<cut.start + cut.count, of: view, node)
            } else if view.shape.count == 4, cut.axis >= 2, cut.start == 0, cut.step > 0,
                cut.step <= Self.largestWindow, cut.count == (size + cut.step - 1) / cut.step
            {
                view = try stepped(view, axis: cut.axis, step: cut.step, node)
            } else {
                throw .unfit(
                    what: "the part",
                    found: "\(cut.count) of axis \(cut.axis) from \(cut.start) on by \(cut.step)",
                    expected: "consecutive channels, or every n-th row or column from the first on")
            }
        }
        return view
    }

    private mutating func stepped(
        _ view: ActivationView, axis: Int, step: Int, _ node: ONNXNode
    ) throws(ONNXProblem) -> ActivationView {
        var (view, steps) = (view, [1, 1])
        if case .window(let before, [0, 0, 0, 0]) = view.form {
            steps = before
        } else {
            // In the shape that the rows and columns are counted in, not that of the source.
            view = ActivationView(source: try layerInput(view, for: node), shape: view.shape)
        }
        steps[axis - 2] *= step
        try requireWindow(steps, "the steps")
        view.form = .window(steps: steps, pads: [0, 0, 0, 0])
        view.shape[axis] = (view.shape[axis] + step - 1) / step
        return view
    }

    private mutating func channels(
        _ range: Range<Int>, of view: ActivationView, _ node: ONNXNode
    ) throws(ONNXProblem) -> ActivationView {
        if range == 0..<view.shape[1] { return view }
        var result = try append(Slice(channels: range), on: view, node)
        result.shape[1] = range.count
        return result
    }

    // MARK: Zeros around

    mutating func pad(_ inputs: NodeInputs) throws(ONNXProblem) -> ActivationView {
        let node = inputs.node
        let mode = try node.string("mode", default: "constant")
        let value = try inputs.optionalConstant(2, "the value")?.float(of: "the value") ?? 0
        guard mode == "constant", value == 0 else {
            throw .unfit(
                what: "the padding", found: "'\(mode)' with \(value)",
                expected: "'constant' with zeros")
        }
        let view = try inputs.activation(0)
        let shape = try imageShape(view)
        let given = try inputs.constant(1, "the pads").integers(of: "the pads")
        var axes = [0, 1, 2, 3]
        if let chosen = try inputs.optionalConstant(3, "the axes")?.integers(of: "the axes") {
            axes = []
            for axis in chosen {
                axes.append(try ShapeArithmetic(node).axis(axis, rank: shape.count))
            }
        }
        guard given.count == 2 * axes.count, Set(axes).count == axes.count,
            given.allSatisfy({ (0...1 << 16).contains($0) })
        else {
            throw .unfit(
                what: "the pads", found: "\(given.prefix(16))",
                expected: "two for each of \(axes.count) axes, 0 to 65536")
        }
        var (before, behind) = ([0, 0, 0, 0], [0, 0, 0, 0])
        for (index, axis) in axes.enumerated() {
            (before[axis], behind[axis]) = (given[index], given[index + axes.count])
        }
        guard before[0] == 0, behind[0] == 0 else {
            throw .unfit(what: "the pads", found: "\(given)", expected: "none for the batch")
        }
        var result = view
        if before[1] + behind[1] > 0 {
            result = try widened(result, before: before[1], behind: behind[1], node)
        }
        let pads = [before[2], before[3], behind[2], behind[3]]
        return pads == [0, 0, 0, 0] ? result : try padded(result, by: pads, node)
    }

    /// Channels of zeros before and behind those that are there: the shortcut without weights of a
    /// ResNet (He et al. 2016, option A). It is a convolution with one weight of 1 for each channel.
    private mutating func widened(
        _ view: ActivationView, before: Int, behind: Int, _ node: ONNXNode
    ) throws(ONNXProblem) -> ActivationView {
        var view = view
        var stride = [1, 1]
        var size = Array(view.shape[2...])
        if case .window(let steps, [0, 0, 0, 0]) = view.form {
            stride = steps
            size = Array(graph.shape(of: view.source)[..<2])
            view = ActivationView(source: view.source, shape: view.shape[..<2] + size)
        }
        let input = try layerInput(view, for: node)
        let channels = view.shape[1]
        let geometry = ConvolutionGeometry(
            height: size[0], width: size[1], channels: channels,
            outputs: before + channels + behind, kernel: [1, 1], stride: stride, padding: [0, 0])
        try budget.take(geometry.weightShape, for: "the weight")
        var weight = Tensor(shape: geometry.weightShape)
        for channel in 0..<channels { weight[channel * geometry.outputs + before + channel] = 1 }
        var layer = Convolution(geometry, hasBias: false)
        layer.weight.trained.value = weight
        let source = try graph.append(
            layer, named: names.name(node), inputs: [input], origin: node)
        return ActivationView(
            source: source,
            shape: [batch, geometry.outputs, geometry.outputHeight, geometry.outputWidth])
    }

    // MARK: Nothing

    func unchanged(
        _ operation: ONNXOperation, _ inputs: NodeInputs
    ) throws(ONNXProblem) -> ActivationView {
        let view = try inputs.activation(0)
        switch operation {
        case .cast:
            let type = try inputs.node.integer("to", default: 0)
            guard type == 1 || leftOut.contains(.argMax) else {
                throw .unfit(
                    what: "attribute 'to'",
                    found: ONNXTensorReader.typeName(Int32(clamping: type)), expected: "float")
            }
        case .castLike:
            if case .constant(let like) = try inputs.value(1), !like.isFloat {
                throw .unfit(what: "the type", found: "an integer", expected: "float")
            }
        case .expand:
            let target = try inputs.constant(1, "the shape").integers(of: "the shape")
            let shape = try ShapeArithmetic(inputs.node).broadcast(view.shape, target)
            guard shape == view.shape else {
                throw .unfit(
                    what: "the new shape", found: describe(shape),
                    expected: "\(describe(view.shape)), unchanged")
            }
        case .dropout:
            if let flag = try inputs.optionalConstant(2, "the mode"), flag.floats.contains(1) {
                throw .unfit(
                    what: "the training mode", found: "on",
                    expected: "off: export the network in evaluation mode")
            }
        default: break
        }
        return view
    }
}
