import PackedModel

/// Writes the content of the metadata section: everything but levels, positions and codes.
struct MetadataWriter {
    private var writer = ByteWriter()
    /// The lowest version of the format that has all that was written.
    private(set) var version: UInt8 = 1
    /// Whether the value before is the network's real-valued output.
    private var isReal = false
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

    private mutating func require(_ version: UInt8) { self.version = max(self.version, version) }

    /// Without a quantizer values are real.
    private mutating func write(_ quantizer: PackedQuantizer?) {
        guard let quantizer else {
            require(3)
            return writer.byte(0)
        }
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
        let kind = node.operation.kind
        if kind.rawValue > OperationKind.flatten.rawValue || isReal { require(2) }
        switch node.operation {
        case .linear(let layer):
            write(layer)
        case .convolution(let layer, let window):
            write(window)
            if kind == .generalConvolution {
                for value in window.dilation + [window.groups] { writer.varint(value) }
            }
            write(layer)
        case .maxPooling(let window):
            write(window)
            if window.padding != [0, 0] { require(2) }
        case .averagePooling(let window, let output):
            write(window)
            write(output)
        case .flatten, .softmax:
            break
        case .reshape(let shape):
            writer.byte(shape.count)
            for size in shape { writer.varint(size) }
        case .add(let activation, let output), .function(let activation, let output):
            writer.byte(activation.number)
            for parameter in activation.parameters { writer.float(parameter) }
            write(output)
        case .multiply(let output), .concatenation(let output):
            write(output)
        case .slice(let channels):
            writer.varint(channels.lowerBound)
            writer.varint(channels.count)
        case .channelShuffle(let groups):
            writer.varint(groups)
        case .padding(let border):
            for side in border { writer.varint(side) }
        }
    }

    private mutating func write(_ window: PackedWindow) {
        for value in window.kernel + window.stride + window.padding { writer.varint(value) }
    }

    private mutating func write(_ layer: PackedLayer) {
        let outputs = layer.weights.shape[0]
        let scales = layer.weights.scales
        let multiples = ScaleMultiples(ifShorter: scales)
        if multiples != nil || !layer.activation.parameters.isEmpty { require(2) }
        writer.byte(
            layer.activation.number | (layer.output == nil ? 0 : 16) | (scales.count > 1 ? 32 : 0)
                | (multiples == nil ? 0 : 64))
        for parameter in layer.activation.parameters { writer.float(parameter) }
        writer.varint(outputs)
        if let multiples {
            multiples.write(to: &writer)
        } else {
            for scale in scales { writer.float(scale) }
        }
        if let output = layer.output { write(output) }
        isReal = layer.output == nil
        writer.byte(layer.bias.bits)
        writer.float(layer.bias.scale)
        let values = layer.bias.codes.map { zigzag(Int($0)) }
        let table = ShortCodes.smallest(values)
        writer.byte(table.form)
        let coded = table.coded(values)
        writer.append(coded)
        biasBytes.append(coded.count)
    }
}
