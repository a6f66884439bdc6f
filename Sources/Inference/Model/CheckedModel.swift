import PackedModel

/// A model whose references, shapes, windows, weights and numbers have been checked, with the shape and
/// the quantizer of every value.
///
/// Interpreter and planner read a model through this type only, so a model made by an attacker is
/// refused before anything is sized or indexed by it.
struct CheckedModel: Sendable {
    /// The most values (and the largest single size) a shape may have, batch not counted.
    static let mostValues = 1 << 28

    /// A value of the network: 0 is the input, `k` is the output of node `k - 1`.
    struct Value: Sendable, Equatable {
        /// `[channels, height, width]` or `[features]`
        var shape: [Int]
        /// `nil` for the network's output.
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
    /// The weights of each node in plain coordinates; `nil` for a node without weights.
    private(set) var weights: [SparseRows?] = []

    init(_ model: PackedModel) throws(EngineError) {
        self.model = model
        values = [try Self.inputValue(model.input)]
        guard !model.nodes.isEmpty else { throw .noNodes }
        for (index, node) in model.nodes.enumerated() {
            let place = EngineError.Place.node(node.name)
            guard node.inputs.count == 1 else {
                throw .inputCount(place, found: node.inputs.count, expected: 1)
            }
            guard (0...index).contains(node.inputs[0]) else {
                throw .unknownInput(place, found: node.inputs[0], highest: index)
            }
            let input = values[node.inputs[0]]
            values.append(try output(of: node.operation, reading: input, at: place))
            let isLast = index == model.nodes.count - 1
            guard (values[index + 1].quantizer == nil) == isLast else {
                throw .output(place, isQuantized: isLast)
            }
        }
    }

    /// The value that node `index` reads.
    func input(of index: Int) -> Value { values[model.nodes[index].inputs[0]] }

    /// How many numbers the network returns a sample.
    var outputCount: Int { values[values.count - 1].count }

    private mutating func output(
        of operation: PackedOperation, reading input: Value, at place: EngineError.Place
    ) throws(EngineError) -> Value {
        weights.append(nil)
        switch operation {
        case .linear(let layer):
            try Self.checkShape(layer.weights.shape, sizes: [2], at: place)
            weights[weights.count - 1] = try checkLayer(layer, inputs: input.count, at: place)
            return Value(shape: [layer.weights.shape[0]], quantizer: layer.output)
        case .convolution(let layer, let window):
            let shape = layer.weights.shape
            try Self.checkShape(shape, sizes: [4], at: place)
            guard Array(shape[2...]) == window.kernel else {
                throw .value(place, of: "the window's kernel", found: Double(shape[2]))
            }
            let places = try Self.places(of: window, over: input, padded: true, at: place)
            try Self.checkShape([shape[0]] + places, sizes: [3], at: place)
            let taps = input.shape[0] * window.kernel[0] * window.kernel[1]
            weights[weights.count - 1] = try checkLayer(layer, inputs: taps, at: place)
            return Value(shape: [shape[0]] + places, quantizer: layer.output)
        case .maxPooling(let window):
            let places = try Self.places(of: window, over: input, padded: false, at: place)
            return Value(shape: [input.shape[0]] + places, quantizer: input.quantizer)
        case .flatten:
            return Value(shape: [input.count], quantizer: input.quantizer)
        default: fatalError("not yet")
        }
    }

