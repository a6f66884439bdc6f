import PackedModel
import ThreadPool

/// A model whose references, shapes, windows, weights and numbers have been checked, with the shape and
/// the quantizer of every value.
///
/// Interpreter and planner read a model through this type only, so a model made by an attacker is
/// refused before anything is sized or indexed by it.
struct CheckedModel: Sendable {
    /// The most values (and the largest single size) a shape may have, batch not counted.
    static let mostValues = 1 << 28
    /// The most inputs of a node.
    static let mostInputs = 255

    /// A value of the network: 0 is the input, `k` is the output of node `k - 1`.
    struct Value: Sendable, Equatable {
        /// `[channels, height, width]` or `[features]`
        var shape: [Int]
        /// `nil` for the network's output, and in a model in floats.
        var quantizer: PackedQuantizer?

        var count: Int { shape.reduce(1, *) }
        /// Channels, height, width; a plain vector is one pixel of many channels.
        var planes: (channels: Int, height: Int, width: Int) {
            shape.count == 3 ? (shape[0], shape[1], shape[2]) : (count, 1, 1)
        }
    }

    let model: PackedModel
    /// One more than the nodes.
    private(set) var values: [Value]
    /// The weights of each node in plain coordinates; `nil` for a node without levels.
    private(set) var weights: [SparseRows?] = []
    /// The same for weights in half precision.
    private(set) var halves: [HalfRows?] = []

    /// - Parameter threads: spread weights out.
    init(
        _ model: PackedModel, threads: ThreadPool = ThreadPool(threads: 1)
    ) throws(EngineError) {
        self.model = model
        values = [try Self.inputValue(model.input)]
        guard let last = model.nodes.last else { throw .noNodes }
        for (index, node) in model.nodes.enumerated() {
            let place = EngineError.Place.node(node.name)
            try checkInputs(of: node, index, at: place)
            let inputs = node.inputs.map { values[$0] }
            let value = try output(of: node.operation, reading: inputs, at: place)
            try checkArithmetic(of: node.operation, value, at: place)
            values.append(value)
        }
        guard values[model.nodes.count].quantizer == nil else {
            throw .output(.node(last.name), isQuantized: true)
        }
        let tensors = model.nodes.map { $0.operation.layer?.weights }
        let cost = { tensors[$0]?.gaps.count ?? 0 }
        let spread = threads.map(tensors.count, cost: cost) { index in
            Result { () throws(EngineError) in
                try tensors[index].map { tensor throws(EngineError) in
                    try Self.rows(of: tensor, at: .node(model.nodes[index].name))
                }
            }
        }
        for rows in spread {
            let rows = try rows.get()
            weights.append(rows?.levels)
            halves.append(rows?.halves)
        }
    }

    /// Weights of either kind in plain coordinates.
    private static func rows(
        of tensor: PackedTensor, at place: EngineError.Place
    ) throws(EngineError) -> (levels: SparseRows?, halves: HalfRows?) {
        if tensor.halves.isEmpty { return (try SparseRows(tensor, at: place), nil) }
        return (nil, try HalfRows(tensor, at: place))
    }

    /// The first value that node `index` reads.
    func input(of index: Int) -> Value { values[model.nodes[index].inputs[0]] }

    /// All values that node `index` reads.
    func inputs(of index: Int) -> [Value] { model.nodes[index].inputs.map { values[$0] } }

    /// How many numbers the network returns a sample.
    var outputCount: Int { values[values.count - 1].count }

    /// Whether every output of layer `index` reads the whole input: a linear layer, or a convolution
    /// with a single place.
    func readsWholeInput(_ index: Int) -> Bool {
        switch model.nodes[index].operation {
        case .linear: true
        case .convolution(_, let window):
            window.groups == 1 && window.padding == [0, 0]
                && window.kernel == Array(input(of: index).shape[1...])
        default: false
        }
    }

    // MARK: References

