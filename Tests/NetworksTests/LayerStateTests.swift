import Networks
import Tensors
import Testing

/// Layers of every kind, with settings that differ from one another.
private let layers: [any Layer] =
    [
        Linear(inputs: 3, outputs: 5),
        Convolution(
            ConvolutionGeometry(
                height: 7, width: 8, channels: 2, outputs: 3, kernel: [1, 5], stride: [2, 3],
                padding: [0, 2])),
        Convolution(
            ConvolutionGeometry(
                height: 2, width: 2, channels: 1, outputs: 1, kernel: [6, 3], stride: [1, 1],
                padding: [3, 4])),
        Flatten(), Dropout(rate: 0.25), MaxPooling(kernel: [2, 3], stride: [4, 5]),
        MaxPooling(kernel: [4, 3], stride: [1, 2], padding: [3, 1]),
        AveragePooling(kernel: [5, 6], stride: [7, 8], padding: [2, 4]), Multiply(),
        Concatenation(),
        Slice(channels: 3..<8), ChannelShuffle(groups: 4), Reshape([3, 5, 7]), Reshape([9]),
        Softmax(),
        Padding(top: 1, left: 2, bottom: 3, right: 4),
    ] + functions.map { Activation($0) as any Layer }

private let functions: [ActivationFunction] = [
    .identity, .relu, .relu6, .clip(lowest: -1.5, highest: 2.25), .leakyReLU(slope: 0.1), .sigmoid,
    .hardSigmoid, .silu, .hardSwish,
]

@Test func `an activation function read from a state is the one that was saved`() throws {
    for function in functions {
        #expect(try Activation(state: Activation(function).state).function == function)
    }
    // JSON has no infinity: the largest numbers stand for it.
    let open = Activation(.clip(lowest: -.infinity, highest: .infinity)).state
    let limit = Float.greatestFiniteMagnitude
    #expect(try Activation(state: open).function == .clip(lowest: -limit, highest: limit))
}

@Test(arguments: [1e300, -1e300, .infinity, .nan])
func `an activation function with a number that is no float is an error`(number: Double) {
    for function in [.relu6, .leakyReLU(slope: 0.1)] as [ActivationFunction] {
        let state = Activation(function).state
        for name in state.numbers.keys {
            var broken = state
            broken.numbers[name] = number
            #expect(throws: SavedStateError.self, "\(name)") { try Activation(state: broken) }
        }
    }
}

@Test(arguments: ["epsilon", "momentum"], [1e300, .infinity, .nan, -0.1, 1.5])
func `batch normalization by what is no share is an error`(name: String, number: Double) {
    let layer = BatchNormalization(channels: 1)
    var state = layer.state
    state.tensors = ["runningMean": layer.runningMean, "runningVariance": layer.runningVariance]
    state.numbers[name] = number
    #expect(throws: SavedStateError.self) { try BatchNormalization(state: state) }
}

@Test(arguments: [0, -2, -.infinity, .infinity] as [Float])
func `batch normalization by a variance that is not positive is an error`(variance: Float) {
    var state = BatchNormalization(channels: 2, epsilon: 0).state
    #expect(throws: Never.self) { try BatchNormalization(state: state) }
    state.tensors["runningVariance"] = Tensor(shape: [2], elements: [1, variance])
    #expect(
        throws: SavedStateError.notPositive(
            kind: "batch-normalization", field: "runningVariance", element: 1, found: variance)
    ) { try BatchNormalization(state: state) }
}

@Test func `a window with as much padding as kernel is an error`() {
    var state = layers[6].state
    state.numbers["padding1"] = 3
    #expect(
        throws: SavedStateError.outOfRange(
            kind: "max-pooling", field: "padding1", found: 3, range: 0...2)
    ) { try MaxPooling(state: state) }
}

@Test func `a slice that ends before it begins is an error`() {
    var state = SavedState(kind: "slice")
    state.numbers = ["first": 5, "end": 5]
    #expect(
        throws: SavedStateError.outOfRange(
            kind: "slice", field: "end", found: 5, range: 6...SavedState.largestSize)
    ) { try Slice(state: state) }
}

