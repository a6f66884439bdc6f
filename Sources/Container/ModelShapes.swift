import PackedModel

/// The limits of Format.md on sizes.
enum Limits {
    static let dimension = 1 << 24
    static let values = 1 << 28
    static let weights = 1 << 31 - 1
    static let nodes = 65_535
    static let inputs = 255
    static func zstdContent(_ count: Int) -> Int { 1 << 20 + 8 * count }
}

/// The product of dimensions, each of which and which has to be within the limits.
func checkedProduct(
    _ dimensions: [Int], limit: Int, _ field: String, _ section: FileSection
) throws(ContainerError) -> Int {
    var product = 1
    for (index, dimension) in dimensions.enumerated() {
        guard (1...Limits.dimension).contains(dimension) else {
            throw .outOfRange(
                section: section, field: "\(field)[\(index)]", found: dimension,
                expected: 1...Limits.dimension)
        }
        product *= dimension
        guard product <= limit else {
            throw .outOfRange(section: section, field: field, found: product, expected: 1...limit)
        }
    }
    return product
}

extension PackedOperation {
    /// The shape of the weights that a layer with `outputs` outputs has on an input of shape `input`:
    /// a linear one, or a convolution whose window is `window`.
    static func weightShape(
        outputs: Int, window: PackedWindow?, input: [Int], node: String
    ) throws(ContainerError) -> [Int] {
        guard let window else { return [outputs, input.reduce(1, *)] }
        try requireImage(input, node)
        try requireDivisor(window.groups, of: input[0], "groups", node)
        return [outputs, input[0] / window.groups] + window.kernel
    }

    /// The shape of the output for inputs of these shapes, of which there are as many as the operation
    /// takes. Everything that shapes have to fulfil is checked but the shape of weights.
    func outputShape(inputs: [[Int]], node: String) throws(ContainerError) -> [Int] {
        let input = inputs[0]
        switch self {
        case .linear(let layer):
            return [layer.weights.shape[0]]
        case .convolution(let layer, let window):
            try Self.requireImage(input, node)
            let outputs = layer.weights.shape[0]
            try Self.requireDivisor(window.groups, of: input[0], "groups", node)
            try Self.requireDivisor(window.groups, of: outputs, "groups", node)
            return [outputs] + (try window.outputSize(input, node))
        case .maxPooling(let window), .averagePooling(let window, _):
            try Self.requireImage(input, node)
            try require(window.groups, in: 1...1, "groups", node)
            for dilation in window.dilation { try require(dilation, in: 1...1, "dilation", node) }
            return [input[0]] + (try window.outputSize(input, node))
        case .flatten:
            return [input.reduce(1, *)]
        case .reshape(let shape):
            if shape.count != 3 { try require(shape.count, in: 1...1, "dimensions", node) }
            let count = try checkedProduct(
                shape, limit: Limits.values, "shape of node \"\(node)\"", .metadata)
            let expected = input.reduce(1, *)
            try require(count, in: expected...expected, "values of the shape", node)
            return shape
        case .add:
            for other in inputs { try Self.requireEqual(other, input, node) }
            return input
        case .multiply:
            if inputs[1] != [input[0], 1, 1] || input.count != 3 {
                try Self.requireEqual(inputs[1], input, node)
            }
            return input
        case .concatenation:
            for other in inputs {
                try Self.requireEqual([1] + other[1...], [1] + input[1...], node)
            }
            return [inputs.reduce(0) { $0 + $1[0] }] + input[1...]
        case .slice(let channels):
            try require(channels.lowerBound, in: 0...input[0] - 1, "first channel", node)
            let most = input[0] - channels.lowerBound
            try require(channels.count, in: 1...most, "number of channels", node)
            return [channels.count] + input[1...]
        case .channelShuffle(let groups):
            try Self.requireDivisor(groups, of: input[0], "groups", node)
            return input
        case .padding(let border):
            try Self.requireImage(input, node)
            try require(border.count, in: 4...4, "sides of the padding", node)
            for side in border { try require(side, in: 0...Limits.dimension, "padding", node) }
            return [input[0], input[1] + border[0] + border[2], input[2] + border[1] + border[3]]
        case .function, .softmax:
            return input
        }
    }

    private static func requireImage(_ input: [Int], _ node: String) throws(ContainerError) {
        try require(input.count, in: 3...3, "dimensions of the input", node)
    }

    private static func requireDivisor(
        _ divisor: Int, of count: Int, _ field: String, _ node: String
    ) throws(ContainerError) {
        try require(divisor, in: 1...count, field, node)
        try require(count % divisor, in: 0...0, "channels left over by \(divisor) \(field)", node)
    }

    /// Compares the shapes of two inputs.
    private static func requireEqual(
        _ shape: [Int], _ expected: [Int], _ node: String
    ) throws(ContainerError) {
        try require(
            shape.count, in: expected.count...expected.count, "dimensions of an input", node)
        for (found, needed) in zip(shape, expected) {
            try require(found, in: needed...needed, "size of an input", node)
        }
    }
}

extension PackedWindow {
    /// `[height, width]` of the output for an input `[channels, height, width]`.
    fileprivate func outputSize(_ input: [Int], _ node: String) throws(ContainerError) -> [Int] {
        for (field, values) in [
            ("kernel", kernel), ("stride", stride), ("padding", padding), ("dilation", dilation),
        ] {
            try require(values.count, in: 2...2, "dimensions of the \(field)", node)
        }
        var size: [Int] = []
        for axis in 0..<2 {
            try require(kernel[axis], in: 1...Limits.dimension, "kernel", node)
            try require(stride[axis], in: 1...Limits.dimension, "stride", node)
            try require(dilation[axis], in: 1...Limits.dimension, "dilation", node)
            let extent = dilation[axis] * (kernel[axis] - 1) + 1
            try require(
                padding[axis], in: 0...min(extent - 1, Limits.dimension), "padding", node)
            let padded = input[axis + 1] + 2 * padding[axis]
            try require(extent, in: 1...padded, "extent of the kernel", node)
            size.append((padded - extent) / stride[axis] + 1)
        }
        return size
    }
}

/// Checks a number that belongs to a node.
private func require(
    _ value: Int, in range: ClosedRange<Int>, _ field: String, _ node: String
) throws(ContainerError) {
    guard range.contains(value) else {
        throw .outOfRange(
            section: .metadata, field: "\(field) of node \"\(node)\"", found: value,
            expected: range)
    }
}
