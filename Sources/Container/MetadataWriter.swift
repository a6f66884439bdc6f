import PackedModel

/// Writes the content of the metadata section: everything but levels, positions and codes.
struct MetadataWriter {
    private var writer = ByteWriter()
    /// The bytes of bias codes of each layer, in the order of nodes.
    private(set) var biasBytes: [Int] = []

    var bytes: [UInt8] { writer.bytes }

    init(_ model: PackedModel) {
        writer.text(model.name)
        write(model.input)
        writer.varint(model.classNames.count)
        for name in model.classNames { writer.text(name) }
        writer.varint(model.nodes.count)
        for (index, node) in model.nodes.enumerated() { write(node, index) }
    }

    private mutating func write(_ input: PackedInput) {
        let isImage = input.shape.count == 3
        let listsMeans = !allEqual(input.mean)
        let listsDeviations = !allEqual(input.deviation)
        let isSingle = input.mean.count == 1 && input.shape[0] != 1
        writer.byte(
            (isImage ? 1 : 0) | (listsMeans ? 2 : 0) | (listsDeviations ? 4 : 0)
                | (isSingle ? 8 : 0))
        for dimension in input.shape { writer.varint(dimension) }
        writer.float(input.pixelScale)
        for mean in listsMeans ? input.mean[...] : input.mean.prefix(1) { writer.float(mean) }
        for deviation in listsDeviations ? input.deviation[...] : input.deviation.prefix(1) {
            writer.float(deviation)
        }
        write(input.quantizer)
    }

    /// Whether the first value stands for all, to the bit.
    private func allEqual(_ values: [Float]) -> Bool {
        values.allSatisfy { $0.bitPattern == values[0].bitPattern }
    }

    private mutating func write(_ quantizer: PackedQuantizer) {
        let hasOffset = quantizer.offset.bitPattern != 0
        writer.byte(quantizer.bits - 1 | (quantizer.isSigned ? 8 : 0) | (hasOffset ? 16 : 0))
        writer.float(quantizer.scale)
        if hasOffset { writer.float(quantizer.offset) }
    }

    private mutating func write(_ node: PackedNode, _ index: Int) {
        let listsInputs = node.inputs != [index]
        writer.byte(node.operation.kind.rawValue | (listsInputs ? 128 : 0))
        writer.text(node.name)
        if listsInputs {
            writer.varint(node.inputs.count)
            for input in node.inputs { writer.varint(input) }
        }
        switch node.operation {
        case .linear(let layer):
            write(layer)
        case .convolution(let layer, let window):
            write(window)
            write(layer)
        case .maxPooling(let window):
            write(window)
        case .flatten:
            break
        default: fatalError("not yet")
        }
    }

    private mutating func write(_ window: PackedWindow) {
        for value in window.kernel + window.stride + window.padding { writer.varint(value) }
    }

    private mutating func write(_ layer: PackedLayer) {
        let outputs = layer.weights.shape[0]
        let scales = layer.weights.scales
        let listsScales = scales.count > 1
        let activation = layer.activation == .relu ? 1 : 0
        writer.byte(activation | (layer.output == nil ? 0 : 16) | (listsScales ? 32 : 0))
        writer.varint(outputs)
        for scale in scales { writer.float(scale) }
        if let output = layer.output { write(output) }
        writer.byte(layer.bias.bits)
        writer.float(layer.bias.scale)
        let form = BiasTable.smallest(layer.bias.codes)
        writer.byte(form.parameter | (form.isRice ? 32 : 0))
        var biases = BitWriter()
        form.write(layer.bias.codes, to: &biases)
        let coded = biases.finished()
        writer.append(coded)
        biasBytes.append(coded.count)
    }
}
