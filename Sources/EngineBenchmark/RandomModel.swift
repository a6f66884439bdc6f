import Conversion
import PackedModel

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// How the weights and activations of a random network are.
struct Recipe {
    /// Of weights and activations inside the network.
    var bits = 4
    /// Of the layers that are not kept dense.
    var density = 0.1
    /// Of every layer in order, instead.
    var densities: [Double]?
    /// Of the network's input.
    var inputBits = 8
}

/// Builds networks with random weights of a realistic distribution: of a normal distribution, those
/// that pruning by magnitude leaves.
///
/// A convolution that reads the input is dense and has weights of 8 bits, unless the recipe lists
/// densities. Scales are such that results fill the range of their quantizers.
struct RandomModel {
    /// A value: what it is and how it is quantized.
    struct Value {
        var number: Int
        /// `[channels, height, width]`
        var shape: [Int]
        var quantizer: PackedQuantizer
    }

    private let recipe: Recipe
    private let name: String
    private let inputShape: [Int]
    private let inputQuantizer: PackedQuantizer
    private var layers = 0
    private var nodes: [PackedNode] = []
    private var random = SplitMix64(state: 1)

    init(_ name: String, shape: [Int], _ recipe: Recipe) {
        self.name = name
        self.recipe = recipe
        inputShape = shape
        let codes = Float(1 << recipe.inputBits)
        inputQuantizer = PackedQuantizer(
            bits: recipe.inputBits, isSigned: false, scale: 4 / codes, offset: -2)
    }

    var input: Value { Value(number: 0, shape: inputShape, quantizer: inputQuantizer) }

    /// With the channels that conversion leaves, in its order.
    var model: PackedModel {
        let channels = inputShape.count == 3 ? inputShape[0] : 1
        return PackedModel(
            name: name,
            input: PackedInput(
                shape: inputShape, pixelScale: 1 / 255,
                mean: [Float](repeating: 0.45, count: channels),
                deviation: [Float](repeating: 0.25, count: channels), quantizer: inputQuantizer),
            nodes: nodes
        ).arrangingChannels()
    }

    // MARK: Layers

    mutating func convolution(
        _ x: Value, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int? = nil,
        groups: Int = 1, isDense: Bool = false, relu: Bool = true
    ) -> Value {
        let window = PackedWindow(
            kernel: [kernel, kernel], stride: [stride, stride],
            padding: [padding ?? kernel / 2, padding ?? kernel / 2], groups: groups)
        let quantizer = quantizer(isSigned: !relu)
        let layer = layer(
            [outputs, x.shape[0] / groups, kernel, kernel], reading: x,
            isDense: isDense || groups > 1, relu: relu, output: quantizer)
        return append(
            .convolution(layer, window), [x],
            [outputs] + places(x, window), quantizer)
    }

    mutating func linear(_ x: Value, _ outputs: Int, isLast: Bool = false) -> Value {
        let quantizer = quantizer(isSigned: false)
        let layer = layer(
            [outputs, x.shape.reduce(1, *)], reading: x, isDense: isLast, relu: !isLast,
            output: isLast ? nil : quantizer)
        return append(.linear(layer), [x], [outputs, 1, 1], quantizer)
    }

    private mutating func layer(
        _ shape: [Int], reading x: Value, isDense: Bool, relu: Bool, output: PackedQuantizer?
    ) -> PackedLayer {
        let isFirst = x.number == 0 && shape.count == 4 && recipe.densities == nil
        let density = recipe.densities?[layers] ?? (isDense || isFirst ? 1 : recipe.density)
        layers += 1
        let weights = tensor(shape, density: density, bits: isFirst ? 8 : recipe.bits, x)
        return PackedLayer(
            weights: weights,
            bias: PackedBias(
                bits: 8, scale: 0.01,
                codes: (0..<shape[0]).map { _ in Int16.random(in: -100...100, using: &random) }),
            activation: relu ? .relu : .identity, output: output)
    }

