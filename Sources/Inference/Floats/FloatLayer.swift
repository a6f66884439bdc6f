import CFloatKernels
import CIntegerKernels
import PackedModel

/// A layer of a model in floats, ready to run: its weights in the layouts of the kernels.
struct FloatLayer: Sendable {
    enum Weights: Sendable {
        /// All weights of each group, packed by `cfk_pack`.
        case dense(AlignedBuffer)
        /// `[kernelHeight, kernelWidth, channels]`
        case depthwise(AlignedBuffer)
        case sparse(SparseFloatWeights)
        /// Integers, of which the products with codes of each sample are made.
        case dynamic(DynamicWeights)
    }

    let window: FloatWindow
    let weights: Weights
    /// `[outputs]`
    let bias: AlignedBuffer
    let activation: cfk_activation
    let nonzeros: Int
    /// Of an accumulator; 0 for products of floats.
    let accumulatorBound: Int

    /// Up to this share of nonzeros a sparse product is faster than a dense one: over the positions of
    /// an image, and over a batch of feature vectors. With AVX-512 at 2.6 GHz a dense product takes
    /// 0.009 to 0.02 ns a weight and position, a sparse one 0.05 ns a nonzero and position; for one
    /// feature vector 0.04 to 0.15 ns a weight, and 0.8 ns a nonzero. A depthwise layer has few weights;
    /// its zeros are left out only where nearly all weights are zero.
    private static let mostSparse = (image: 0.2, vector: 0.12, depthwise: 0.02)

    /// Packs the layer of node `index`.
    init(
        node index: Int, of checked: CheckedModel, isa: cfk_isa, kernels: KernelSet,
        preference: KernelPreference
    ) throws(EngineError) {
        let node = checked.model.nodes[index]
        let layer = node.operation.layer!
        let output = checked.values[index + 1]
        var input = FloatImage(checked.input(of: index))
        var window = PackedWindow(kernel: [1, 1], stride: [1, 1])
        if case .convolution(_, let own) = node.operation {
            window = own
        } else {
            input = FloatImage(.init(shape: [input.count], quantizer: nil))
        }
        self.window = FloatWindow(input: input, output: FloatImage(output), window: window)
        bias = AlignedBuffer(layer.bias.codes.map { layer.bias.scale * Float($0) })
        activation = cfk_activation(layer.activation)
        if let rows = checked.weights[index], rows.nonzeros > 0 {
            nonzeros = rows.nonzeros
            let dynamic = try DynamicWeights(
                rows, node: index, of: checked, kernels: kernels, preference: preference)
            weights = .dynamic(dynamic)
            accumulatorBound = dynamic.bound
            return
        }
        accumulatorBound = 0
        let rows =
            checked.halves[index]
            ?? HalfRows(emptyOutputs: layer.weights.shape[0], columnCount: self.window.terms)
        nonzeros = rows.nonzeros
        let density = Double(nonzeros) / Double(layer.weights.count)
        let isDepthwise = self.window.isDepthwise
        let most =
            isDepthwise
            ? Self.mostSparse.depthwise
            : output.shape.count == 3 ? Self.mostSparse.image : Self.mostSparse.vector
        // Without nonzeros there is nothing to store, whatever the preference.
        if nonzeros == 0 || preference.choosesSparse(sparse: density, dense: most) {
            weights = .sparse(SparseFloatWeights(rows, self.window))
        } else {
            let dense = Self.dense(rows, self.window)
            weights =
                isDepthwise ? .depthwise(dense) : .dense(Self.packed(dense, self.window, isa))
        }
    }

    /// `[kernelHeight, kernelWidth, channels, outputs]`, zeros included.
    private static func dense(_ rows: HalfRows, _ window: FloatWindow) -> AlignedBuffer {
        let count = window.terms * window.output.channels
        let buffer = AlignedBuffer(byteCount: 4 * count)
        let dense = buffer.base.assumingMemoryBound(to: Float.self)
        for output in 0..<rows.outputs {
            for i in rows.starts[output]..<rows.starts[output + 1] {
                let place = window.place(ofColumn: Int(rows.columns[i]), output: output)
                dense[place] = rows.weights[i]
            }
        }
        return buffer
    }

    private static func packed(
        _ dense: AlignedBuffer, _ window: FloatWindow, _ isa: cfk_isa
    ) -> AlignedBuffer {
        var products = window.products
        let (groups, outputs) = (window.window.groups, window.outputsInGroup)
        let count = Int(cfk_packed_count(isa, &products))
        let buffer = AlignedBuffer(byteCount: 4 * groups * count)
        let packed = buffer.base.assumingMemoryBound(to: Float.self)
        for group in 0..<groups {
            cfk_pack(
                isa, &products, dense.pointer(to: Float.self) + group * outputs,
                packed + group * count)
        }
        return buffer
    }

    var byteCount: Int {
        switch weights {
        case .dense(let buffer), .depthwise(let buffer): buffer.byteCount
        case .sparse(let sparse): sparse.byteCount
        case .dynamic(let dynamic): dynamic.byteCount
        }
    }
}

/// Nonzero weights in floats, row by row, each with the place where the plane that it reads begins.
final class SparseFloatWeights: @unchecked Sendable {
    let view: cfk_sparse
    let geometry: PlaneGeometry
    private let buffers: [AlignedBuffer]

    var byteCount: Int { buffers.reduce(0) { $0 + $1.byteCount } }

    init(_ rows: HalfRows, _ window: FloatWindow) {
        let image = CheckedModel.Value(
            shape: [window.input.channels, window.input.height, window.input.width],
            quantizer: nil)
        let geometry =
            window.isPointwise
            ? PlaneGeometry(inputs: window.input.channels)
            : PlaneGeometry(window.window, over: image, fill: 0, nonzeros: rows.nonzeros)
        self.geometry = geometry
        // A pointwise layer has planes of as many positions as there are at run time.
        let offsets = (0..<rows.outputs).flatMap { output in
            let group = output / (rows.outputs / geometry.groups)
            let start = UInt32(group * geometry.groupStride)
            return rows.columns[rows.starts[output]..<rows.starts[output + 1]].map {
                geometry.offsets[Int($0)] + start
            }
        }
        buffers = [
            AlignedBuffer(rows.starts.map { UInt32($0) }), AlignedBuffer(offsets),
            AlignedBuffer(rows.weights),
        ]
        view = cfk_sparse(
            starts: buffers[0].pointer(to: UInt32.self),
            offsets: buffers[1].pointer(to: UInt32.self),
            weights: buffers[2].pointer(to: Float.self))
    }
}
