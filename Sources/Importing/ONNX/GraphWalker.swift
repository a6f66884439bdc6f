import Networks
import ONNXSchema
import Tensors

/// Walks the nodes of a file in order: computes what is known, follows shapes, and drafts layers for
/// the rest.
struct GraphWalker {
    /// What stands in the place of the batch size in all shapes.
    let batch: Int
    var graph: DraftGraph
    var names = LayerNames()
    var budget: ImportBudget
    /// Names of values, as of `ONNXModel`.
    let ending: Set<String>
    /// Operations at the end that the network goes without.
    var leftOut: [ONNXOperation] = []
    private let reader: ONNXTensorReader
    private var values: [String: ONNXValue] = [:]
    /// Initializers that are not looked at yet, and how many nodes are still to take them.
    private var stored: [String: ONNXTensorProto] = [:]
    private var usesLeft: [String: Int] = [:]
    /// Layers that only give a value another shape, for the next one that needs the same.
    private var reshaped: [ReshapedKey: Int] = [:]

    private struct ReshapedKey: Hashable {
        var source: Int
        var shape: [Int]
    }

    init(_ model: ONNXModel) throws(ONNXProblem) {
        batch = model.inputShape[0]
        ending = model.ending
        reader = model.reader
        let shape = model.inputShape
        graph = DraftGraph(
            inputShape: shape.count == 4 ? [shape[2], shape[3], shape[1]] : [shape[1]])
        var elements = 0
        for tensor in model.initializers {
            guard stored.updateValue(tensor, forKey: tensor.name) == nil,
                tensor.name != model.input
            else { throw .duplicateValue(tensor.name) }
            elements += reader.storedCount(of: tensor)
        }
        for node in model.nodes where node.operation == ONNXOperation.constant.rawValue {
            if let tensor = try? node.tensor("value") { elements += reader.storedCount(of: tensor) }
        }
        budget = ImportBudget(stored: elements)
        for node in model.nodes { for name in node.inputs { usesLeft[name, default: 0] += 1 } }
        values[model.input] = .activation(ActivationView(source: 0, shape: shape))
    }

    mutating func visit(_ node: ONNXNode) throws(ONNXProblem) {
        guard let operation = ONNXOperation(rawValue: node.operation) else {
            throw .unsupportedOperation(
                onValues: ONNXOperation.valueNames, onConstants: ONNXOperation.constantNames)
        }
        var given: [ONNXValue?] = []
        for name in node.inputs { given.append(name.isEmpty ? nil : try value(named: name)) }
        let inputs = NodeInputs(node: node, values: given)
        if let constant = try folded(operation, inputs) {
            guard constant.shape.count <= ONNXTensorReader.largestRank else {
                throw .unfit(
                    what: "the number of axes", found: "\(constant.shape.count)",
                    expected: "at most \(ONNXTensorReader.largestRank)")
            }
            try budget.take(constant.shape, for: "the result")
            try define(node.outputs, [.constant(constant)])
        } else {
            try define(node.outputs, try results(of: operation, inputs))
        }
    }

    /// The value of the network that is its output.
    mutating func output(named name: String) throws(ONNXProblem) -> Int {
        guard case .activation(let view) = try value(named: name) else {
            throw .unfit(
                what: "output '\(name)'", found: "a constant",
                expected: "a value that depends on the input")
        }
        let node = ONNXNode(ONNXNodeProto.with { $0.name = "output" }, index: 0, opset: 0)
        return try layerInput(view, for: node)
    }

    // MARK: Values by name

    private mutating func value(named name: String) throws(ONNXProblem) -> ONNXValue {
        if let value = values[name] { return value }
        guard let tensor = stored[name] else { throw .undefinedValue(name) }
        let constant = try reader.constant(tensor)
        try budget.take(constant.shape, for: "'\(name)'")
        let left = usesLeft[name, default: 1] - 1
        usesLeft[name] = left
        // Large tensors are used once as a rule, and their bytes not kept any longer.
        if left <= 0 {
            stored[name]?.rawData = .init()
            stored[name]?.floatData = []
            values[name] = constant.count <= Self.smallCount ? .constant(constant) : nil
        } else if constant.count <= Self.smallCount {
            values[name] = .constant(constant)
        }
        return .constant(constant)
    }