    /// Checks a layer whose outputs each read `inputs` values, and spreads its weights out.
    private func checkLayer(
        _ layer: PackedLayer, inputs: Int, at place: EngineError.Place
    ) throws(EngineError) -> SparseRows {
        let shape = layer.weights.shape
        let outputs = shape[0]
        guard layer.weights.count == outputs * inputs else {
            throw .count(
                place, of: "weights an output", found: layer.weights.count / outputs,
                expected: [inputs])
        }
        try Self.checkScales(layer, outputs: outputs, at: place)
        if let output = layer.output { try Self.check(output, at: place) }
        return try SparseRows(layer.weights, at: place)
    }
}

// MARK: Single checks

extension CheckedModel {
    private static func inputValue(_ input: PackedInput) throws(EngineError) -> Value {
        try checkShape(input.shape, sizes: [1, 3], at: .input)
        // A plain vector may be normalised as a whole or value by value.
        let channels = input.shape.count == 3 ? [input.shape[0]] : [1, input.shape[0]]
        for (name, list) in [("means", input.mean), ("deviations", input.deviation)]
        where !channels.contains(list.count) || list.count != input.mean.count {
            throw .count(.input, of: name, found: list.count, expected: channels)
        }
        for mean in [input.pixelScale] + input.mean where !mean.isFinite {
            throw .value(.input, of: "a mean or the pixel scale", found: Double(mean))
        }
        for deviation in input.deviation where !deviation.isFinite || deviation == 0 {
            throw .value(.input, of: "a deviation", found: Double(deviation))
        }
        try check(input.quantizer, at: .input)
        return Value(shape: input.shape, quantizer: input.quantizer)
    }

    static func checkShape(
        _ shape: [Int], sizes: [Int], at place: EngineError.Place
    ) throws(EngineError) {
        var count = 1
        var isSmall = sizes.contains(shape.count)
        for size in shape where isSmall {
            isSmall = size > 0 && size <= mostValues / count
            if isSmall { count *= size }
        }
        guard isSmall else { throw .shape(place, found: shape, sizes: sizes) }
    }

    private static func check(
        _ quantizer: PackedQuantizer, at place: EngineError.Place
    ) throws(EngineError) {
        guard (2...8).contains(quantizer.bits) else {
            throw .value(place, of: "the width of a quantizer", found: Double(quantizer.bits))
        }
        guard quantizer.scale.isNormal, quantizer.scale > 0 else {
            throw .value(place, of: "the scale of a quantizer", found: Double(quantizer.scale))
        }
        guard quantizer.offset.isFinite else {
            throw .value(place, of: "the offset of a quantizer", found: Double(quantizer.offset))
        }
    }

    private static func checkScales(
        _ layer: PackedLayer, outputs: Int, at place: EngineError.Place
    ) throws(EngineError) {
        let scales = layer.weights.scales
        guard scales.count == 1 || scales.count == outputs else {
            throw .count(place, of: "scales", found: scales.count, expected: [1, outputs])
        }
        for scale in scales where !scale.isFinite || scale == 0 {
            throw .value(place, of: "a scale of weights", found: Double(scale))
        }
        guard layer.bias.codes.count == outputs else {
            throw .count(
                place, of: "bias codes", found: layer.bias.codes.count, expected: [outputs])
        }
        guard layer.bias.scale.isFinite, layer.bias.scale > 0 else {
            throw .value(place, of: "the scale of the bias", found: Double(layer.bias.scale))
        }
    }

    /// Height and width of what a window yields.
    private static func places(
        of window: PackedWindow, over input: Value, padded: Bool, at place: EngineError.Place
    ) throws(EngineError) -> [Int] {
        guard input.shape.count == 3 else { throw .shape(place, found: input.shape, sizes: [3]) }
        let error = EngineError.window(
            place,
            .init(
                kernel: window.kernel, stride: window.stride, padding: window.padding,
                input: Array(input.shape[1...])))
        for pair in [window.kernel, window.stride, window.padding] where pair.count != 2 {
            throw error
        }
        for axis in 0..<2 {
            let padding = window.padding[axis]
            guard
                window.kernel[axis] > 0, (0...(padded ? mostValues : 0)).contains(padding),
                (1...mostValues).contains(window.stride[axis]),
                window.kernel[axis] <= input.shape[1 + axis] + 2 * padding
            else { throw error }
        }
        // The bordered input must be as limited as every other value.
        let sizes = (0..<2).map { input.shape[1 + $0] + 2 * window.padding[$0] }
        let bordered = (0..<2).map { roundedUp(sizes[$0], to: window.stride[$0]) }
        try checkShape([input.shape[0]] + bordered, sizes: [3], at: place)
        return (0..<2).map { (sizes[$0] - window.kernel[$0]) / window.stride[$0] + 1 }
    }
}
