import Container
import PackedModel
import Testing

/// Changes `fc1` of the small model.
private func withLayer(_ change: (inout PackedLayer) -> Void) -> PackedModel {
    var model = smallModel()
    guard case .linear(var layer) = model.nodes[4].operation else { return model }
    change(&layer)
    model.nodes[4].operation = .linear(layer)
    return model
}

/// Changes node `name` of the graph of every operation.
private func withNode(_ name: String, _ change: (inout PackedNode) -> Void) -> PackedModel {
    var model = graphModel()
    let index = model.nodes.firstIndex { $0.name == name }!
    change(&model.nodes[index])
    return model
}

private func withOperation(_ name: String, _ operation: PackedOperation) -> PackedModel {
    withNode(name) { $0.operation = operation }
}

/// Changes the layer of node `name` of the graph of every operation.
private func withLayer(_ name: String, _ change: (inout PackedLayer) -> Void) -> PackedModel {
    withNode(name) {
        var layer = $0.operation.layer!
        change(&layer)
        $0.operation.layer = layer
    }
}

/// Changes the window of convolution `name` of the graph of every operation.
private func withWindow(_ name: String, _ change: (inout PackedWindow) -> Void) -> PackedModel {
    withNode(name) {
        guard case .convolution(let layer, var window) = $0.operation else { return }
        change(&window)
        $0.operation = .convolution(layer, window)
    }
}

private func withModel(_ change: (inout PackedModel) -> Void) -> PackedModel {
    var model = smallModel()
    change(&model)
    return model
}

struct ValidationTests {
    @Test func `sample models are valid`() throws {
        try Container.validate(smallModel())
        try Container.validate(leNet300())
        try Container.validate(graphModel())
    }

    static let invalid: [(String, PackedModel)] = [
        ("no nodes", withModel { $0.nodes = [] }),
        ("an input of two dimensions", withModel { $0.input.shape = [6, 6] }),
        ("an empty input", withModel { $0.input.shape = [2, 0, 6] }),
        ("a huge input", withModel { $0.input.shape = [2, 1 << 20, 1 << 20] }),
        ("means of other channels", withModel { $0.input.mean = [0, 0, 0] }),
        ("fewer deviations than means", withModel { $0.input.deviation = [1] }),
        ("a deviation of zero", withModel { $0.input.deviation[1] = 0 }),
        ("a mean that is not a number", withModel { $0.input.mean[1] = .nan }),
        ("an infinite pixel scale", withModel { $0.input.pixelScale = .infinity }),
        ("a quantizer of 9 bits", withModel { $0.input.quantizer?.bits = 9 }),
        ("a quantizer of 1 bit", withModel { $0.input.quantizer?.bits = 1 }),
        ("a quantizer's scale below zero", withModel { $0.input.quantizer?.scale = -1 }),
        ("an offset that is not a number", withModel { $0.input.quantizer?.offset = .nan }),
        ("a later input", withModel { $0.nodes[1].inputs = [2] }),
        ("an input below zero", withModel { $0.nodes[1].inputs = [-1] }),
        ("two inputs", withModel { $0.nodes[1].inputs = [1, 1] }),
        ("no inputs", withModel { $0.nodes[1].inputs = [] }),
        ("a class name missing", withModel { $0.classNames.removeLast() }),
        (
            "an output that is real but used",
            withModel {
                $0.nodes.append(PackedNode(name: "after", inputs: [6], operation: .slice(0..<1)))
            }
        ),
        (
            "pooling with windows in the padding alone",
            withModel {
                $0.nodes[1].operation = .maxPooling(
                    PackedWindow(kernel: [2, 2], stride: [2, 2], padding: [2, 0]))
            }
        ),
        (
            "a window that does not fit",
            withModel {
                $0.nodes[1].operation = .maxPooling(PackedWindow(kernel: [7, 2], stride: [1, 1]))
            }
        ),
        (
            "a stride of zero",
            withModel {
                $0.nodes[1].operation = .maxPooling(PackedWindow(kernel: [2, 2], stride: [1, 0]))
            }
        ),
        (
            "pooling of a vector",
            withModel {
                $0.nodes[3].inputs = [3]
                $0.nodes[3].operation = .maxPooling(PackedWindow(kernel: [1, 1], stride: [1, 1]))
            }
        ),
        ("weights of another shape", withLayer { $0.weights.shape = [6, 26] }),
        ("weights of other dimensions", withLayer { $0.weights.shape = [6, 27, 1] }),
        ("weights without dimensions", withLayer { $0.weights.shape = [] }),
        ("two scales for six outputs", withLayer { $0.weights.scales = [1, 1] }),
        ("one negative scale", withLayer { $0.weights.scales = [-1] }),
        ("a scale of zero", withLayer { $0.weights.scales = [1, 1, 1, 0, 1, 1] }),
        ("no levels", withLayer { $0.weights.levels = [] }),
        ("a level 0 that is not zero", withLayer { $0.weights.levels[0] = 9 }),
        ("a level twice", withLayer { $0.weights.levels[2] = $0.weights.levels[1] }),
        ("a second zero", withLayer { $0.weights.levels[2] = 0 }),
        ("a code without level", withLayer { $0.weights.codes[3] = 5 }),
        ("a code of zero", withLayer { $0.weights.codes[3] = 0 }),
        ("fewer codes than gaps", withLayer { $0.weights.codes.removeLast() }),
        ("a position outside", withLayer { $0.weights.gaps[0] += 170 }),
        ("a bias too large", withLayer { $0.bias.codes[0] = 128 }),
        ("a bias of 17 bits", withLayer { $0.bias.bits = 17 }),
        ("a bias missing", withLayer { $0.bias.codes.removeLast() }),
        ("a bias scale of zero", withLayer { $0.bias.scale = 0 }),
    ]

