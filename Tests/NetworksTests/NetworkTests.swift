import Networks
import Tensors
import Testing

private func linear(_ name: String, _ inputs: [Int], _ sizes: (Int, Int)) -> Network.Node {
    .init(name: name, inputs: inputs, layer: Linear(inputs: sizes.0, outputs: sizes.1))
}

@Test func `a graph that does not fit together is an error`() {
    func expect(
        _ error: NetworkError, inputShape: [Int] = [4], _ nodes: [Network.Node],
        _ location: SourceLocation = #_sourceLocation
    ) {
        #expect(throws: error, sourceLocation: location) {
            try Network(name: "n", inputShape: inputShape, nodes: nodes)
        }
    }
    expect(.empty, [])
    expect(.duplicate("a"), [linear("a", [0], (4, 4)), linear("a", [1], (4, 4))])
    expect(.inputOutOfOrder(node: "a", inputs: [1]), [linear("a", [1], (4, 4))])
    expect(.inputOutOfOrder(node: "a", inputs: [-1]), [linear("a", [-1], (4, 4))])
    expect(.inputOutOfOrder(node: "a", inputs: []), [linear("a", [], (4, 4))])
    expect(
        .shape(node: "a", .unfit(layer: "linear", found: [[4]], expected: "[5]")),
        [linear("a", [0], (5, 4))])
}

@Test(arguments: [[], [0], [-1], [-2, -2], [3, 0, 2], [1 << 40, 1 << 40], [1 << 32]])
func `an input without a usable size is an error`(shape: [Int]) {
    #expect(throws: NetworkError.unusableShape(shape, of: "input")) {
        try Network(name: "n", inputShape: shape, chain: [("flatten", Flatten())])
    }
}

@Test func `an output too large to count is an error`() {
    let geometry = ConvolutionGeometry(
        height: 1 << 20, width: 1 << 10, channels: 1, outputs: 4, kernel: [1, 1], stride: [1, 1],
        padding: [0, 0])
    #expect(throws: NetworkError.unusableShape([1 << 20, 1 << 10, 4], of: "conv")) {
        try Network(
            name: "n", inputShape: [1 << 20, 1 << 10, 1], chain: [("conv", Convolution(geometry))])
    }
}

@Test func `layers of one input refuse two`() {
    let layers: [any Layer] = [
        Activation(.relu), Flatten(), Dropout(rate: 0.5),
        MaxPooling(kernel: [1, 1], stride: [1, 1]),
        Linear(inputs: 4, outputs: 4), Slice(channels: 0..<4), ChannelShuffle(groups: 2),
        Reshape([4]), Padding(top: 0, left: 0, bottom: 0, right: 0), Softmax(),
        AveragePooling(kernel: [1, 1], stride: [1, 1]),
    ]
    for layer in layers {
        #expect(throws: NetworkError.self, "\(layer)") {
            try Network(
                name: "n", inputShape: [4],
                nodes: [
                    .init(name: "a", inputs: [0], layer: Activation(.relu)),
                    .init(name: "b", inputs: [0, 1], layer: layer),
                ])
        }
    }
}

@Test func `a layer put in between changes the way of its values alone`() throws {
    let network = try Network(
        name: "n", inputShape: [1],
        nodes: [
            .init(name: "a", inputs: [0], layer: HalfUp()),
            .init(name: "b", inputs: [1], layer: HalfUp()),
            .init(name: "c", inputs: [1, 2], layer: WeightedSum()),
        ])
    let x = Tensor(shape: [1, 1], elements: [10])
    func output(of network: Network) -> Float {
        var (network, pass) = (network, Pass(isTraining: false))
        return network.forward(x, pass: &pass)[0]
    }
    func inserting(_ name: String, behind index: Int) throws -> Network {
        try network.inserting([
            .init(name: name, layer: HalfUp(), value: index, readers: network.readers[index])
        ])
    }
    #expect(output(of: network) == 10.5 + 2 * 11)
    for (index, expected) in [(0, 11 + 2 * 11.5), (1, 11 + 2 * 11.5), (2, 10.5 + 2 * 11.5)]
        as [(Int, Float)]
    {
        let longer = try inserting("new", behind: index)
        #expect(output(of: longer) == expected, "behind \(index)")
        #expect(longer.nodes[index].name == "new")
    }
    #expect(output(of: try inserting("last", behind: 3)) == 33)
    #expect(throws: NetworkError.duplicate("a")) { try inserting("a", behind: 1) }
}

