import PackedModel

extension Container {
    /// Checks that a model is one that can be run: shapes follow from node to node, numbers are in their
    /// ranges, positions and codes are inside. Costs O(nonzeros).
    ///
    /// Every model that `Container.read` returns has passed.
    ///
    /// - Throws: `outOfRange`, `invalidNumber` or `repeatedLevel`, with the section of a file that the
    ///   wrong field would stand in.
    public static func validate(_ model: PackedModel) throws(ContainerError) {
        try check(model.input)
        try require(model.nodes.count, in: 1...Limits.nodes, "number of nodes")
        var shapes = [model.input.shape]
        var isReal = false
        for (index, node) in model.nodes.enumerated() {
            try checkInputs(of: node, index, isReal: isReal, isFloat: model.isFloat)
            let inputs = node.inputs.map { shapes[$0] }
            try checkOperation(of: node, input: inputs[0], isFloat: model.isFloat)
            let shape = try node.operation.outputShape(inputs: inputs, node: node.name)
            _ = try checkedProduct(
                shape, limit: Limits.values, "output of node \"\(node.name)\"", .metadata)
            shapes.append(shape)
            if let layer = node.operation.layer, layer.output == nil { isReal = !model.isFloat }
            if case .softmax = node.operation {
                let last = model.nodes.count
                try require(index + 1, in: last...last, "place of softmax \"\(node.name)\"")
            }
        }
        if !model.classNames.isEmpty {
            let outputs = shapes[model.nodes.count].reduce(1, *)
            try require(model.classNames.count, in: outputs...outputs, "number of class names")
        }
    }
}

/// Checks the input's shape and what turns samples into codes.
private func check(_ input: PackedInput) throws(ContainerError) {
    if input.shape.count != 3 {
        try require(input.shape.count, in: 1...1, "dimensions of the input")
    }
    _ = try checkedProduct(input.shape, limit: Limits.values, "input shape", .metadata)
    try require(input.pixelScale, .finite, "pixel scale")
    if input.mean.count != 1 {
        try require(
            input.mean.count, in: input.shape[0]...input.shape[0], "number of means")
    }
    try require(
        input.deviation.count, in: input.mean.count...input.mean.count, "number of deviations")
    for mean in input.mean { try require(mean, .finite, "mean") }
    for deviation in input.deviation { try require(deviation, .nonzero, "deviation") }
    if let quantizer = input.quantizer { try check(quantizer, "input") }
}

private func check(_ quantizer: PackedQuantizer, _ name: String) throws(ContainerError) {
    try require(quantizer.bits, in: 2...8, "bits of the quantizer of \(name)")
    try require(quantizer.scale, .positive, "scale of the quantizer of \(name)")
    try require(quantizer.offset, .finite, "offset of the quantizer of \(name)")
}

/// Checks which values node `index` reads; `isReal` says that the value before it is the real result of
/// a model in integers.
private func checkInputs(
    of node: PackedNode, _ index: Int, isReal: Bool, isFloat: Bool
) throws(ContainerError) {
    let field = "inputs of node \"\(node.name)\""
    let kind = node.operation.kind
    try require(node.inputs.count, in: kind.inputCounts, "number of \(field)")
    for input in node.inputs { try require(input, in: 0...index, field) }
    if isReal {
        // Nothing but what ends the network may stand behind a real-valued result.
        try require(kind.readsRealValues ? 0 : 1, in: 0...0, "real values in \(field)")
        try require(node.inputs[0], in: index...index, field)
    } else if kind == .softmax, !isFloat {
        throw .outOfRange(
            section: .metadata, field: "real values in \(field)", found: 0, expected: 1...1)
    }
}

/// Checks the numbers of an operation: weights, activation functions and quantizers.
private func checkOperation(
    of node: PackedNode, input: [Int], isFloat: Bool
) throws(ContainerError) {
    if let own = node.operation.ownQuantizer {
        let expected = isFloat ? 0 : 1
        try require(
            own == nil ? 0 : 1, in: expected...expected, "quantizers of node \"\(node.name)\"")
        if let own { try check(own, "node \"\(node.name)\"") }
    }
    if let layer = node.operation.layer {
        let misplaced = isFloat ? (layer.output == nil ? 0 : 1) : layer.weights.halves.count
        try require(
            misplaced, in: 0...0,
            "\(isFloat ? "quantizers" : "halves") of node \"\(node.name)\"")
    }
    switch node.operation {
    case .linear(let layer):
        try check(layer, window: nil, input: input, name: node.name)
    case .convolution(let layer, let window):
        try check(layer, window: window, input: input, name: node.name)
    case .add(let activation, _):
        try check(activation, upTo: PackedActivation.largestClamp, node.name)
    case .function(let activation, _):
        try check(activation, upTo: PackedActivation.largest, node.name)
    default:
        break
    }
}

