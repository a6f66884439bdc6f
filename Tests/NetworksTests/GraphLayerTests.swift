import Networks
import Tensors
import Testing

// The layers that graphs are made of besides products with weights: they move values, gate them, or
// change each by itself.

private struct Case: CustomTestStringConvertible {
    let layer: any Layer
    let inputs: [[Int]]
    let output: [Int]
    var testDescription: String { "\(type(of: layer).kind) of \(inputs)" }

    init(_ layer: any Layer, _ inputs: [Int]..., output: [Int]) {
        self.layer = layer
        self.inputs = inputs
        self.output = output
    }
}

/// Both kinds of pooling.
private func pools(
    _ kernel: [Int], _ stride: [Int], _ padding: [Int], _ input: [Int], output: [Int]
) -> [Case] {
    let layers: [any Layer] = [
        MaxPooling(kernel: kernel, stride: stride, padding: padding),
        AveragePooling(kernel: kernel, stride: stride, padding: padding),
    ]
    return layers.map { Case($0, input, output: output) }
}

private let poolingCases: [[Case]] = [
    pools([2, 2], [2, 2], [0, 0], [5, 6, 2], output: [2, 3, 2]),
    pools([3, 3], [2, 2], [1, 1], [5, 4, 3], output: [3, 2, 3]),
    pools([2, 4], [1, 3], [1, 3], [3, 2, 2], output: [4, 2, 2]),
    pools([5, 5], [1, 1], [4, 4], [1, 1, 3], output: [5, 5, 3]),
]

private let cases: [Case] =
    poolingCases.flatMap { $0 }
    + [
        Case(Multiply(), [7], [7], output: [7]),
        Case(Multiply(), [2, 3, 4], [2, 3, 4], output: [2, 3, 4]),
        Case(Multiply(), [2, 3, 5], [1, 1, 5], output: [2, 3, 5]),
        Case(Multiply(), [1, 1, 5], [1, 1, 5], output: [1, 1, 5]),
        Case(Concatenation(), [3, 2, 2], output: [3, 2, 2]),
        Case(Concatenation(), [3, 2, 2], [3, 2, 1], [3, 2, 4], output: [3, 2, 7]),
        Case(Concatenation(), [3], [5], output: [8]),
        Case(Slice(channels: 0..<2), [2, 3, 4], output: [2, 3, 2]),
        Case(Slice(channels: 1..<4), [2, 3, 5], output: [2, 3, 3]),
        Case(Slice(channels: 2..<7), [7], output: [5]),
        Case(ChannelShuffle(groups: 2), [2, 3, 6], output: [2, 3, 6]),
        Case(ChannelShuffle(groups: 3), [2, 2, 12], output: [2, 2, 12]),
        Case(ChannelShuffle(groups: 1), [6], output: [6]),
        Case(Reshape([24]), [2, 3, 4], output: [24]),
        Case(Reshape([2, 3, 4]), [24], output: [2, 3, 4]),
        Case(Reshape([4, 2, 3]), [2, 3, 4], output: [4, 2, 3]),
        Case(Reshape([3, 2, 4]), [2, 3, 4], output: [3, 2, 4]),
        Case(Reshape([1, 1, 24]), [2, 3, 4], output: [1, 1, 24]),
        Case(Padding(top: 0, left: 0, bottom: 0, right: 0), [2, 3, 2], output: [2, 3, 2]),
        Case(Padding(top: 1, left: 2, bottom: 0, right: 3), [2, 3, 2], output: [3, 8, 2]),
        Case(Softmax(), [5], output: [5]), Case(Softmax(), [2, 2, 4], output: [2, 2, 4]),
    ]

@Test(arguments: cases.indices)
func `gradients of graph layers are finite differences`(index: Int) throws {
    let item = cases[index]
    #expect(try item.layer.outputShape(of: item.inputs) == item.output)
    try checkGradients(of: item.layer, inputShapes: item.inputs, seed: UInt64(index))
}