@Test func `padding carries what real zero has become, up to the next product`() throws {
    var generator = SeededGenerator(seed: 12)
    func convolution(_ channels: Int, padding: Int, width: Int) -> Convolution {
        Convolution(
            ConvolutionGeometry(
                height: 3, width: width, channels: channels, outputs: 2, kernel: [1, 3],
                stride: [1, 1], padding: [0, padding]))
    }
    var (padded, plain) = (
        convolution(1, padding: 1, width: 3), convolution(1, padding: 0, width: 5)
    )
    padded.weight.trained.value = .random([1, 3, 1, 2], using: &generator)
    plain.weight.trained.value = padded.weight.trained.value
    var x = Tensor.random([1, 3, 3, 1], using: &generator)
    for index in 0..<9 { x[index] = abs(x[index]) }
    var wide = Tensor(shape: [1, 3, 5, 1])
    for row in 0..<3 {
        for column in 0..<3 { wide[row * 5 + column + 1] = x[row * 3 + column] }
    }
    func output(_ layers: [(String, any Layer)], _ x: Tensor) throws -> [Float] {
        var pass = Pass(isTraining: false)
        var network = try Network(
            name: "n", inputShape: Array(x.shape.dropFirst()),
            chain: layers.map { (name: $0.0, layer: $0.1) })
        return network.forward(x, pass: &pass).elements
    }
    let expected = try output([("half", HalfUp()), ("conv", plain)], wide)
    #expect(try output([("half", HalfUp()), ("conv", padded)], x) == expected)
    let pool = MaxPooling(kernel: [1, 1], stride: [1, 1])
    #expect(
        try output([("half", HalfUp()), ("pool", pool), ("conv", padded)], x) == expected)
    let pad = Padding(top: 0, left: 1, bottom: 0, right: 1)
    #expect(try output([("half", HalfUp()), ("pad", pad), ("conv", plain)], x) == expected)
    // What an activation function or a convolution computes stands on a grid of its own, with a zero.
    for row in 0..<3 {
        for column in 0..<3 { wide[row * 5 + column + 1] = x[row * 3 + column] + 0.5 }
    }
    #expect(
        try output([("half", HalfUp()), ("relu", Activation(.relu)), ("conv", padded)], x)
            == output([("conv", plain)], wide))
    var pointwise = Convolution(
        ConvolutionGeometry(
            height: 3, width: 3, channels: 1, outputs: 1, kernel: [1, 1], stride: [1, 1],
            padding: [0, 0]))
    pointwise.weight.trained.value = Tensor(shape: [1, 1, 1, 1], repeating: 2)
    for row in 0..<3 {
        for column in 0..<3 { wide[row * 5 + column + 1] *= 2 }
    }
    let last = try output(
        [("half", HalfUp()), ("point", pointwise), ("conv", padded)], x)
    #expect(zip(last, try output([("conv", plain)], wide)).allSatisfy { abs($0 - $1) < 1e-5 })
}

/// The mean of one 2×2 window a corner: three positions of padding at 0.5, one value.
@Test func `the mean of a window counts its padding as what real zero has become`() throws {
    var pass = Pass(isTraining: false)
    var network = try Network(
        name: "n", inputShape: [1, 1, 1],
        chain: [
            ("half", HalfUp()),
            ("pool", AveragePooling(kernel: [2, 2], stride: [1, 1], padding: [1, 1])),
        ])
    let y = network.forward(Tensor(shape: [1, 1, 1, 1], elements: [2]), pass: &pass)
    #expect(y == Tensor(shape: [1, 2, 2, 1], repeating: (2.5 + 3 * 0.5) / 4))
}

