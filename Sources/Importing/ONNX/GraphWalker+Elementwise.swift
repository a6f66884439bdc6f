import Networks
import Tensors

/// Functions of single values, and of two tensors.
extension GraphWalker {
    mutating func function(
        _ function: ActivationFunction, _ inputs: NodeInputs
    ) throws(ONNXProblem) -> ActivationView {
        try append(Activation(function), on: inputs.activation(0), inputs.node)
    }

    mutating func leakyReLU(_ inputs: NodeInputs) throws(ONNXProblem) -> ActivationView {
        let slope = try inputs.node.float("alpha", default: 0.01)
        guard slope.isFinite else {
            throw .unfit(what: "attribute 'alpha'", found: "\(slope)", expected: "a finite one")
        }
        return try function(.leakyReLU(slope: slope), inputs)
    }

    mutating func swish(_ inputs: NodeInputs) throws(ONNXProblem) -> ActivationView {
        let alpha = try inputs.node.float("alpha", default: 1)
        guard alpha == 1 else {
            throw .unfit(what: "attribute 'alpha'", found: "\(alpha)", expected: "1")
        }
        return try function(.silu, inputs)
    }

    /// `clip(alpha · x + beta, 0, 1)`
    mutating func hardSigmoid(_ inputs: NodeInputs) throws(ONNXProblem) -> ActivationView {
        let node = inputs.node
        let alpha = try node.float("alpha", default: 0.2)
        let beta = try node.float("beta", default: 0.5)
        if abs(alpha - 1 / 6) < 1e-6, beta == 0.5 { return try function(.hardSigmoid, inputs) }
        let scaled = try affine(
            inputs.activation(0), scale: [alpha], shift: [beta], purpose: "scale", node)
        return try append(Activation(.clip(lowest: 0, highest: 1)), on: scaled, node)
    }

    mutating func clip(_ inputs: NodeInputs) throws(ONNXProblem) -> ActivationView {
        let lowest = try inputs.optionalConstant(1, "the minimum")?.float(of: "the minimum")
        let highest = try inputs.optionalConstant(2, "the maximum")?.float(of: "the maximum")
        let largest = Float.greatestFiniteMagnitude
        let low = max(lowest ?? -largest, -largest)
        let high = min(highest ?? largest, largest)
        guard low <= high else {
            throw .unfit(
                what: "the range", found: "\(low) to \(high)", expected: "a minimum below a maximum"
            )
        }
        if low == -largest && high == largest { return try inputs.activation(0) }
        if low == 0 && high == largest { return try function(.relu, inputs) }
        return try function(.clip(lowest: low, highest: high), inputs)
    }

    // MARK: Two inputs

    mutating func arithmetic(
        _ operation: ONNXOperation, _ inputs: NodeInputs
    ) throws(ONNXProblem) -> ActivationView {
        guard inputs.count == 2 else {
            throw .unfit(what: "the number of inputs", found: "\(inputs.count)", expected: "2")
        }
        switch (try inputs.value(0), try inputs.value(1)) {
        case (.activation(let view), .constant(let constant)):
            let values = try channelValues(constant, shape: view.shape, "the constant")
            switch operation {
            case .add: return try affine(view, scale: [1], shift: values, inputs.node)
            case .sub: return try affine(view, scale: [1], shift: values.map { -$0 }, inputs.node)
            case .mul: return try affine(view, scale: values, shift: [0], inputs.node)
            default:
                return try affine(view, scale: values.map { 1 / $0 }, shift: [0], inputs.node)
            }
        case (.constant(let constant), .activation(let view)) where operation != .div:
            let values = try channelValues(constant, shape: view.shape, "the constant")
            switch operation {
            case .add: return try affine(view, scale: [1], shift: values, inputs.node)
            case .sub: return try affine(view, scale: [-1], shift: values, inputs.node)
            default: return try affine(view, scale: values, shift: [0], inputs.node)
            }
        case (.activation(let a), .activation(let b)) where operation == .add:
            guard a.shape == b.shape else { throw unequal(a, b, "equal ones") }
            return try append(Add(), on: [a, b], inputs.node)
        case (.activation(let a), .activation(let b)) where operation == .mul:
            return try product(a, b, inputs.node)
        default:
            throw .unfit(
                what: "the inputs", found: "two that depend on the network's input",
                expected: "one such and a constant; two for Add and Mul only")
        }
    }

    /// Of one shape, or a gate `[batch, channels, 1, 1]` for all positions of the other.
    private mutating func product(
        _ a: ActivationView, _ b: ActivationView, _ node: ONNXNode
    ) throws(ONNXProblem) -> ActivationView {
        func isGate(_ gate: ActivationView, of view: ActivationView) -> Bool {
            view.shape.count == 4 && gate.shape == view.shape[..<2] + [1, 1]
        }
        if a.shape == b.shape || isGate(b, of: a) {
            return try append(Multiply(), on: [a, b], node)
        }
        guard isGate(a, of: b) else {
            throw unequal(a, b, "equal ones, or [batch, channels, 1, 1] for one")
        }
        return try append(Multiply(), on: [b, a], node)
    }

    private func unequal(
        _ a: ActivationView, _ b: ActivationView, _ expected: String
    ) -> ONNXProblem {
        .unfit(
            what: "the shapes of the inputs",
            found: "\(describe(a.shape)) and \(describe(b.shape))",
            expected: expected)
    }

    /// A layer on several views; the result has the shape of the first.
    mutating func append(
        _ layer: any Layer, on views: [ActivationView], _ node: ONNXNode
    ) throws(ONNXProblem) -> ActivationView {
        var values: [Int] = []
        for view in views { values.append(try layerInput(view, for: node)) }
        let source = try graph.append(
            layer, named: names.name(node), inputs: values, origin: node)
        return ActivationView(source: source, shape: views[0].shape)
    }

    private mutating func affine(
        _ view: ActivationView, scale: [Float], shift: [Float], purpose: String? = nil,
        _ node: ONNXNode
    ) throws(ONNXProblem) -> ActivationView {
        guard (scale + shift).allSatisfy(\.isFinite) else {
            throw .unfit(what: "the constant", found: "not finite", expected: "a finite one")
        }
        let input = try layerInput(view, for: node)
        let shape = graph.shape(of: input)
        try budget.take([2, shape.last!], for: "the constant")
        let source = graph.append(
            .affine(scale: scale, shift: shift), named: names.name(node, purpose: purpose),
            inputs: [input], shape: shape, origin: node)
        return ActivationView(source: source, shape: view.shape)
    }

    /// A constant that goes with `[batch, channels, ...]`: one value, or one a channel.
    func channelValues(
        _ constant: ONNXConstant, shape: [Int], _ what: String
    ) throws(ONNXProblem) -> [Float] {
        if constant.count == 1, constant.shape.count <= shape.count { return constant.floats }
        let missing = shape.count - constant.shape.count
        let fits = constant.shape.enumerated().allSatisfy { index, size in
            index + missing == 1 ? size == shape[1] : size == 1
        }
        guard missing >= 0, missing <= 1, fits else {
            throw .unfit(
                what: "the shape of \(what)", found: "\(constant.shape)",
                expected: "one value, or one a channel of \(describe(shape))")
        }
        return constant.floats
    }
}