private func check(
    _ activation: PackedActivation, upTo largest: Int, _ name: String
) throws(ContainerError) {
    let field = "activation of node \"\(name)\""
    try require(activation.number, in: 0...largest, field)
    for parameter in activation.parameters { try require(parameter, .finite, field) }
    if case .clip(let lowest, let highest) = activation {
        try require(lowest <= highest ? 0 : 1, in: 0...0, "crossed bounds in \(field)")
    }
}

private func check(
    _ layer: PackedLayer, window: PackedWindow?, input: [Int], name: String
) throws(ContainerError) {
    let shape = layer.weights.shape
    try check(layer.activation, upTo: PackedActivation.largestClamp, name)
    try require(shape.count, in: 1...4, "dimensions of the weights of node \"\(name)\"")
    let expected = try PackedOperation.weightShape(
        outputs: shape[0], window: window, input: input, node: name)
    try require(
        shape.count, in: expected.count...expected.count,
        "dimensions of the weights of node \"\(name)\"")
    for (found, needed) in zip(shape, expected) {
        try require(found, in: needed...needed, "weight shape of node \"\(name)\"")
    }
    _ = try checkedProduct(
        shape, limit: Limits.weights, "weight shape of node \"\(name)\"", .metadata)

    let scales = layer.weights.scales
    if scales.count != 1 {
        try require(scales.count, in: shape[0]...shape[0], "number of scales of node \"\(name)\"")
    }
    let rule: NumberRule = scales.count == 1 && shape[0] > 1 ? .positive : .nonzero
    for scale in scales { try require(scale, rule, "scale of node \"\(name)\"") }
    if let output = layer.output { try check(output, "node \"\(name)\"") }
    try check(layer.bias, outputs: shape[0], name)
    try check(layer.weights, .tensor(name))
}

private func check(
    _ bias: PackedBias, outputs: Int, _ name: String
) throws(ContainerError) {
    try require(bias.bits, in: 2...16, "bias bits of node \"\(name)\"")
    try require(bias.scale, .positive, "bias scale of node \"\(name)\"")
    try require(bias.codes.count, in: outputs...outputs, "number of biases of node \"\(name)\"")
    let largest = 1 << (bias.bits - 1) - 1
    for code in bias.codes {
        try require(Int(code), in: -largest...largest, "bias of node \"\(name)\"")
    }
}

/// Checks levels, codes and positions.
private func check(
    _ weights: PackedTensor, _ section: FileSection
) throws(ContainerError) {
    try require(weights.levels.count, in: 1...256, "number of levels", section)
    try require(Int(weights.levels[0]), in: 0...0, "level 0", section)
    try LevelTable.requireDistinct(weights.levels, section)
    let count = weights.count
    try require(weights.gaps.count, in: 0...count, "number of nonzeros", section)
    try checkHalves(weights, section)
    let codes = weights.halves.isEmpty ? weights.gaps.count : 0
    try require(weights.codes.count, in: codes...codes, "number of codes", section)
    var free = 0
    for gap in weights.gaps {
        free += Int(gap) + 1
        guard free <= count else {
            throw .outOfRange(
                section: section, field: "position", found: free - 1, expected: 0...count - 1)
        }
    }
    let most = weights.levels.count - 1
    for code in weights.codes where code == 0 || Int(code) > most {
        throw .outOfRange(
            section: section, field: "code", found: Int(code), expected: 1...max(most, 1))
    }
}

/// Checks weights in half precision, if there are some.
private func checkHalves(
    _ weights: PackedTensor, _ section: FileSection
) throws(ContainerError) {
    guard !weights.halves.isEmpty else { return }
    let count = weights.gaps.count
    try require(weights.halves.count, in: count...count, "number of halves", section)
    try require(weights.levels.count, in: 1...1, "number of levels", section)
    for half in weights.halves where !HalfPrecision.isNonzero(half) {
        throw .invalidNumber(
            section: section, field: "weight", found: HalfPrecision.value(half),
            expected: .nonzero)
    }
}

private func require(
    _ value: Int, in range: ClosedRange<Int>, _ field: @autoclosure () -> String,
    _ section: FileSection = .metadata
) throws(ContainerError) {
    guard range.contains(value) else {
        throw .outOfRange(section: section, field: field(), found: value, expected: range)
    }
}

private func require(
    _ value: Float, _ rule: NumberRule, _ field: @autoclosure () -> String
) throws(ContainerError) {
    guard rule.allows(value) else {
        throw .invalidNumber(section: .metadata, field: field(), found: value, expected: rule)
    }
}