    /// Results of such weights have a deviation of about 1.
    private mutating func tensor(
        _ shape: [Int], density: Double, bits: Int, _ x: Value
    ) -> PackedTensor {
        let highest = (1 << (bits - 1)) - 1
        var tensor = PackedTensor(
            shape: shape, levels: [0] + (-highest...highest).filter { $0 != 0 }.map { Int8($0) },
            gaps: [], codes: [], scales: [1])
        let count = shape.reduce(1, *)
        // Magnitudes above t, in deviations, with density exp(−t² / 2) as in a Rayleigh distribution.
        let threshold = (-2 * log(density)).squareRoot()
        var position = -1
        while true {
            let gap = density == 1 ? 0 : Int(log(random.uniform()) / log(1 - density))
            position += gap + 1
            if position >= count { break }
            let magnitude = (threshold * threshold - 2 * log(random.uniform())).squareRoot()
            let level = min(
                max(Int(magnitude / (threshold + 1.6) * Double(highest) + 0.5), 1), highest)
            let isNegative = random.next() & 1 == 0
            tensor.gaps.append(UInt32(gap))
            tensor.codes.append(UInt8(isNegative ? highest + 1 - level : highest + level))
        }
        let terms = max(density * Double(count / shape[0]), 1)
        let spread = Double(highest) * 0.6 * (terms * 0.25).squareRoot()
        let range = Double(x.quantizer.scale) * Double(x.quantizer.highest - x.quantizer.lowest)
        tensor.scales = [Float(1 / (spread * range))]
        return tensor
    }

    // MARK: Other operations

    mutating func maxPooling(_ x: Value, kernel: Int, stride: Int, padding: Int = 0) -> Value {
        let window = PackedWindow(
            kernel: [kernel, kernel], stride: [stride, stride], padding: [padding, padding])
        return append(.maxPooling(window), [x], [x.shape[0]] + places(x, window), x.quantizer)
    }

    mutating func mean(_ x: Value) -> Value {
        let window = PackedWindow(kernel: Array(x.shape[1...]), stride: Array(x.shape[1...]))
        return append(
            .averagePooling(window, output: x.quantizer), [x], [x.shape[0], 1, 1], x.quantizer)
    }

    mutating func sum(_ a: Value, _ b: Value, relu: Bool) -> Value {
        let quantizer = quantizer(isSigned: !relu)
        return append(
            .add(relu ? .relu : .identity, output: quantizer), [a, b], a.shape, quantizer)
    }

    mutating func product(_ a: Value, _ b: Value) -> Value {
        let quantizer = quantizer(isSigned: true)
        return append(.multiply(output: quantizer), [a, b], a.shape, quantizer)
    }

    mutating func function(_ activation: PackedActivation, _ x: Value) -> Value {
        let quantizer = quantizer(isSigned: activation != .sigmoid)
        return append(.function(activation, output: quantizer), [x], x.shape, quantizer)
    }

    mutating func slice(_ x: Value, _ channels: Range<Int>) -> Value {
        append(.slice(channels), [x], [channels.count] + x.shape[1...], x.quantizer)
    }

    /// Two values behind each other, shuffled.
    mutating func shuffled(_ a: Value, _ b: Value) -> Value {
        let quantizer = quantizer(isSigned: false)
        let shape = [a.shape[0] + b.shape[0]] + a.shape[1...]
        let joined = append(.concatenation(output: quantizer), [a, b], shape, quantizer)
        return append(.channelShuffle(groups: 2), [joined], shape, quantizer)
    }

    private func quantizer(isSigned: Bool) -> PackedQuantizer {
        let highest = Float((1 << recipe.bits) - 1)
        return PackedQuantizer(
            bits: recipe.bits, isSigned: isSigned, scale: (isSigned ? 4 : 2) / highest, offset: 0)
    }

    private mutating func append(
        _ operation: PackedOperation, _ inputs: [Value], _ shape: [Int],
        _ quantizer: PackedQuantizer
    ) -> Value {
        let shown = shape.map { "\($0)" }.joined(separator: "x")
        nodes.append(
            PackedNode(
                name: "\(nodes.count) to \(shown)", inputs: inputs.map(\.number),
                operation: operation))
        return Value(number: nodes.count, shape: shape, quantizer: quantizer)
    }

    private func places(_ x: Value, _ window: PackedWindow) -> [Int] {
        (0..<2).map {
            (x.shape[$0 + 1] + 2 * window.padding[$0] - window.kernel[$0]) / window.stride[$0] + 1
        }
    }
}

/// SplitMix64 (Steele et al. 2014).
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Above 0, at most 1.
    mutating func uniform() -> Double { Double(next() >> 11 + 1) * 0x1p-53 }
}
