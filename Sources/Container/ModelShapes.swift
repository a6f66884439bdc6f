import PackedModel

/// The limits of Format.md on sizes.
enum Limits {
    static let dimension = 1 << 24
    static let values = 1 << 28
    static let weights = 1 << 31 - 1
    static let nodes = 65_535
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
        return [outputs, input[0]] + window.kernel
    }

    /// The shape of the output for an input of shape `input`.
    func outputShape(input: [Int], node: String) throws(ContainerError) -> [Int] {
        switch self {
        case .linear(let layer):
            return [layer.weights.shape[0]]
        case .convolution(let layer, let window):
            try PackedOperation.requireImage(input, node)
            return [layer.weights.shape[0]] + (try window.outputSize(input, node))
        case .maxPooling(let window):
            try PackedOperation.requireImage(input, node)
            for padding in window.padding where padding != 0 {
                throw .outOfRange(
                    section: .metadata, field: "padding of node \"\(node)\"", found: padding,
                    expected: 0...0)
            }
            return [input[0]] + (try window.outputSize(input, node))
        case .flatten:
            return [input.reduce(1, *)]
        default: fatalError("not yet")
        }
    }

    private static func requireImage(_ input: [Int], _ node: String) throws(ContainerError) {
        guard input.count == 3 else {
            throw .outOfRange(
                section: .metadata, field: "dimensions of the input of node \"\(node)\"",
                found: input.count, expected: 3...3)
        }
    }
}

extension PackedWindow {
    /// `[height, width]` of the output for an input `[channels, height, width]`.
    fileprivate func outputSize(_ input: [Int], _ node: String) throws(ContainerError) -> [Int] {
        for (field, values) in [("kernel", kernel), ("stride", stride), ("padding", padding)] {
            try require(values.count, in: 2...2, "dimensions of the \(field)", node)
        }
        var size: [Int] = []
        for axis in 0..<2 {
            try require(kernel[axis], in: 1...Limits.dimension, "kernel", node)
            try require(stride[axis], in: 1...Limits.dimension, "stride", node)
            try require(padding[axis], in: 0...kernel[axis] - 1, "padding", node)
            let padded = input[axis + 1] + 2 * padding[axis]
            try require(kernel[axis], in: 1...padded, "kernel", node)
            size.append((padded - kernel[axis]) / stride[axis] + 1)
        }
        return size
    }

    private func require(
        _ value: Int, in range: ClosedRange<Int>, _ field: String, _ node: String
    ) throws(ContainerError) {
        guard range.contains(value) else {
            throw .outOfRange(
                section: .metadata, field: "\(field) of node \"\(node)\"", found: value,
                expected: range)
        }
    }
}
