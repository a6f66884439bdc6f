/// What a name of the file stands for while the graph is walked.
enum ONNXValue {
    case constant(ONNXConstant)
    case activation(ActivationView)
    case sequence([ONNXValue])

    var constant: ONNXConstant? {
        if case .constant(let constant) = self { return constant }
        return nil
    }
}

/// A value of the network under the shape that the file gives it.
///
/// Reshapes make no layer by themselves: what a layer needs is made when the layer comes.
struct ActivationView {
    /// What lies between the value of the network and this one.
    enum Form: Equatable {
        /// Nothing but the order of dimensions: elements in `[channels, height, width]` order.
        case plain
        /// `[batch, a, b, ...]` with `a` and `b`, which make up the channels, exchanged.
        case shuffled(groups: Int)
        /// Every `steps`-th position of `[vertical, horizontal]`, then zeros around: `[top, left,
        /// bottom, right]`.
        case window(steps: [Int], pads: [Int])
    }

    /// A value of the draft graph.
    var source: Int
    /// As in the file, with the batch in front.
    var shape: [Int]
    var form: Form = .plain
}

/// The inputs of a node by their place.
struct NodeInputs {
    let node: ONNXNode
    let values: [ONNXValue?]

    var count: Int { values.count }

    func isGiven(_ index: Int) -> Bool { index < count && values[index] != nil }

    func value(_ index: Int) throws(ONNXProblem) -> ONNXValue {
        guard index < count, let value = values[index] else {
            throw .unfit(what: "input \(index)", found: "missing", expected: "a tensor")
        }
        return value
    }

    func activation(_ index: Int) throws(ONNXProblem) -> ActivationView {
        switch try value(index) {
        case .activation(let view): return view
        case .constant:
            throw .unfit(
                what: "input \(index)", found: "a constant",
                expected: "a value that depends on the network's input")
        case .sequence:
            throw .unfit(what: "input \(index)", found: "a sequence", expected: "a tensor")
        }
    }

    /// A constant, or `nil` if the input is left out.
    func optionalConstant(_ index: Int, _ what: String) throws(ONNXProblem) -> ONNXConstant? {
        guard isGiven(index) else { return nil }
        return try constant(index, what)
    }

    func constant(_ index: Int, _ what: String) throws(ONNXProblem) -> ONNXConstant {
        guard case .constant(let constant) = try value(index) else {
            throw .unfit(
                what: what, found: "computed from the network's input", expected: "a constant")
        }
        return constant
    }
}