    static let bad = PackedQuantizer(bits: 4, isSigned: false, scale: 0, offset: 0)
    static let good = unsigned4
    static let pair = PackedWindow(kernel: [1, 1], stride: [1, 1])

    static let invalidGraphs: [(String, PackedModel)] = [
        ("no groups", withWindow("depthwise") { $0.groups = 0 }),
        ("groups that do not divide channels", withWindow("depthwise") { $0.groups = 3 }),
        ("other groups than the weights have", withWindow("depthwise") { $0.groups = 4 }),
        (
            "groups that do not divide outputs",
            withLayer("grouped") {
                $0.weights.shape[0] = 5
                $0.bias.codes.removeLast()
            }
        ),
        ("a dilation of zero", withWindow("depthwise") { $0.dilation = [0, 1] }),
        ("a single dilation", withWindow("depthwise") { $0.dilation = [2] }),
        ("a dilation that does not fit", withWindow("depthwise") { $0.dilation = [1, 6] }),
        ("a huge dilation", withWindow("depthwise") { $0.dilation = [.max, 1] }),
        ("a padding as wide as the kernel", withWindow("stem") { $0.padding = [3, 0] }),
        ("a sigmoid in a layer", withLayer("stem") { $0.activation = .sigmoid }),
        (
            "crossed bounds",
            withLayer("stem") { $0.activation = .clip(lowest: 1, highest: 0) }
        ),
        (
            "a bound that is no number",
            withLayer("stem") { $0.activation = .clip(lowest: 0, highest: .nan) }
        ),
        ("one summand", withNode("sum") { $0.inputs = [1] }),
        ("256 summands", withNode("sum") { $0.inputs = Array(repeating: 1, count: 256) }),
        ("summands of two shapes", withNode("sum") { $0.inputs = [0, 1] }),
        ("a hard swish of a sum", withOperation("sum", .add(.hardSwish, output: good))),
        ("a sum without scale", withOperation("sum", .add(.relu, output: bad))),
        ("a mean without scale", withOperation("mean", .averagePooling(pair, output: bad))),
        (
            "a mean of groups",
            withOperation(
                "mean",
                .averagePooling(
                    PackedWindow(kernel: [8, 8], stride: [1, 1], groups: 2), output: good))
        ),
        (
            "a dilated mean",
            withOperation(
                "mean",
                .averagePooling(
                    PackedWindow(kernel: [2, 2], stride: [1, 1], dilation: [2, 1]), output: good))
        ),
        (
            "a function without scale",
            withOperation("gate", .function(.sigmoid, output: bad))
        ),
        (
            "a slope that is no number",
            withOperation("leaky", .function(.leakyReLU(slope: .infinity), output: good))
        ),
        ("one factor", withNode("scaled") { $0.inputs = [3] }),
        ("three factors", withNode("scaled") { $0.inputs = [3, 5, 5] }),
        ("factors the wrong way round", withNode("scaled") { $0.inputs = [5, 3] }),
        ("factors of other channels", withNode("scaled") { $0.inputs = [0, 5] }),
        ("a product without scale", withOperation("scaled", .multiply(output: bad))),
        ("no channels", withOperation("left", .slice(4..<4))),
        ("channels below zero", withOperation("left", .slice(-1..<3))),
        ("channels behind the last", withOperation("left", .slice(5..<9))),
        ("all channels there are", withOperation("left", .slice(.min..<(.max)))),
        ("parts of other sizes", withNode("both") { $0.inputs = [9, 4] }),
        ("a part alone", withNode("both") { $0.inputs = [9] }),
        ("parts without scale", withOperation("both", .concatenation(output: bad))),
        ("groups that do not divide", withOperation("mixed", .channelShuffle(groups: 5))),
        ("a shuffle without groups", withOperation("mixed", .channelShuffle(groups: 0))),
        ("a negative border", withOperation("bordered", .padding([0, -1, 0, 0]))),
        ("three borders", withOperation("bordered", .padding([0, 1, 0]))),
        ("a border too wide", withOperation("bordered", .padding([0, 1 << 25, 0, 0]))),
        ("a border too large", withOperation("bordered", .padding([1 << 20, 0, 0, 1 << 20]))),
        ("a shape of other values", withOperation("vector", .reshape([53]))),
        ("a shape of two sizes", withOperation("vector", .reshape([6, 9]))),
        ("a shape without sizes", withOperation("vector", .reshape([]))),
        ("a shape of size zero", withOperation("vector", .reshape([0, 54, 1]))),
        ("a shape that is too large", withOperation("vector", .reshape([.max, .max, .max]))),
        ("a softmax of codes", withOperation("mixed", .softmax)),
        ("a softmax before the end", withOperation("image", .softmax)),
        ("a softmax of an earlier value", withNode("classes") { $0.inputs = [18] }),
        ("a sum of real values", withOperation("image", .add(.relu, output: good))),
        ("a layer of real values", withLayer("stem") { $0.output = nil }),
    ]

    @Test(arguments: invalid + invalidGraphs)
    func `a model that can not be run is not written`(_ name: String, _ model: PackedModel) {
        #expect(throws: ContainerError.self, "\(name)") { try Container.validate(model) }
        #expect(throws: ContainerError.self, "\(name)") { try Container.write(model) }
    }

    @Test func `errors of a model name the node`() {
        let model = withLayer { $0.weights.codes[3] = 5 }
        #expect(
            throws: ContainerError.outOfRange(
                section: .tensor("fc1"), field: "code", found: 5, expected: 1...4)
        ) { try Container.validate(model) }
    }
}
