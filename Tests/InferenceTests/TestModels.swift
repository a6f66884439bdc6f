import PackedModel

/// SplitMix64 (Steele et al. 2014): small, seeded, the same everywhere.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    mutating func pixels(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(next() >> 56) } }
}

/// What a random layer is like.
struct LayerRecipe {
    var density = 0.3
    /// Levels that weights may have, zero included.
    var levels: [Int8] = [0, -7, -3, -1, 2, 5, 6]
    var isPerChannel = false
    var relu = false
}

/// All levels of `bits` bits but the lowest.
func levels(bits: Int) -> [Int8] {
    let highest = (1 << (bits - 1)) - 1
    return [0] + (-highest...highest).filter { $0 != 0 }.map { Int8($0) }
}

/// The tensor with these weights, given as levels in row-major order.
func packedTensor(shape: [Int], weights: [Int8], scales: [Float]) -> PackedTensor {
    let levels = [0] + Set(weights).subtracting([0]).sorted()
    var tensor = PackedTensor(shape: shape, levels: levels, gaps: [], codes: [], scales: scales)
    var gap: UInt32 = 0
    for weight in weights {
        if weight == 0 {
            gap += 1
        } else {
            tensor.gaps.append(gap)
            tensor.codes.append(UInt8(levels.firstIndex(of: weight)!))
            gap = 0
        }
    }
    return tensor
}

/// A layer whose results fill the range of `output` reasonably.
func randomLayer(
    shape: [Int], recipe: LayerRecipe, output: PackedQuantizer?, using random: inout SplitMix
) -> PackedLayer {
    let count = shape.reduce(1, *)
    let nonzero = recipe.levels.dropFirst()
    let weights = (0..<count).map { _ -> Int8 in
        let isKept = random.uniform() < recipe.density
        return isKept ? nonzero.randomElement(using: &random) ?? 0 : 0
    }
    let scales = (0..<(recipe.isPerChannel ? shape[0] : 1)).map { _ -> Float in
        let scale = Float(0.01 + 0.05 * random.uniform())
        return recipe.isPerChannel && random.next().isMultiple(of: 3) ? -scale : scale
    }
    let bias = (0..<shape[0]).map { _ in Int16.random(in: -127...127, using: &random) }
    return PackedLayer(
        weights: packedTensor(shape: shape, weights: weights, scales: scales),
        bias: PackedBias(bits: 8, scale: 0.01, codes: bias),
        activation: recipe.relu ? .relu : .identity, output: output)
}

/// A last layer that makes every code visible: logit `i` is `1 · q[i]` for a quantizer of scale 1.
func showing(_ count: Int) -> PackedNode {
    var weights = [Int8](repeating: 0, count: count * count)
    for i in 0..<count { weights[i * count + i] = 1 }
    let layer = PackedLayer(
        weights: packedTensor(shape: [count, count], weights: weights, scales: [1]),
        bias: PackedBias(bits: 2, scale: 1, codes: [Int16](repeating: 0, count: count)),
        activation: .identity, output: nil)
    return PackedNode(name: "codes", inputs: [0], operation: .linear(layer))
}

/// A chain of operations, each reading the one before it.
func chain(
    _ shape: [Int], _ quantizer: PackedQuantizer, _ operations: [PackedOperation],
    pixelScale: Float = 1 / 255
) -> PackedModel {
    let channels = shape.count == 3 ? shape[0] : 1
    let input = PackedInput(
        shape: shape, pixelScale: pixelScale, mean: [Float](repeating: 0.25, count: channels),
        deviation: [Float](repeating: 0.5, count: channels), quantizer: quantizer)
    let nodes = operations.enumerated().map {
        PackedNode(name: "n\($0.offset)", inputs: [$0.offset], operation: $0.element)
    }
    return PackedModel(name: "test", input: input, nodes: nodes)
}

/// Nodes that read any values, collected one by one.
struct GraphBuilder {
    private(set) var nodes: [PackedNode] = []

    /// Adds an operation and returns the number of its value; 0 is the network's input.
    mutating func add(_ operation: PackedOperation, _ inputs: Int...) -> Int {
        add(operation, inputs)
    }

    mutating func add(_ operation: PackedOperation, _ inputs: [Int]) -> Int {
        nodes.append(
            PackedNode(name: "n\(nodes.count)", inputs: inputs, operation: operation))
        return nodes.count
    }

    /// The graph as a model whose logits are the `count` codes of its last value.
    func model(_ shape: [Int], _ quantizer: PackedQuantizer, showing count: Int) -> PackedModel {
        var model = chain(shape, quantizer, [])
        var last = InferenceTests.showing(count)
        last.inputs = [nodes.count]
        model.nodes = nodes + [last]
        return model
    }

    /// The graph as it is.
    func model(_ shape: [Int], _ quantizer: PackedQuantizer) -> PackedModel {
        var model = chain(shape, quantizer, [])
        model.nodes = nodes
        return model
    }
}

/// A random quantizer whose codes cover roughly −1...1, or 0...2.
func randomGrid(
    bits: ClosedRange<Int> = 3...8, using random: inout SplitMix
) -> PackedQuantizer {
    let bits = Int.random(in: bits, using: &random)
    let isSigned = Bool.random(using: &random)
    let scale = Float(2 / Double(1 << bits - 1) * (0.6 + 0.8 * random.uniform()))
    let offset = random.next().isMultiple(of: 3) ? 0 : Float(0.4 * (random.uniform() - 0.5))
    return PackedQuantizer(bits: bits, isSigned: isSigned, scale: scale, offset: offset)
}

/// A quantizer whose codes cover roughly −0.5...1.5, the range of the input of `chain`.
func quantizer(bits: Int, isSigned: Bool, offset: Float = 0) -> PackedQuantizer {
    PackedQuantizer(
        bits: bits, isSigned: isSigned, scale: 2 / Float((1 << bits) - 1),
        offset: isSigned ? 0.5 + offset : offset - 0.25)
}
