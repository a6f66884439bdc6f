import CFloatKernels

/// Fully connected products, `y = x W + b`, and their gradients.
///
/// Weights are `[inputs, outputs]`, activations `[batch, features]`. Threads share the columns of a
/// product, or where those are few the columns and the halves of the batch. A panel of the weights is
/// packed right before it is multiplied, while it is in the cache: weights change every step, and no
/// packed copy of all of them takes memory.
public struct LinearKernels: Sendable {
    public let inputs: Int
    public let outputs: Int
    private let isa: cfk_isa
    /// For each thread a packed panel and its transpose, `[2, terms, panel]`, or some columns of the
    /// input, `[batch, inputChunk]`.
    private var scratch = Tensor.empty

    /// Columns of a product that are computed together: as many as AVX-512's register tile has.
    private static let panel = 32
    /// Inputs, at most, whose weights' gradients are computed together. Their columns are copied before: read from
    /// rows of 784 floats, each row on another page of memory, they take 1.3 times as long.
    private static let inputChunk = 96

    public init(inputs: Int, outputs: Int, isa: cfk_isa? = nil) {
        self.inputs = inputs
        self.outputs = outputs
        self.isa = isa ?? bestISA
    }

    public mutating func forward(
        _ x: Tensor, weights: Tensor, bias: Tensor, into y: inout Tensor, threads: Int
    ) {
        precondition(weights.count == inputs * outputs && bias.count == outputs)
        let (inputs, outputs, isa) = (inputs, outputs, isa)
        withPointers(weights, bias) { weights, bias in
            product(x, bias, into: &y, terms: inputs, columns: outputs, threads: threads) {
                var window = Self.window(
                    terms: inputs, columns: $0.count, pitch: outputs, batch: 1)
                cfk_pack(isa, &window, weights + $0.lowerBound, $1)
            }
        }
    }

    /// `dx = dy Wᵀ`
    public mutating func inputGradient(
        _ dy: Tensor, weights: Tensor, into dx: inout Tensor, threads: Int
    ) {
        let (outputs, isa) = (outputs, isa)
        weights.withUnsafeElements { weights in
            product(dy, nil, into: &dx, terms: outputs, columns: inputs, threads: threads) {
                let rows = weights.baseAddress! + $0.lowerBound * outputs
                let transposed = $1 + outputs * Self.panel
                var window = Self.window(
                    terms: outputs, columns: $0.count, pitch: $0.count, batch: 1)
                cfk_transpose(rows, Int64($0.count), Int64(outputs), transposed)
                cfk_pack(isa, &window, transposed, $1)
            }
        }
    }

    /// `dW = xᵀ dy`, `db = Σ dy`
    public mutating func parameterGradients(
        _ x: Tensor, _ dy: Tensor, weights dw: inout Tensor, bias db: inout Tensor, threads: Int
    ) {
        let (inputs, outputs, batch, isa) = (inputs, outputs, x.count / inputs, isa)
        precondition(dy.count == batch * outputs && dw.count == inputs * outputs)
        precondition(db.count == outputs)
        let threads = Self.threads(threads, forProducts: batch * inputs * outputs)
        scratch.resize(to: [threads, batch * Self.inputChunk])
        withPointers(x, dy, &dw, &scratch) { x, dy, dw, scratch in
            let size = Self.size(ofChunksOf: inputs, upTo: Self.inputChunk)
            parallel(chunks: (inputs + size - 1) / size, threads: threads) { chunk, worker in
                let part = range(ofChunk: chunk, size: size, count: inputs)
                let columns = scratch + worker * batch * Self.inputChunk
                cfk_copy_rows(
                    x + part.lowerBound, Int64(inputs), columns, Int64(part.count), Int64(batch),
                    Int64(part.count))
                var window = Self.window(
                    terms: part.count, columns: outputs, pitch: outputs, batch: batch)
                cfk_window_gradient(
                    isa, &window, columns, dy, dw + part.lowerBound * outputs, 0,
                    cfk_gradient_tiles(&window), 0)
            }
        }
        withPointers(dy, &db) { cfk_column_sums(isa, $0, Int64(batch), Int64(outputs), $1) }
    }

    /// `y[batch, columns] = x[batch, terms] M + bias`.
    /// - Parameter pack: packs some columns of `M` into the memory that it is given.
    private mutating func product(
        _ x: Tensor, _ bias: UnsafePointer<Float>?, into y: inout Tensor, terms: Int, columns: Int,
        threads: Int, pack: (Range<Int>, UnsafeMutablePointer<Float>) -> Void
    ) {
        let (batch, isa) = (x.count / terms, isa)
        precondition(x.count == batch * terms, "\(x.shape) for \(terms) features")
        precondition(y.count == batch * columns, "\(y.shape) for a batch of \(batch)")
        let panelCount = 2 * terms * Self.panel
        let threads = Self.threads(threads, forProducts: batch * terms * columns)
        scratch.resize(to: [threads, panelCount])
        withPointers(x, &y, &scratch) { x, y, scratch in
            let panels = (columns + Self.panel - 1) / Self.panel
            // Few panels would not be shared evenly; then each is packed once for either half of the batch.
            let halves = threads > 1 && panels < 8 && batch >= 32 ? 2 : 1
            parallel(chunks: panels * halves, threads: threads) { chunk, worker in
                let part = range(ofChunk: chunk / halves, size: Self.panel, count: columns)
                let samples = range(
                    ofChunk: chunk % halves, size: (batch + halves - 1) / halves, count: batch)
                let packed = scratch + worker * panelCount
                pack(part, packed)
                var window = Self.window(
                    terms: terms, columns: part.count, pitch: columns, batch: samples.count)
                cfk_window_forward(
                    isa, &window, x + samples.lowerBound * terms, packed,
                    bias.map { $0 + part.lowerBound },
                    y + samples.lowerBound * columns + part.lowerBound)
            }
        }
    }

    /// The size of an even number of chunks, nearly equal ones: two threads are done at the same time.
    private static func size(ofChunksOf count: Int, upTo limit: Int) -> Int {
        let chunks = (count + 2 * limit - 1) / (2 * limit) * 2
        return (count + 4 * chunks - 1) / (4 * chunks) * 4
    }

    /// `threads`, or 1 if so few products (about 15 µs of them on AVX-512) are not worth a second one.
    private static func threads(_ threads: Int, forProducts count: Int) -> Int {
        count < 1 << 20 ? 1 : threads
    }

    /// Samples stand where a convolution has columns, some columns of the matrix where it has outputs.
    private static func window(terms: Int, columns: Int, pitch: Int, batch: Int) -> cfk_window {
        cfk_window(
            rows: 1, columns: Int64(batch), outputs: Int64(columns), output_pitch: Int64(pitch),
            segments: 1, taps: 1, run: Int64(terms), tap_step: 0, column_stride: Int64(terms),
            row_stride: 1, row_step: 1, pitch: 0, input_rows: 1, top: 0)
    }
}
