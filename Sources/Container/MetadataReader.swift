import PackedModel

/// Reads the content of the metadata section, in the order of Format.md.
///
/// The model it returns has the shapes of its weights, which follow from the graph, but none of their
/// values.
struct MetadataReader {
    private var reader: ByteReader
    private var budget: MemoryBudget
    /// The bytes of bias codes of each layer, in the order of nodes.
    private(set) var biasBytes: [Int] = []

    init(_ reader: ByteReader, budget: MemoryBudget) {
        self.reader = reader
        self.budget = budget
    }

    /// What is left of the budget after reading.
    var remainingBudget: MemoryBudget { budget }

    mutating func model() throws(ContainerError) -> PackedModel {
        let name = try reader.text("name")
        let input = try input()
        let classCount = try count("number of classes", in: 0...Limits.values, bytesEach: 1)
        var classNames: [String] = []
        for _ in 0..<classCount { classNames.append(try reader.text("class name")) }
        let nodeCount = try count("number of nodes", in: 1...Limits.nodes, bytesEach: 2)
        var nodes: [PackedNode] = []
        var shapes = [input.shape]
        for index in 0..<nodeCount {
            let node = try node(index, shapes)
            let shape = try node.operation.outputShape(
                input: shapes[node.inputs[0]], node: node.name)
            _ = try checkedProduct(
                shape, limit: Limits.values, "output of node \"\(node.name)\"", .metadata)
            shapes.append(shape)
            nodes.append(node)
        }
        try reader.finish()
        return PackedModel(name: name, input: input, nodes: nodes, classNames: classNames)
    }

    /// A number of things that take at least `bytesEach` bytes of the file and 256 bytes of memory each.
    private mutating func count(
        _ field: String, in range: ClosedRange<Int>, bytesEach: Int
    ) throws(ContainerError) -> Int {
        let count = try reader.varint(field, in: range)
        guard count * bytesEach <= reader.remaining else {
            throw .truncated(
                section: .metadata, field: field, needed: count * bytesEach,
                available: reader.remaining)
        }
        try budget.charge(256 * count, .metadata, field)
        return count
    }

    private mutating func input() throws(ContainerError) -> PackedInput {
        let flags = try reader.flags("input flags", reserved: 0b1111_0000)
        var shape: [Int] = []
        for _ in 0..<(flags & 1 == 1 ? 3 : 1) {
            shape.append(try reader.varint("input shape", in: 1...Limits.dimension))
        }
        _ = try checkedProduct(shape, limit: Limits.values, "input shape", .metadata)
        let pixelScale = try reader.float("pixel scale")
        let channels = flags & 8 == 0 ? shape[0] : 1
        let mean = try reader.floats(
            "mean", .finite, count: channels, listed: flags & 2 != 0, budget: &budget)
        let deviation = try reader.floats(
            "deviation", .nonzero, count: channels, listed: flags & 4 != 0, budget: &budget)
        return PackedInput(
            shape: shape, pixelScale: pixelScale, mean: mean, deviation: deviation,
            quantizer: try quantizer())
    }

    private mutating func quantizer() throws(ContainerError) -> PackedQuantizer {
        let flags = try reader.flags("quantizer flags", reserved: 0b1110_0000)
        let bits = flags & 7 + 1
        guard bits > 1 else {
            throw .outOfRange(
                section: .metadata, field: "quantizer bits", found: bits, expected: 2...8)
        }
        let scale = try reader.float("quantizer scale", .positive)
        let offset = flags & 16 == 0 ? 0 : try reader.float("quantizer offset")
        return PackedQuantizer(bits: bits, isSigned: flags & 8 != 0, scale: scale, offset: offset)
    }

    private mutating func node(_ index: Int, _ shapes: [[Int]]) throws(ContainerError) -> PackedNode
    {
        let kindByte = try reader.byte("operation")
        guard let kind = OperationKind(rawValue: kindByte & 127) else {
            throw .reserved(section: .metadata, field: "operation", found: kindByte & 127)
        }
        let name = try reader.text("node name")
        var inputs = [index]
        if kindByte & 128 != 0 {
            _ = try reader.varint("number of inputs of node \"\(name)\"", in: 1...1)
            inputs = [try reader.varint("input of node \"\(name)\"", in: 0...index)]
        }
        let operation = try operation(kind, name, input: shapes[inputs[0]])
        return PackedNode(name: name, inputs: inputs, operation: operation)
    }

    private mutating func operation(
        _ kind: OperationKind, _ name: String, input: [Int]
    ) throws(ContainerError) -> PackedOperation {
        switch kind {
        case .linear:
            return .linear(try layer(name, window: nil, input: input))
        case .convolution:
            let window = try window()
            return .convolution(try layer(name, window: window, input: input), window)
        case .maxPooling:
            return .maxPooling(try window())
        case .flatten:
            return .flatten
        }
    }

    private mutating func window() throws(ContainerError) -> PackedWindow {
        let sizes = 1...Limits.dimension
        func pair(_ field: String, _ range: ClosedRange<Int>) throws(ContainerError) -> [Int] {
            let vertical = try reader.varint(field, in: range)
            return [vertical, try reader.varint(field, in: range)]
        }
        let kernel = try pair("kernel", sizes)
        let stride = try pair("stride", sizes)
        return PackedWindow(
            kernel: kernel, stride: stride, padding: try pair("padding", 0...Limits.dimension))
    }

    private mutating func layer(
        _ name: String, window: PackedWindow?, input: [Int]
    ) throws(ContainerError) -> PackedLayer {
        let flags = try reader.flags("layer flags", reserved: 0b1100_0000)
        guard flags & 15 < 2 else {
            throw .reserved(section: .metadata, field: "activation", found: flags & 15)
        }
        let outputs = try reader.varint("outputs", in: 1...Limits.dimension)
        let shape = try PackedOperation.weightShape(
            outputs: outputs, window: window, input: input, node: name)
        _ = try checkedProduct(
            shape, limit: Limits.weights, "weight shape of node \"\(name)\"", .metadata)
        let perOutput = flags & 32 != 0
        let scales = try reader.floats(
            "scale of node \"\(name)\"", perOutput ? .nonzero : .finite,
            count: perOutput ? outputs : 1, listed: true, budget: &budget)
        let output = flags & 16 == 0 ? nil : try quantizer()
        let weights = PackedTensor(shape: shape, levels: [0], gaps: [], codes: [], scales: scales)
        return PackedLayer(
            weights: weights, bias: try bias(outputs),
            activation: flags & 15 == 1 ? .relu : .identity,
            output: output)
    }

    private mutating func bias(_ outputs: Int) throws(ContainerError) -> PackedBias {
        let bits = try reader.byte("bias bits")
        guard (2...16).contains(bits) else {
            throw .outOfRange(
                section: .metadata, field: "bias bits", found: bits, expected: 2...16)
        }
        let scale = try reader.float("bias scale", .positive)
        let before = reader.remaining
        let codes = try BiasTable.read(count: outputs, bits: bits, from: &reader, budget: &budget)
        biasBytes.append(before - reader.remaining - 1)
        return PackedBias(bits: bits, scale: scale, codes: codes)
    }
}
