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

private func withModel(_ change: (inout PackedModel) -> Void) -> PackedModel {
    var model = smallModel()
    change(&model)
    return model
}

struct ValidationTests {
    @Test func `sample models are valid`() throws {
        try Container.validate(smallModel())
        try Container.validate(leNet300())
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
        ("a quantizer of 9 bits", withModel { $0.input.quantizer.bits = 9 }),
        ("a quantizer of 1 bit", withModel { $0.input.quantizer.bits = 1 }),
        ("a quantizer's scale below zero", withModel { $0.input.quantizer.scale = -1 }),
        ("an offset that is not a number", withModel { $0.input.quantizer.offset = .nan }),
        ("a later input", withModel { $0.nodes[1].inputs = [2] }),
        ("an input below zero", withModel { $0.nodes[1].inputs = [-1] }),
        ("two inputs", withModel { $0.nodes[1].inputs = [1, 1] }),
        ("no inputs", withModel { $0.nodes[1].inputs = [] }),
        ("a class name missing", withModel { $0.classNames.removeLast() }),
        (
            "an output that is real but used",
            withModel {
                $0.nodes.append(PackedNode(name: "after", inputs: [6], operation: .flatten))
            }
        ),
        (
            "pooling with padding",
            withModel {
                $0.nodes[1].operation = .maxPooling(
                    PackedWindow(kernel: [2, 2], stride: [2, 2], padding: [1, 0]))
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

    @Test(arguments: invalid)
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