    private func checkInputs(
        of node: PackedNode, _ index: Int, at place: EngineError.Place
    ) throws(EngineError) {
        let expected = node.operation.inputCounts
        guard expected.contains(node.inputs.count) else {
            throw .inputCount(place, found: node.inputs.count, expected: expected)
        }
        for input in node.inputs where !(0...index).contains(input) {
            throw .unknownInput(place, found: input, highest: index)
        }
        let isReal = !model.isFloat && values[index].quantizer == nil
        // Real values end the network: nothing but what reads the last one may follow.
        if isReal, !node.operation.readsRealValues || node.inputs != [index] {
            throw .output(.node(model.nodes[index - 1].name), isQuantized: false)
        }
        if case .softmax = node.operation,
            !(isReal || model.isFloat) || index != model.nodes.count - 1
        {
            throw .softmax(place)
        }
    }

    /// Checks that the operation belongs to the arithmetic of the model.
    private func checkArithmetic(
        of operation: PackedOperation, _ result: Value, at place: EngineError.Place
    ) throws(EngineError) {
        if model.isFloat {
            guard result.quantizer == nil else { throw .arithmetic(place, isFloat: true) }
            return
        }
        switch operation {
        case .averagePooling, .add, .multiply, .concatenation, .function:
            guard result.quantizer != nil else { throw .arithmetic(place, isFloat: false) }
        default:
            let halves = operation.layer?.weights.halves ?? []
            guard halves.isEmpty else { throw .arithmetic(place, isFloat: false) }
        }
    }

    // MARK: Shapes

    private func output(
        of operation: PackedOperation, reading inputs: [Value], at place: EngineError.Place
    ) throws(EngineError) -> Value {
        let input = inputs[0]
        switch operation {
        case .linear(let layer):
            try Self.checkShape(layer.weights.shape, sizes: [2], at: place)
            try checkLayer(layer, inputs: input.count, at: place)
            return Value(shape: [layer.weights.shape[0]], quantizer: layer.output)
        case .convolution(let layer, let window):
            return try convolution(layer, window, over: input, at: place)
        case .maxPooling(let window):
            let places = try Self.pooledPlaces(window, over: input, at: place)
            return Value(shape: [input.shape[0]] + places, quantizer: input.quantizer)
        case .averagePooling(let window, let output):
            try Self.check(output, at: place)
            let places = try Self.pooledPlaces(window, over: input, at: place)
            if let quantizer = input.quantizer { try checkSum(window, of: quantizer, at: place) }
            return Value(shape: [input.shape[0]] + places, quantizer: output)
        case .flatten:
            return Value(shape: [input.count], quantizer: input.quantizer)
        case .reshape(let shape):
            try Self.checkShape(shape, sizes: [1, 3], at: place)
            let result = Value(shape: shape, quantizer: input.quantizer)
            guard result.count == input.count else {
                throw .count(
                    place, of: "values of the new shape", found: result.count,
                    expected: [input.count])
            }
            return result
        case .add(let activation, let output):
            try Self.checkClamp(activation, at: place)
            try Self.check(output, at: place)
            for other in inputs where other.shape != input.shape {
                throw .inputShape(place, found: other.shape, expected: input.shape)
            }
            return Value(shape: input.shape, quantizer: output)
        case .multiply(let output):
            try Self.check(output, at: place)
            let isOnePerChannel =
                input.shape.count == 3 && inputs[1].shape == [input.shape[0], 1, 1]
            guard inputs[1].shape == input.shape || isOnePerChannel else {
                throw .inputShape(place, found: inputs[1].shape, expected: input.shape)
            }
            return Value(shape: input.shape, quantizer: output)
        case .concatenation(let output):
            try Self.check(output, at: place)
            return Value(shape: try Self.joined(inputs, at: place), quantizer: output)
        case .slice(let channels):
            let count = input.shape[0]
            guard channels.lowerBound >= 0, channels.upperBound <= count, !channels.isEmpty else {
                throw .count(
                    place, of: "channels to take up to \(channels.upperBound)",
                    found: channels.lowerBound, expected: [0, count])
            }
            return Value(
                shape: [channels.count] + input.shape[1...], quantizer: input.quantizer)
        case .channelShuffle(let groups):
            try Self.checkGroups(groups, of: input.shape[0], at: place)
            return input
        case .padding(let border):
            return try padded(input, border, at: place)
        case .function(let function, let output):
            try Self.checkFunction(function, at: place)
            try Self.check(output, at: place)
            return Value(shape: input.shape, quantizer: output)
        case .softmax:
            return input
        }
    }

