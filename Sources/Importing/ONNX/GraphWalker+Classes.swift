import Networks

/// Operations over the classes, which networks end in.
extension GraphWalker {
    /// The input `[batch, classes]` of a node that looks at all classes of a sample.
    func classes(
        _ inputs: NodeInputs, defaultAxis: Int
    ) throws(ONNXProblem) -> ActivationView {
        let view = try inputs.activation(0)
        let axis = try ShapeArithmetic(inputs.node).axis(
            inputs.node.integer("axis", default: defaultAxis), rank: view.shape.count)
        guard view.shape.count == 2, axis == 1 else {
            throw .unfit(
                what: "the axis", found: "\(axis) of \(describe(view.shape))",
                expected: "1 of [batch, features]")
        }
        return view
    }

    /// The scores that a node at the end compares, in its place: of ArgMax and LogSoftmax, which do not
    /// change which class is the largest.
    mutating func end(
        with operation: ONNXOperation, on scores: ActivationView, _ node: ONNXNode
    ) throws(ONNXProblem) -> ActivationView {
        guard let output = node.outputs.first, ending.contains(output) else {
            throw .unfit(
                what: "the result", found: "the input of other operations",
                expected: "the network's output")
        }
        leftOut.append(operation)
        return scores
    }
}
