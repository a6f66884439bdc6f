import PackedModel

/// SplitMix64 (Steele, Lea and Flood 2014): the same numbers everywhere for a seed.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// 0, 1, −1, 2, −2, ...
func gridLevels(_ count: Int) -> [Int8] {
    (0..<count).map { (code: Int) -> Int8 in code % 2 == 1 ? Int8(code / 2 + 1) : Int8(-(code / 2))
    }
}

/// A tensor from dense codes.
func tensor(shape: [Int], levels: [Int8], dense: [UInt8], scales: [Float] = [0.5]) -> PackedTensor {
    var gaps: [UInt32] = []
    var codes: [UInt8] = []
    var gap: UInt32 = 0
    for code in dense {
        if code == 0 {
            gap += 1
        } else {
            gaps.append(gap)
            codes.append(code)
            gap = 0
        }
    }
    return PackedTensor(shape: shape, levels: levels, gaps: gaps, codes: codes, scales: scales)
}

/// A tensor whose weights are independently nonzero with probability `density`; small codes are
/// the more frequent ones.
func randomTensor(
    shape: [Int], levels: [Int8], density: Double, seed: UInt64
) -> PackedTensor {
    var generator = SeededGenerator(seed: seed)
    let symbols = levels.count - 1
    let dense = (0..<shape.reduce(1, *)).map { _ -> UInt8 in
        guard symbols > 0, Double.random(in: 0..<1, using: &generator) < density else { return 0 }
        let a = Int.random(in: 1...symbols, using: &generator)
        return UInt8(min(a, Int.random(in: 1...symbols, using: &generator)))
    }
    return tensor(shape: shape, levels: levels, dense: dense)
}

let unsigned8 = PackedQuantizer(bits: 8, isSigned: false, scale: 1 / 255, offset: 0)
let unsigned4 = PackedQuantizer(bits: 4, isSigned: false, scale: 0.25, offset: 0)

/// A layer around `weights`, with biases −1, 0, 1, −1, ...
func layer(_ weights: PackedTensor, output: PackedQuantizer? = nil) -> PackedLayer {
    let codes = (0..<weights.shape[0]).map { Int16($0 % 3 - 1) }
    return PackedLayer(
        weights: weights, bias: PackedBias(bits: 8, scale: 0.125, codes: codes),
        activation: output == nil ? .identity : .relu, output: output)
}

/// A network of the one linear layer `fc` with these weights.
func linearModel(_ weights: PackedTensor) -> PackedModel {
    PackedModel(
        name: "one",
        input: PackedInput(
            shape: [weights.shape[1]], pixelScale: 1, mean: [0], deviation: [1],
            quantizer: unsigned8),
        nodes: [PackedNode(name: "fc", inputs: [0], operation: .linear(layer(weights)))])
}

/// A small convolutional network with every operation of version 1, lists of inputs, scales a channel, and names
/// outside of ASCII.
func smallModel(seed: UInt64 = 1) -> PackedModel {
    var first = randomTensor(shape: [3, 2, 3, 3], levels: gridLevels(15), density: 0.5, seed: seed)
    first.scales = [0.5, -0.25, 0.125]
    let second = randomTensor(
        shape: [6, 27], levels: [0, -100, -7, 3, 90], density: 0.3, seed: seed + 1)
    let third = randomTensor(
        shape: [4, 6], levels: [0, 5, -128, 127], density: 0.9, seed: seed + 2)
    let window = PackedWindow(kernel: [3, 3], stride: [1, 1], padding: [1, 1])
    let offset = PackedQuantizer(bits: 3, isSigned: true, scale: 0.5, offset: -0.75)
    return PackedModel(
        name: "klein – 小",
        input: PackedInput(
            shape: [2, 6, 6], pixelScale: 1 / 255, mean: [0.25, 0.5], deviation: [0.5, 0.5],
            quantizer: unsigned8),
        nodes: [
            PackedNode(
                name: "conv", inputs: [0],
                operation: .convolution(layer(first, output: offset), window)
            ),
            PackedNode(
                name: "pool", inputs: [1],
                operation: .maxPooling(PackedWindow(kernel: [2, 2], stride: [2, 2]))),
            PackedNode(name: "aside", inputs: [1], operation: .flatten),
            PackedNode(name: "flat", inputs: [2], operation: .flatten),
            PackedNode(
                name: "fc1", inputs: [4], operation: .linear(layer(second, output: unsigned4))),
            PackedNode(name: "fc2", inputs: [5], operation: .linear(layer(third))),
        ], classNames: ["a", "b", "ç", ""])
}

