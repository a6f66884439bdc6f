import CFloatKernels

/// Fully connected products on one packed copy of the weights: `y = x W + b` and its gradients.
///
/// Weights are `[inputs, outputs]`, activations `[batch, features]`.
public struct LinearKernels: Sendable {
    public let inputs: Int
    public let outputs: Int
    private let isa: cfk_isa
    private var packed = Tensor.empty
    private var transposed = Tensor.empty
    private var packedTransposed = Tensor.empty

    /// Packed weights of up to 16 MB stay for the next step. Beyond that a step takes so long that
    /// fresh memory costs nothing beside it, and a network must not be in memory several times.
    private static let keptCount = 1 << 22

    /// Samples of a batch that are computed together: four register tiles of 12.
    private static let chunk = 48

    public init(inputs: Int, outputs: Int, isa: cfk_isa? = nil) {
        self.inputs = inputs
        self.outputs = outputs
        self.isa = isa ?? bestISA
    }

    public mutating func forward(
        _ x: Tensor, weights: Tensor, bias: Tensor, into y: inout Tensor, threads: Int
    ) {
        let batch = x.count / inputs
        precondition(weights.count == inputs * outputs && bias.count == outputs)
        precondition(y.count == batch * outputs, "output \(y.shape) for a batch of \(batch)")
        let (inputs, outputs, isa) = (inputs, outputs, isa)
        Self.pack(weights, inputs: inputs, outputs: outputs, isa: isa, into: &packed)
        withPointers(x, packed, bias, &y) { x, packed, bias, y in
            Self.product(
                x, packed, bias, y, inputs: inputs, outputs: outputs, batch: batch, isa: isa,
                threads: threads)
        }
        if inputs * outputs > Self.keptCount { packed = .empty }
    }

    /// `dx = dy Wᵀ`
    public mutating func inputGradient(
        _ dy: Tensor, weights: Tensor, into dx: inout Tensor, threads: Int
    ) {
        let batch = dy.count / outputs
        precondition(dx.count == batch * inputs)
        let (inputs, outputs, isa) = (inputs, outputs, isa)
        transposed.resize(to: [outputs, inputs])
        withPointers(weights, &transposed) { cfk_transpose($0, Int64(inputs), Int64(outputs), $1) }
        Self.pack(
            transposed, inputs: outputs, outputs: inputs, isa: isa, into: &packedTransposed)
        let isKept = inputs * outputs <= Self.keptCount
        if !isKept { transposed = .empty }
        withPointers(dy, packedTransposed, &dx) { dy, packed, dx in
            Self.product(
                dy, packed, nil, dx, inputs: outputs, outputs: inputs, batch: batch, isa: isa,
                threads: threads)
        }
        if !isKept { packedTransposed = .empty }
    }

    /// `dW = xᵀ dy`, `db = Σ dy`
    public func parameterGradients(
        _ x: Tensor, _ dy: Tensor, weights dw: inout Tensor, bias db: inout Tensor, threads: Int
    ) {
        let batch = x.count / inputs
        precondition(dy.count == batch * outputs && dw.count == inputs * outputs)
        precondition(db.count == outputs)
        var window = Self.window(inputs: inputs, outputs: outputs, batch: batch)
        let tiles = Int(cfk_gradient_tiles(&window))
        withPointers(x, dy, &dw) { x, dy, dw in
            let size = 8
            parallel(chunks: (tiles + size - 1) / size, threads: threads) { chunk in
                let part = range(ofChunk: chunk, size: size, count: tiles)
                var window = window
                cfk_window_gradient(
                    isa, &window, x, dy, dw, Int64(part.lowerBound), Int64(part.upperBound), 0)
            }
        }
        withPointers(dy, &db) { cfk_column_sums(isa, $0, Int64(batch), Int64(outputs), $1) }
    }

    private static func pack(
        _ weights: Tensor, inputs: Int, outputs: Int, isa: cfk_isa, into packed: inout Tensor
    ) {
        var window = window(inputs: inputs, outputs: outputs, batch: 1)
        packed.resize(to: [Int(cfk_packed_count(isa, &window))])
        withPointers(weights, &packed) { cfk_pack(isa, &window, $0, $1) }
    }

    private static func product(
        _ x: UnsafePointer<Float>, _ packed: UnsafePointer<Float>, _ bias: UnsafePointer<Float>?,
        _ y: UnsafeMutablePointer<Float>, inputs: Int, outputs: Int, batch: Int, isa: cfk_isa,
        threads: Int
    ) {
        parallel(chunks: (batch + chunk - 1) / chunk, threads: threads) { index in
            let part = range(ofChunk: index, size: chunk, count: batch)
            var window = window(inputs: inputs, outputs: outputs, batch: part.count)
            cfk_window_forward(
                isa, &window, x + part.lowerBound * inputs, packed, bias,
                y + part.lowerBound * outputs)
        }
    }

    private static func window(inputs: Int, outputs: Int, batch: Int) -> cfk_window {
        cfk_window(
            rows: 1, columns: Int64(batch), outputs: Int64(outputs), output_pitch: Int64(outputs),
            segments: 1, taps: 1, run: Int64(inputs), tap_step: 0, column_stride: Int64(inputs),
            row_stride: 1, row_step: 1, pitch: 0, input_rows: 1, top: 0)
    }
}
