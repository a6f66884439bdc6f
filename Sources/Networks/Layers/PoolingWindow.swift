import Tensors

/// The windows of a pooling layer; `[vertical, horizontal]` each.
struct PoolingWindow: Sendable, Equatable {
    let kernel: [Int]
    let stride: [Int]
    /// On each side. Less than the kernel, so that every window has a position inside the image.
    let padding: [Int]

    /// The largest kernel and stride.
    private static let largest = 4096

    /// The sample shape behind the layer of a kind.
    func outputShape(of shapes: [[Int]], layer kind: String) throws(ShapeError) -> [Int] {
        guard kernel.count == 2, stride.count == 2, padding.count == 2,
            (0...1).allSatisfy(isValid)
        else {
            throw .unfit(
                layer: kind, found: shapes,
                expected: """
                    a kernel and a stride of two sizes in 1...\(Self.largest) and less padding than \
                    kernel, not \(kernel), \(stride) and \(padding)
                    """)
        }
        guard shapes.count == 1, shapes[0].count == 3,
            (0...1).allSatisfy({ shapes[0][$0] >= kernel[$0] - 2 * padding[$0] })
        else {
            throw .unfit(
                layer: kind, found: shapes,
                expected: "an image of at least \(kernel), padding of \(padding) included")
        }
        return kernels(on: shapes[0]).outputShape
    }

    private func isValid(_ axis: Int) -> Bool {
        (1...Self.largest).contains(kernel[axis]) && (1...Self.largest).contains(stride[axis])
            && (0..<kernel[axis]).contains(padding[axis])
    }

    func kernels(on shape: [Int]) -> PoolingKernels {
        PoolingKernels(shape: shape, kernel: kernel, stride: stride, padding: padding)
    }

    /// For the images of a batch.
    func kernels(for x: Tensor) -> PoolingKernels { kernels(on: Array(x.shape.dropFirst())) }

    func write(to state: inout SavedState) {
        for axis in 0...1 {
            state.numbers["kernel\(axis)"] = Double(kernel[axis])
            state.numbers["stride\(axis)"] = Double(stride[axis])
            state.numbers["padding\(axis)"] = Double(padding[axis])
        }
    }
}

extension PoolingWindow {
    init(state: SavedState) throws(SavedStateError) {
        var (kernel, stride, padding) = ([Int](), [Int](), [Int]())
        for axis in 0...1 {
            kernel.append(try state.integer("kernel\(axis)", in: 1...Self.largest))
            stride.append(try state.integer("stride\(axis)", in: 1...Self.largest))
            padding.append(try state.integer("padding\(axis)", in: 0...kernel[axis] - 1))
        }
        self.init(kernel: kernel, stride: stride, padding: padding)
    }
}