/// A graph with every operation, most activation functions, groups, dilation and scales as multiples.
func graphModel(seed: UInt64 = 1) -> PackedModel {
    let grid = PackedQuantizer(bits: 5, isSigned: true, scale: 0.25, offset: 0.125)
    var nodes: [PackedNode] = []
    func append(_ name: String, _ inputs: [Int], _ operation: PackedOperation) {
        nodes.append(PackedNode(name: name, inputs: inputs, operation: operation))
    }
    func weights(_ shape: [Int], _ index: UInt64, scales: [Float] = [0.5]) -> PackedTensor {
        var tensor = randomTensor(
            shape: shape, levels: gridLevels(9), density: 0.4, seed: seed + index)
        tensor.scales = scales
        return tensor
    }
    func window(
        _ kernel: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1, groups: Int = 1
    ) -> PackedWindow {
        PackedWindow(
            kernel: [kernel, kernel], stride: [stride, stride], padding: [padding, padding],
            dilation: [dilation, dilation], groups: groups)
    }
    var stem = layer(weights([8, 4, 3, 3], 0), output: unsigned4)
    stem.activation = .clip(lowest: 0, highest: 6)
    append("stem", [0], .convolution(stem, window(3, padding: 1)))
    let multiples = (0..<8).map { Float(0.001) * Float([7, -3, 127, 1, 90, 11, 64, -2][$0]) }
    append(
        "depthwise", [1],
        .convolution(
            layer(weights([8, 1, 3, 3], 1, scales: multiples), output: grid),
            window(3, padding: 2, dilation: 2, groups: 8)))
    append("sum", [1, 2], .add(.relu, output: unsigned4))
    append("mean", [3], .averagePooling(window(8), output: unsigned8))
    append("gate", [4], .function(.sigmoid, output: unsigned8))
    append("scaled", [3, 5], .multiply(output: grid))
    append("left", [6], .slice(0..<4))
    append("right", [6], .slice(4..<8))
    append("swish", [7], .function(.hardSwish, output: grid))
    append("both", [9, 8, 0], .concatenation(output: unsigned8))
    append("mixed", [10], .channelShuffle(groups: 3))
    append("pool", [11], .maxPooling(window(3, stride: 2, padding: 1)))
    append("bordered", [12], .padding([0, 1, 2, 1]))
    append(
        "grouped", [13],
        .convolution(
            layer(weights([6, 4, 2, 2], 2), output: grid), window(2, stride: 2, groups: 3)))
    append("vector", [14], .reshape([54]))
    append("leaky", [15], .function(.leakyReLU(slope: 0.125), output: grid))
    append("regrid", [16], .function(.identity, output: unsigned4))
    append("fc", [17], .linear(layer(weights([5, 54], 3))))
    append("image", [18], .reshape([5, 1, 1]))
    append("classes", [19], .softmax)
    return PackedModel(
        name: "graph",
        input: PackedInput(
            shape: [4, 8, 8], pixelScale: 1 / 255, mean: [0, 0, 0, 0], deviation: [1, 1, 1, 1],
            quantizer: unsigned8),
        nodes: nodes, classNames: ["a", "b", "c", "d", "e"])
}

/// The graph of every operation in floats: its first layer has halves, the grouped one has shared ones,
/// the last one many; the depthwise layer keeps its integers.
func floatModel(seed: UInt64 = 1) -> PackedModel {
    var model = graphModel(seed: seed)
    model.input.quantizer = nil
    for index in model.nodes.indices {
        switch model.nodes[index].operation {
        case .averagePooling(let window, _):
            model.nodes[index].operation = .averagePooling(window, output: nil)
        case .add(let activation, _): model.nodes[index].operation = .add(activation, output: nil)
        case .multiply: model.nodes[index].operation = .multiply(output: nil)
        case .concatenation: model.nodes[index].operation = .concatenation(output: nil)
        case .function(let function, _):
            model.nodes[index].operation = .function(function, output: nil)
        default: break
        }
        guard var layer = model.nodes[index].operation.layer else { continue }
        layer.output = nil
        switch model.nodes[index].name {
        case "stem": layer.weights = halves(of: layer.weights, distinct: 40, seed: seed)
        case "grouped": layer.weights = halves(of: layer.weights, distinct: 5, seed: seed)
        case "fc": layer.weights = halves(of: layer.weights, distinct: 4000, seed: seed)
        default: break
        }
        model.nodes[index].operation.layer = layer
    }
    return model
}

/// The nonzeros of a tensor in half precision: drawn from numbers of a normal distribution, of either
/// sign, some subnormal.
func halves(of tensor: PackedTensor, distinct: Int, seed: UInt64) -> PackedTensor {
    var generator = SeededGenerator(seed: seed)
    let table = (0..<distinct).map { index -> UInt16 in
        if index % 50 == 3 { return UInt16(0x8001 + index % 900) }
        let sum = (0..<6).reduce(0) { sum, _ in
            sum + Float.random(in: -0.1...0.1, using: &generator)
        }
        let half = HalfPrecision.bits(rounding: sum)
        return half & 0x7FFF == 0 ? 1 : half
    }
    return PackedTensor(
        shape: tensor.shape, gaps: tensor.gaps,
        halves: tensor.gaps.map { _ in table.randomElement(using: &generator)! },
        scales: tensor.scales)
}

/// LeNet-300-100 with random weights of the densities of Han, Mao and Dally (2016, table 2).
func leNet300(levels: Int = 15, seed: UInt64 = 7) -> PackedModel {
    var generator = SeededGenerator(seed: seed)
    func node(_ index: Int, _ outputs: Int, _ inputs: Int, _ density: Double) -> PackedNode {
        var layer = layer(
            randomTensor(
                shape: [outputs, inputs], levels: gridLevels(levels), density: density,
                seed: seed + UInt64(index)),
            output: index < 3 ? unsigned4 : nil)
        layer.bias.codes = (0..<outputs).map { _ in
            let x = (0..<4).reduce(0) { sum, _ in sum + Int.random(in: -31...31, using: &generator)
            }
            return Int16(max(-127, min(127, x)))
        }
        return PackedNode(name: "fc\(index)", inputs: [index - 1], operation: .linear(layer))
    }
    return PackedModel(
        name: "lenet-300-100",
        input: PackedInput(
            shape: [784], pixelScale: 1 / 255, mean: [0], deviation: [1], quantizer: unsigned8),
        nodes: [node(1, 300, 784, 0.08), node(2, 100, 300, 0.09), node(3, 10, 100, 0.26)])
}
