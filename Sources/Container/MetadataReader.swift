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
                inputs: node.inputs.map { shapes[$0] }, node: node.name)
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

    /// A quantizer, or `nil` for real values.
    private mutating func quantizer() throws(ContainerError) -> PackedQuantizer? {
        let flags = try reader.flags("quantizer flags", reserved: 0b1110_0000)
        if flags == 0 { return nil }
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
            let field = "inputs of node \"\(name)\""
            let count = try reader.varint("number of \(field)", in: kind.inputCounts)
            try budget.charge(8 * count, .metadata, field)
            inputs = []
            for _ in 0..<count { inputs.append(try reader.varint(field, in: 0...index)) }
        } else if !kind.inputCounts.contains(1) {
            throw .outOfRange(
                section: .metadata, field: "number of inputs of node \"\(name)\"", found: 1,
                expected: kind.inputCounts)
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
        case .convolution, .generalConvolution:
            var window = try window()
            if kind == .generalConvolution {
                window.dilation = try pair("dilation", 1...Limits.dimension)
                window.groups = try reader.varint("groups", in: 1...Limits.dimension)
            }
            return .convolution(try layer(name, window: window, input: input), window)
        case .maxPooling:
            return .maxPooling(try window())
        case .averagePooling:
            return .averagePooling(try window(), output: try quantizer())
        case .flatten:
            return .flatten
        case .reshape:
            return .reshape(try shape(name))
        case .add:
            let activation = try activation(upTo: PackedActivation.largestClamp)
            return .add(activation, output: try quantizer())
        case .multiply:
            return .multiply(output: try quantizer())
        case .concatenation:
            return .concatenation(output: try quantizer())
        case .slice:
            let first = try reader.varint("first channel", in: 0...Limits.dimension)
            let count = try reader.varint("number of channels", in: 1...Limits.dimension)
            return .slice(first..<first + count)
        case .channelShuffle:
            return .channelShuffle(
                groups: try reader.varint("groups", in: 1...Limits.dimension))
        case .padding:
            let vertical = try pair("padding", 0...Limits.dimension)
            return .padding(vertical + (try pair("padding", 0...Limits.dimension)))
        case .function:
            let activation = try activation(upTo: PackedActivation.largest)
            return .function(activation, output: try quantizer())
        case .softmax:
            return .softmax
        }
    }

    private mutating func shape(_ name: String) throws(ContainerError) -> [Int] {
        let count = try reader.byte("dimensions of node \"\(name)\"")
        guard count == 1 || count == 3 else {
            throw .outOfRange(
                section: .metadata, field: "dimensions of node \"\(name)\"", found: count,
                expected: count < 3 ? 1...1 : 3...3)
        }
        var shape: [Int] = []
        for _ in 0..<count {
            shape.append(
                try reader.varint("shape of node \"\(name)\"", in: 1...Limits.dimension))
        }
        return shape
    }

    /// A function of a number up to `largest`, with its parameters.
    private mutating func activation(upTo largest: Int) throws(ContainerError) -> PackedActivation {
        let number = try reader.byte("activation")
        guard number <= largest else {
            throw .reserved(section: .metadata, field: "activation", found: number)
        }
        return PackedActivation(number: number, parameters: try parameters(number))
    }

    private mutating func parameters(_ function: Int) throws(ContainerError) -> [Float] {
        var parameters: [Float] = []
        for _ in 0..<PackedActivation.parameterCount(function) {
            parameters.append(try reader.float("parameter of an activation"))
        }
        return parameters
    }

    private mutating func pair(
        _ field: String, _ range: ClosedRange<Int>
    ) throws(ContainerError) -> [Int] {
        let first = try reader.varint(field, in: range)
        return [first, try reader.varint(field, in: range)]
    }

    private mutating func window() throws(ContainerError) -> PackedWindow {
        let kernel = try pair("kernel", 1...Limits.dimension)
        let stride = try pair("stride", 1...Limits.dimension)
        return PackedWindow(
            kernel: kernel, stride: stride, padding: try pair("padding", 0...Limits.dimension))
    }

    private mutating func layer(
        _ name: String, window: PackedWindow?, input: [Int]
    ) throws(ContainerError) -> PackedLayer {
        let flags = try reader.flags("layer flags", reserved: 0b1000_0000)
        guard flags & 15 <= PackedActivation.largestClamp else {
            throw .reserved(section: .metadata, field: "activation", found: flags & 15)
        }
        guard flags & 96 != 64 else {
            throw .reserved(section: .metadata, field: "layer flags", found: flags)
        }
        let activation = PackedActivation(
            number: flags & 15, parameters: try parameters(flags & 15))
        let outputs = try reader.varint("outputs", in: 1...Limits.dimension)
        let shape = try PackedOperation.weightShape(
            outputs: outputs, window: window, input: input, node: name)
        _ = try checkedProduct(
            shape, limit: Limits.weights, "weight shape of node \"\(name)\"", .metadata)
        let scales = try scales(
            "scale of node \"\(name)\"", perOutput: flags & 32 != 0, multiples: flags & 64 != 0,
            outputs: outputs)
        let output = flags & 16 == 0 ? nil : try quantizer()
        if flags & 16 != 0, output == nil {
            throw .reserved(section: .metadata, field: "quantizer of a layer", found: 0)
        }
        let weights = PackedTensor(shape: shape, levels: [0], gaps: [], codes: [], scales: scales)
        return PackedLayer(
            weights: weights, bias: try bias(outputs), activation: activation, output: output)
    }

    private mutating func scales(
        _ field: String, perOutput: Bool, multiples: Bool, outputs: Int
    ) throws(ContainerError) -> [Float] {
        guard multiples else {
            return try reader.floats(
                field, perOutput ? .nonzero : .finite, count: perOutput ? outputs : 1,
                listed: true, budget: &budget)
        }
        return try ScaleMultiples.read(field, count: outputs, from: &reader, budget: &budget)
    }

    private mutating func bias(_ outputs: Int) throws(ContainerError) -> PackedBias {
        let bits = try reader.byte("bias bits")
        guard (2...16).contains(bits) else {
            throw .outOfRange(
                section: .metadata, field: "bias bits", found: bits, expected: 2...16)
        }
        let scale = try reader.float("bias scale", .positive)
        let before = reader.remaining
        let form = try reader.flags("bias form", reserved: 0b1100_0000)
        let codes = try ShortCodes(form: form, "bias", .metadata).read(
            "bias", count: outputs, largest: 2 * (1 << (bits - 1) - 1), from: &reader,
            budget: &budget, code: unzigzag)
        biasBytes.append(before - reader.remaining - 1)
        return PackedBias(bits: bits, scale: scale, codes: codes)
    }
}