@Test func `real zero behind a layer is what the layer makes of it`() {
    let moving: [any Layer] = [
        MaxPooling(kernel: [2, 2], stride: [2, 2]), Flatten(), Dropout(rate: 0.5), Reshape([1]),
        Slice(channels: 0..<1), ChannelShuffle(groups: 1),
        Padding(top: 1, left: 1, bottom: 1, right: 1),
    ]
    for layer in moving { #expect(layer.paddingValue(behind: -0.5) == -0.5, "\(layer)") }
    let computing: [any Layer] = [
        Linear(inputs: 1, outputs: 1), Activation(.relu), Activation(.identity), Multiply(),
        Concatenation(), Softmax(), AveragePooling(kernel: [1, 1], stride: [1, 1]),
    ]
    for layer in computing { #expect(layer.paddingValue(behind: 0.5) == 0, "\(layer)") }
}

@Test func `changed weights are seen by the next evaluation`() throws {
    var linear = Linear(inputs: 1, outputs: 1)
    linear.weight.setChain([Scaling(factor: 3)])
    var network = try Network(name: "n", inputShape: [1], chain: [("fc", linear)])
    var pass = Pass(isTraining: false)
    let x = Tensor(shape: [1, 1], elements: [1])
    #expect(network.forward(x, pass: &pass)[0] == 0)
    network.visitVariables { if $0 == "fc.weight" { $1.value[0] = 2 } }
    #expect(network.forward(x, pass: &pass)[0] == 6)
    network.visitVariables { if $0 == "fc.weight.factor" { $1.value[0] = 5 } }
    #expect(network.forward(x, pass: &pass)[0] == 10)
    network.updateLayer(at: 0) { layer in
        layer.visitParameters { if $0 == "weight" { $1.trained.value[0] = 4 } }
    }
    #expect(network.forward(x, pass: &pass)[0] == 20)
}

@Test func `outputs kept from one pass stay as they were in the next`() throws {
    let network = try Network(
        name: "n", inputShape: [2], chain: [("half", HalfUp()), ("relu", Activation(.relu))])
    for isTraining in [false, true] {
        var (copy, pass) = (network, Pass(isTraining: isTraining))
        let first = copy.forward(Tensor(shape: [1, 2], elements: [1, -3]), pass: &pass)
        let middle = copy.activation(1)
        _ = copy.forward(Tensor(shape: [1, 2], elements: [7, 8]), pass: &pass)
        #expect(first.elements == [1.5, 0])
        #expect(middle.elements == [1.5, -2.5])
    }
}

/// Records which gradients of inputs it is asked for.
private struct Spy: Layer {
    static let kind = "spy"
    var asked: [[Bool]] = []

    init() {}
    func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] { shapes[0] }
    func forward(_ x: [Tensor], into y: inout Tensor, pass: inout Pass) { y = x[0] }

    mutating func backward(
        _ x: [Tensor], output: Tensor, outputGradient dy: inout Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        asked.append(wants)
        for (slot, isWanted) in wants.enumerated() where isWanted { inputGradients[slot] = dy }
    }

    var state: SavedState { SavedState(kind: Self.kind) }
    init(state: SavedState) {}
}

@Test func `gradients go back as far as something is trained, and no further`() throws {
    var network = try Network(
        name: "n", inputShape: [2],
        nodes: [
            .init(name: "untrained", inputs: [0], layer: Spy()),
            .init(name: "trained", inputs: [1], layer: Offset(shape: [1, 2])),
            .init(name: "both", inputs: [2, 1], layer: Spy()),
            .init(name: "last", inputs: [3, 0], layer: Spy()),
        ])
    var pass = Pass(isTraining: true)
    _ = network.forward(Tensor(shape: [1, 2], elements: [1, 2]), pass: &pass)
    network.backward(Tensor(shape: [1, 2], elements: [3, 4]), pass: &pass)
    let asked = network.nodes.map { ($0.layer as? Spy)?.asked }
    #expect(asked == [[], nil, [[true, false]], [[true, false]]])
    network.visitVariables { #expect($1.gradient.elements == [3, 4]) }
}

@Test func `names of variables tell node, parameter and variable`() throws {
    var linear = Linear(inputs: 2, outputs: 2)
    linear.weight.setChain([Scaling(factor: 2)])
    var network = try Network(
        name: "n", inputShape: [2], chain: [("fc1", linear), ("relu", Activation(.relu))])
    var names: [String] = []
    network.visitVariables { name, _ in names.append(name) }
    #expect(names == ["fc1.weight", "fc1.weight.factor", "fc1.bias"])
    names = []
    network.visitParameters { name, _ in names.append(name) }
    #expect(names == ["fc1.weight", "fc1.bias"])
}

@Test func `flattened images have their channels outermost`() throws {
    var (flatten, pass) = (Flatten(), Pass(isTraining: false))
    // [1, 2, 3, 2]: the value tells row, column and channel.
    let x = Tensor(
        shape: [1, 2, 3, 2], elements: [000, 001, 010, 011, 020, 021, 100, 101, 110, 111, 120, 121])
    var y = Tensor(shape: [1, 12])
    flatten.forward([x], into: &y, pass: &pass)
    #expect(y.elements == [000, 010, 020, 100, 110, 120, 001, 011, 021, 101, 111, 121])
}

/// A chain of three functions behind a layer, to look at what a step leaves behind.
private func networkWithChains() throws -> Network {
    let inputs = 3
    var first = Linear(inputs: inputs, outputs: 2)
    first.weight.setChain(
        [Scaling(factor: 2), EqualRows(rows: inputs), Scaling(factor: -3)],
        trained: Variable(Tensor(shape: [2], elements: [1, 0.5]), decays: true))
    var second = Linear(inputs: 2, outputs: 1)
    second.weight = Parameter(Tensor(shape: [2, 1], elements: [0.25, 4]), decays: true)
    return try Network(
        name: "n", inputShape: [inputs], chain: [("first", first), ("second", second)])
}

/// The gradients of a training step.
private func gradientsOfStep(_ network: inout Network) -> [String: [Float]] {
    var pass = Pass(isTraining: true)
    let x = Tensor(shape: [2, 3], elements: [1, 2, 3, -1, 0.5, 7])
    _ = network.forward(x, pass: &pass)
    network.backward(Tensor(shape: [2, 1], elements: [1, -2]), pass: &pass)
    var gradients: [String: [Float]] = [:]
    network.visitVariables { gradients[$0] = $1.gradient.elements }
    return gradients
}

@Test func `a step after its memory was given back is the same again`() throws {
    var network = try networkWithChains()
    let gradients = gradientsOfStep(&network)
    #expect(gradients["first.weight"]?.contains { $0 != 0 } == true)
    #expect(gradients["second.weight"]?.contains { $0 != 0 } == true)
    network.releaseStepMemory()
    network.visitVariables { name, variable in
        // Gradients of variables in a chain are too small to matter.
        if !name.hasSuffix("factor") {
            #expect(variable.gradient.elements.allSatisfy { $0 == 0 }, "\(name)")
        }
    }
    #expect(gradientsOfStep(&network) == gradients)
}

@Test func `a copy of a network that is up to date shares its weights in evaluation`() throws {
    var network = try networkWithChains()
    network.updateEffective()
    func addresses(_ network: Network) -> [UnsafePointer<Float>] {
        var addresses: [UnsafePointer<Float>] = []
        network.forEachParameter { _, parameter in
            parameter.effective.withUnsafeElements { addresses.append($0.baseAddress!) }
        }
        return addresses
    }
    let before = addresses(network)
    var (copy, pass) = (network, Pass(isTraining: false))
    _ = copy.forward(Tensor(shape: [1, 3], elements: [1, 2, 3]), pass: &pass)
    #expect(addresses(copy) == before)
    // A change of the copy is its own.
    copy.visitParameters { $1.trained.value[0] = 9 }
    copy.updateEffective()
    #expect(addresses(copy)[0] != before[0] && addresses(network) == before)
}

@Test func `parameters are handed out with their names, in order, and stay as they are`() throws {
    let network = try networkWithChains()
    var names: [String] = []
    network.forEachParameter { names.append("\($0) \($1.effective.shape)") }
    #expect(
        names == [
            "first.weight [3, 2]", "first.bias [2]", "second.weight [2, 1]", "second.bias [1]",
        ])
}

@Test func `a sample has its input and every output`() throws {
    #expect(try networkWithChains().elementsPerSample == 3 + 2 + 1)
}