/// The product and the concatenation of a value with itself: both gradients add up.
@Test(arguments: 1...3)
func `gradients of a value that a layer reads twice are finite differences`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let network = try Network(
        name: "twice", inputShape: [1],
        nodes: [
            .init(
                name: "value", inputs: [0],
                layer: Source(.distinct([2, 2, 2, 2], using: &generator))),
            .init(name: "square", inputs: [1, 1], layer: Multiply()),
            .init(name: "both", inputs: [2, 1], layer: Concatenation()),
            .init(name: "shuffle", inputs: [3], layer: ChannelShuffle(groups: 2)),
        ])
    checkGradients(of: network, at: Tensor(shape: [2, 1]), seed: seed)
}

/// Values on both sides of all kinks, none nearer than a finite difference reaches.
@Test(arguments: [
    ActivationFunction.identity, .relu, .relu6, .clip(lowest: -2, highest: 2.5),
    .leakyReLU(slope: 0.1), .sigmoid, .hardSigmoid, .silu, .hardSwish,
])
func `gradients of activation functions are finite differences`(
    function: ActivationFunction
) throws {
    let values = (0..<72).map { -9.05 + Float($0) * 0.25 } + [-100, 100]
    let x = Tensor(shape: [2, 37], elements: values)
    let network = try Network(
        name: "activation", inputShape: [1],
        chain: [("x", Source(x)), ("f", Activation(function))])
    checkGradients(of: network, at: Tensor(shape: [2, 1]), seed: 1)
}

private let unfit: [(layer: any Layer, shapes: [[Int]])] = [
    (MaxPooling(kernel: [3, 3], stride: [1, 1], padding: [3, 1]), [[9, 9, 1]]),
    (MaxPooling(kernel: [3, 3], stride: [1, 1], padding: [-1, 0]), [[9, 9, 1]]),
    (MaxPooling(kernel: [3], stride: [1, 1]), [[9, 9, 1]]),
    (MaxPooling(kernel: [3, 3], stride: [1, 0]), [[9, 9, 1]]),
    (MaxPooling(kernel: [.max, 1], stride: [1, 1], padding: [.max - 1, 0]), [[9, 9, 1]]),
    (AveragePooling(kernel: [0, 1], stride: [1, 1]), [[9, 9, 1]]),
    (AveragePooling(kernel: [4, 1], stride: [1, 1], padding: [1, 0]), [[1, 9, 1]]),
    (AveragePooling(kernel: [1, 1], stride: [1, 1], padding: []), [[9, 9, 1]]),
    (AveragePooling(kernel: [1, 1], stride: [1, 1]), [[9]]),
    (AveragePooling(kernel: [1, 1], stride: [1, 1]), []),
    (Multiply(), [[2, 2, 3]]), (Multiply(), [[2, 2, 3], [1, 1, 2]]),
    (Multiply(), [[1, 1, 3], [2, 2, 3]]), (Multiply(), [[3], [1]]), (Multiply(), [[], []]),
    (Multiply(), [[3], [3], [3]]), (Multiply(), [[2, 2, 3], [3]]),
    (Concatenation(), []), (Concatenation(), [[]]), (Concatenation(), [[2, 2, 1], [2, 3, 1]]),
    (Concatenation(), [[2], [1, 2]]), (Concatenation(), [[.max], [1]]),
    (Slice(channels: 0..<0), [[3]]), (Slice(channels: 2..<4), [[9, 9, 3]]),
    (Slice(channels: -1..<2), [[3]]), (Slice(channels: 0..<1), [[]]),
    (ChannelShuffle(groups: 2), [[9, 9, 3]]), (ChannelShuffle(groups: 0), [[4]]),
    (ChannelShuffle(groups: -2), [[4]]), (ChannelShuffle(groups: 1), [[]]),
    (Reshape([5]), [[2, 3]]), (Reshape([-1, -6]), [[6]]), (Reshape([]), [[1]]),
    (Reshape([1, 1, 1, 1, 6]), [[6]]), (Reshape([1 << 40, 1 << 40]), [[6]]), (Reshape([0]), [[0]]),
    (Padding(top: -1, left: 0, bottom: 0, right: 0), [[9, 9, 1]]),
    (Padding(top: 0, left: 0, bottom: .max, right: 0), [[9, 9, 1]]),
    (Padding(top: 1, left: 1, bottom: 1, right: 1), [[9]]), (Softmax(), [[]]),
    (Softmax(), [[3], [3]]),
]