    private static let smallCount = 4096

    private mutating func define(
        _ outputs: [String], _ results: [ONNXValue]
    ) throws(ONNXProblem) {
        for (name, result) in zip(outputs, results) where !name.isEmpty {
            guard values[name] == nil, stored[name] == nil else { throw .duplicateValue(name) }
            values[name] = result
        }
    }

    // MARK: What is known

    private mutating func folded(
        _ operation: ONNXOperation, _ inputs: NodeInputs
    ) throws(ONNXProblem) -> ONNXConstant? {
        let node = inputs.node
        switch operation {
        case .constant: return try constant(node)
        case .constantOfShape:
            let shape = try inputs.constant(0, "the shape").integers(of: "the shape")
            try budget.take(shape, for: "the result")
            guard shape.count <= ONNXTensorReader.largestRank else {
                throw .unfit(
                    what: "the number of axes", found: "\(shape.count)",
                    expected: "at most \(ONNXTensorReader.largestRank)")
            }
            let value =
                try node.tensor("value").map { tensor throws(ONNXProblem) in
                    try reader.constant(tensor)
                } ?? ONNXConstant(shape: [1], elements: .floats([0]))
            guard value.count == 1 else {
                throw .unfit(
                    what: "attribute 'value'", found: "of \(value.count) elements", expected: "one")
            }
            return value.reshaped([1]).broadcast(to: shape)
        case .shape:
            if case .activation(let view) = try inputs.value(0) {
                return ONNXConstant(try ShapeArithmetic(node).section(of: view.shape))
            }
        case .castLike:
            // What is computed from the network's input is a tensor of floats.
            if case .activation = try inputs.value(1),
                case .constant(let value) = try inputs.value(0)
            {
                return ONNXConstant(shape: value.shape, elements: .floats(value.floats))
            }
        default: break
        }
        var constants: [ONNXConstant?] = []
        for value in inputs.values {
            guard let value else {
                constants.append(nil)
                continue
            }
            guard let constant = value.constant else { return nil }
            constants.append(constant)
        }
        return try ConstantFolding(node: node, operation: operation, inputs: constants)
            .result(&budget)
    }

    private func constant(_ node: ONNXNode) throws(ONNXProblem) -> ONNXConstant {
        if let tensor = try node.tensor("value") { return try reader.constant(tensor) }
        if let value = try node.integer("value_int") {
            return ONNXConstant(shape: [], integers: [value])
        }
        if let values = try node.integers("value_ints") { return ONNXConstant(values) }
        if let value = try node.float("value_float") {
            return ONNXConstant(shape: [], elements: .floats([value]))
        }
        if let values = try node.floats("value_floats") {
            return ONNXConstant(shape: [values.count], elements: .floats(values))
        }
        throw .unfit(
            what: "the constant", found: "in no attribute that is read",
            expected: "value, value_int, value_ints, value_float or value_floats")
    }

    // MARK: What depends on the input

    private mutating func results(
        of operation: ONNXOperation, _ inputs: NodeInputs
    ) throws(ONNXProblem) -> [ONNXValue] {
        switch operation {
        case .split: return try split(inputs).map(ONNXValue.activation)
        case .splitToSequence: return [.sequence(try splitToSequence(inputs))]
        case .sequenceAt: return [try element(of: inputs)]
        default: return [.activation(try result(of: operation, inputs))]
        }
    }