    private func convolution(
        _ layer: PackedLayer, _ window: PackedWindow, over input: Value,
        at place: EngineError.Place
    ) throws(EngineError) -> Value {
        let shape = layer.weights.shape
        try Self.checkShape(shape, sizes: [4], at: place)
        let places = try Self.places(
            of: window, over: input, mostPadding: [Self.mostValues, Self.mostValues], at: place)
        for axis in 0..<2 where shape[2 + axis] != window.kernel[axis] {
            throw .value(place, of: "the window's kernel", found: Double(shape[2 + axis]))
        }
        try Self.checkGroups(window.groups, of: input.shape[0], at: place)
        try Self.checkGroups(window.groups, of: shape[0], at: place)
        try Self.checkShape([shape[0]] + places, sizes: [3], at: place)
        let taps = input.shape[0] / window.groups * window.kernel[0] * window.kernel[1]
        try checkLayer(layer, inputs: taps, at: place)
        return Value(shape: [shape[0]] + places, quantizer: layer.output)
    }

    /// Checks that the sum of a window's codes fits an accumulator.
    private func checkSum(
        _ window: PackedWindow, of input: PackedQuantizer, at place: EngineError.Place
    ) throws(EngineError) {
        let bound = window.kernel[0] * window.kernel[1] * Int(input.highest - input.lowest)
        guard bound <= Int(Int32.max) else {
            throw .accumulator(place, output: 0, bound: bound, limit: Int(Int32.max))
        }
    }

    private func padded(
        _ input: Value, _ border: [Int], at place: EngineError.Place
    ) throws(EngineError) -> Value {
        guard input.shape.count == 3 else { throw .shape(place, found: input.shape, sizes: [3]) }
        guard border.count == 4 else {
            throw .count(place, of: "sides of the padding", found: border.count, expected: [4])
        }
        for side in border where !(0...Self.mostValues).contains(side) {
            throw .value(place, of: "a padding", found: Double(side))
        }
        let shape = [
            input.shape[0], border[0] + input.shape[1] + border[2],
            border[1] + input.shape[2] + border[3],
        ]
        try Self.checkShape(shape, sizes: [3], at: place)
        return Value(shape: shape, quantizer: input.quantizer)
    }

    /// The shape of all inputs behind each other.
    private static func joined(
        _ inputs: [Value], at place: EngineError.Place
    ) throws(EngineError) -> [Int] {
        let first = inputs[0].shape
        var channels = 0
        for input in inputs {
            let expected = [input.shape[0]] + first[1...]
            guard input.shape == expected else {
                throw .inputShape(place, found: input.shape, expected: expected)
            }
            channels += input.shape[0]
        }
        try checkShape([channels] + first[1...], sizes: [first.count], at: place)
        return [channels] + first[1...]
    }

    /// Checks a layer whose outputs each read `inputs` values, but for its codes and positions.
    private func checkLayer(
        _ layer: PackedLayer, inputs: Int, at place: EngineError.Place
    ) throws(EngineError) {
        let shape = layer.weights.shape
        let outputs = shape[0]
        guard layer.weights.count == outputs * inputs else {
            throw .count(
                place, of: "weights an output", found: layer.weights.count / outputs,
                expected: [inputs])
        }
        try Self.checkScales(layer, outputs: outputs, at: place)
        try Self.checkClamp(layer.activation, at: place)
        if let output = layer.output { try Self.check(output, at: place) }
    }
}

extension PackedOperation {
    /// How many inputs a node has.
    fileprivate var inputCounts: ClosedRange<Int> {
        switch self {
        case .add, .concatenation: 2...CheckedModel.mostInputs
        case .multiply: 2...2
        default: 1...1
        }
    }

    /// Whether the network's real-valued output may be read.
    fileprivate var readsRealValues: Bool {
        switch self {
        case .flatten, .reshape, .softmax: true
        default: false
        }
    }
}