@Test(arguments: unfit.indices)
func `inputs that a layer can not work on are errors`(index: Int) {
    let (layer, shapes) = unfit[index]
    #expect {
        try layer.outputShape(of: shapes)
    } throws: { error in
        guard case ShapeError.unfit(let kind, let found, _) = error else { return false }
        return kind == type(of: layer).kind && found == shapes
    }
}

/// [2, 3, 2] in the order of channels, rows, columns, cut into rows of 4.
@Test func `a reshaped image keeps the order of channels, rows and columns`() {
    var (reshape, pass) = (Reshape([2, 2, 3]), Pass(isTraining: false))
    // The value tells row, column and channel.
    let x = Tensor(
        shape: [1, 2, 3, 2], elements: [000, 001, 010, 011, 020, 021, 100, 101, 110, 111, 120, 121])
    var y = Tensor(shape: [1, 2, 2, 3])
    reshape.forward([x], into: &y, pass: &pass)
    // In order: 000 010 020 100 | 110 120 001 011 | 021 101 111 121, four a channel.
    #expect(y.elements == [000, 110, 021, 010, 120, 101, 020, 001, 111, 100, 011, 121])
}

@Test func `shuffled channels take turns`() {
    var (shuffle, pass) = (ChannelShuffle(groups: 2), Pass(isTraining: false))
    var y = Tensor(shape: [1, 6])
    shuffle.forward([Tensor(shape: [1, 6], elements: [0, 1, 2, 3, 4, 5])], into: &y, pass: &pass)
    #expect(y.elements == [0, 3, 1, 4, 2, 5])
}

/// All layers of a graph on images large enough that threads are woken.
@Test func `graph layers compute the same on any number of threads, in the memory they have`()
    throws
{
    var generator = SeededGenerator(seed: 5)
    let shape = [24, 23, 20]
    let x = Tensor.random([6] + shape, using: &generator)
    let dy = Tensor.random([6, 26, 24, 20], using: &generator)
    func run(threads: Int) throws -> [Tensor] {
        var network = try Network(
            name: "graph", inputShape: shape,
            nodes: [
                .init(name: "x", inputs: [0], layer: Source(x)),
                .init(name: "first", inputs: [1], layer: Slice(channels: 0..<10)),
                .init(name: "second", inputs: [1], layer: Slice(channels: 10..<20)),
                .init(name: "swish", inputs: [2], layer: Activation(.hardSwish)),
                .init(
                    name: "mean", inputs: [3],
                    layer: AveragePooling(kernel: [3, 3], stride: [1, 1], padding: [1, 1])),
                .init(name: "both", inputs: [5, 4], layer: Concatenation()),
                .init(name: "shuffle", inputs: [6], layer: ChannelShuffle(groups: 2)),
                .init(name: "softmax", inputs: [7], layer: Softmax()),
                .init(
                    name: "gate", inputs: [8], layer: MaxPooling(kernel: [24, 23], stride: [1, 1])),
                .init(name: "gated", inputs: [7, 9], layer: Multiply()),
                .init(
                    name: "pad", inputs: [10], layer: Padding(top: 2, left: 1, bottom: 0, right: 0)),
                .init(name: "reshape", inputs: [11], layer: Reshape([24, 26, 20])),
                .init(name: "back", inputs: [12], layer: Reshape([26, 24, 20])),
            ])
        var results: [Tensor] = []
        // The second step finds the memory of the first.
        for _ in 0..<2 {
            var pass = Pass(isTraining: true, threads: threads)
            results.append(network.forward(x, pass: &pass))
            network.backward(dy, pass: &pass)
            network.visitVariables { results.append($1.gradient) }
        }
        #expect(results[0] == results[2] && results[1] == results[3])
        return results
    }
    let first = try run(threads: 1)
    #expect(first[1].elements.contains { $0 != 0 })
    for threads in 2...3 {
        let results = try run(threads: threads)
        #expect(results == first, "\(threads) threads")
    }
}
