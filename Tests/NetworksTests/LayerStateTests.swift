import Networks
import Tensors
import Testing

/// Layers of every kind, with settings that differ from one another.
private let layers: [any Layer] = [
    Linear(inputs: 3, outputs: 5),
    Convolution(
        ConvolutionGeometry(
            height: 7, width: 8, channels: 2, outputs: 3, kernel: [1, 5], stride: [2, 3],
            padding: [0, 2])),
    Convolution(
        ConvolutionGeometry(
            height: 2, width: 2, channels: 1, outputs: 1, kernel: [6, 3], stride: [1, 1],
            padding: [3, 4])),
    MaxPooling(kernel: [2, 3], stride: [4, 5]), Activation(.relu), Flatten(), Dropout(rate: 0.25),
]

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

@Test(arguments: layers.indices, [-1, 0.5, 1e9, 1e300, -1e300, 0x1p40, 0x1p63])
func `a number that no layer can have is an error`(index: Int, number: Double) throws {
    let state = layers[index].state
    for name in state.numbers.keys where !(name == "rate" && number == 0.5) {
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
            "swish", known: ["convolution", "dropout", "flatten", "linear", "max-pooling", "relu"])
    ) { try Vocabulary.standard.layer(SavedState(kind: "swish")) }
}