    private mutating func result(
        of operation: ONNXOperation, _ inputs: NodeInputs
    ) throws(ONNXProblem) -> ActivationView {
        switch operation {
        case .conv: try convolution(inputs)
        case .gemm: try gemm(inputs)
        case .matMul: try matMul(inputs)
        case .batchNormalization: try batchNormalization(inputs)
        case .averagePool, .maxPool: try pooling(inputs, isMax: operation == .maxPool)
        case .globalAveragePool, .globalMaxPool:
            try globalPooling(inputs, isMax: operation == .globalMaxPool, keepsAxes: true)
        case .reduceMean, .reduceMax: try reduction(inputs, isMax: operation == .reduceMax)
        case .add, .sub, .mul, .div: try arithmetic(operation, inputs)
        case .relu: try function(.relu, inputs)
        case .sigmoid: try function(.sigmoid, inputs)
        case .hardSwish: try function(.hardSwish, inputs)
        case .leakyRelu: try leakyReLU(inputs)
        case .swish: try swish(inputs)
        case .hardSigmoid: try hardSigmoid(inputs)
        case .clip: try clip(inputs)
        case .softmax: try append(Softmax(), on: classes(inputs, defaultAxis: -1), inputs.node)
        case .logSoftmax:
            try end(with: operation, on: classes(inputs, defaultAxis: -1), inputs.node)
        case .argMax:
            try end(with: operation, on: classes(inputs, defaultAxis: 0), inputs.node)
        case .concat: try concatenation(inputs)
        case .slice: try slice(inputs)
        case .pad: try pad(inputs)
        case .reshape, .flatten, .squeeze, .unsqueeze: try reshape(operation, inputs)
        case .transpose: try transpose(inputs)
        case .identity, .dropout, .cast, .castLike, .expand: try unchanged(operation, inputs)
        default:
            throw .unfit(
                what: "an input", found: "computed from the network's input", expected: "a constant"
            )
        }
    }

    // MARK: Drafting

    /// A layer on one view, whose result has the view's shape.
    mutating func append(
        _ layer: any Layer, on view: ActivationView, _ node: ONNXNode
    ) throws(ONNXProblem) -> ActivationView {
        let input = try layerInput(view, for: node)
        let source = try graph.append(layer, named: names.name(node), inputs: [input], origin: node)
        return ActivationView(source: source, shape: view.shape)
    }

    /// The value of the network that a layer takes for a view, with layers in between if it needs any.
    mutating func layerInput(
        _ view: ActivationView, for node: ONNXNode
    ) throws(ONNXProblem) -> Int {
        let view = try windowed(view, for: node)
        guard view.form == .plain else {
            throw .unfit(
                what: "the input", found: "transposed",
                expected: "channels in groups that a Reshape puts together again")
        }
        let shape = view.shape
        guard shape.first == batch, shape.count == 4 || shape.count == 2 else {
            throw .unfit(
                what: "the shape of the input", found: describe(shape),
                expected: "[batch, channels, height, width] or [batch, features]")
        }
        let wanted = shape.count == 4 ? [shape[2], shape[3], shape[1]] : [shape[1]]
        if graph.shape(of: view.source) == wanted { return view.source }
        let key = ReshapedKey(source: view.source, shape: wanted)
        if let known = reshaped[key] { return known }
        let layer: any Layer = wanted.count == 1 ? Flatten() : Reshape(wanted)
        let value = try graph.append(
            layer, named: names.name(node, purpose: wanted.count == 1 ? "flatten" : "reshape"),
            inputs: [view.source], origin: node)
        reshaped[key] = value
        return value
    }

    /// The view with its steps and pads made by layers.
    mutating func windowed(
        _ view: ActivationView, for node: ONNXNode
    ) throws(ONNXProblem) -> ActivationView {
        guard case .window(let steps, let pads) = view.form else { return view }
        var source = view.source
        if steps != [1, 1] {
            source = try graph.append(
                MaxPooling(kernel: [1, 1], stride: steps),
                named: names.name(node, purpose: "steps"),
                inputs: [source], origin: node)
        }
        if pads != [0, 0, 0, 0] {
            source = try graph.append(
                Padding(top: pads[0], left: pads[1], bottom: pads[2], right: pads[3]),
                named: names.name(node, purpose: "pad"), inputs: [source], origin: node)
        }
        return ActivationView(source: source, shape: view.shape)
    }

    /// `[batch, channels, height, width]`, or the problem.
    func imageShape(_ view: ActivationView) throws(ONNXProblem) -> [Int] {
        guard view.shape.count == 4, view.shape[0] == batch else {
            throw .unfit(
                what: "the shape of the input", found: describe(view.shape),
                expected: "[batch, channels, height, width]")
        }
        return view.shape
    }

    /// A shape for people: the batch is a word where it may be any.
    func describe(_ shape: [Int]) -> String {
        let sizes = shape.map { $0 == ONNXModel.anyBatch ? "batch" : "\($0)" }
        return "[\(sizes.joined(separator: ", "))]"
    }
}