@Test(arguments: layers.indices)
func `a layer made of its state has the same state`(index: Int) throws {
    let (state, vocabulary) = (layers[index].state, Vocabulary.standard)
    let copy = try vocabulary.layer(state).state
    #expect(copy.kind == state.kind)
    #expect(copy.numbers == state.numbers)
}

@Test(arguments: layers.indices)
func `a layer without one of its numbers is an error`(index: Int) throws {
    let state = layers[index].state
    for name in state.numbers.keys {
        var broken = state
        broken.numbers[name] = nil
        #expect(
            throws: SavedStateError.missing(
                kind: state.kind, field: name, found: broken.numbers.keys.sorted())
        ) { try Vocabulary.standard.layer(broken) }
    }
}

/// Dropout rates and the numbers of activation functions need not be whole.
private func isValid(_ name: String, _ number: Double) -> Bool {
    switch name {
    case "rate": number == 0.5
    case "lowest", "highest", "slope": abs(number) < 1e38
    default: false
    }
}

@Test(arguments: layers.indices, [-1, 0.5, 1e9, 1e300, -1e300, 0x1p40, 0x1p63])
func `a number that no layer can have is an error`(index: Int, number: Double) throws {
    let state = layers[index].state
    for name in state.numbers.keys where !isValid(name, number) {
        var broken = state
        broken.numbers[name] = number
        #expect(throws: SavedStateError.self, "\(state.kind).\(name)") {
            try Vocabulary.standard.layer(broken)
        }
    }
}

@Test(arguments: ["kernel0", "kernel1", "stride0", "stride1", "height", "width", "channels"])
func `a convolution of size zero is an error`(name: String) throws {
    var state = layers[1].state
    state.numbers[name] = 0
    #expect(throws: SavedStateError.self) { try Convolution(state: state) }
}

@Test func `a kernel larger than the padded image is an error`() throws {
    var state = layers[1].state
    state.numbers["kernel0"] = 8
    #expect(
        throws: ShapeError.unfit(
            layer: "convolution", found: [[7, 8, 2]],
            expected: "an image of at least [8, 5], padding included")
    ) { try Convolution(state: state) }
}

@Test(arguments: [1, 0.999_999_999_999, -1e-9])
func `a dropout rate that is not below one is an error`(rate: Double) {
    var state = SavedState(kind: "dropout")
    state.numbers["rate"] = rate
    #expect(
        throws: SavedStateError.outOfRange(
            kind: "dropout", field: "rate", found: rate, range: 0...1)
    ) { try Dropout(state: state) }
}

@Test func `weights beyond the limit of a state are an error before memory is taken`() {
    let largest = Double(SavedState.largestSize)
    var state = layers[0].state
    state.elementLimit = 15
    #expect(throws: Never.self) { try Linear(state: state) }
    state.elementLimit = 14
    #expect(throws: SavedStateError.tooLarge(kind: "linear", shape: [3, 5], limit: 14)) {
        try Linear(state: state)
    }
    state.elementLimit = 1 << 40
    state.numbers = ["inputs": largest, "outputs": largest]
    #expect(throws: SavedStateError.self) { try Linear(state: state) }
    var convolution = layers[1].state
    for name in ["channels", "outputs"] { convolution.numbers[name] = largest }
    for name in ["kernel0", "kernel1", "padding0", "padding1"] { convolution.numbers[name] = 256 }
    convolution.elementLimit = 1 << 40
    #expect(throws: SavedStateError.self) { try Convolution(state: convolution) }
    // 2²⁴ · 2²⁴ · 2⁸ · 2⁸ does not fit an Int.
    convolution.elementLimit = .max
    #expect(throws: SavedStateError.self) { try Convolution(state: convolution) }
}

@Test func `an unknown kind is an error that lists the known ones`() {
    #expect(
        throws: SavedStateError.unknownKind(
            "swish",
            known: [
                "activation", "add", "average-pooling", "batch-normalization", "channel-shuffle",
                "concatenation", "convolution", "dropout", "flatten", "global-average-pooling",
                "linear", "max-pooling", "multiply", "padding", "reshape", "slice", "softmax",
            ])
    ) { try Vocabulary.standard.layer(SavedState(kind: "swish")) }
}
