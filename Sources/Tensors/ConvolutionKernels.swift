import CFloatKernels

/// 2-D convolution on one packed copy of the weights, and its gradients.
///
/// Weights are `[kernelHeight, kernelWidth, channels, outputs]`, activations NHWC. Images are padded
/// horizontally by copying; vertical padding with zeros is skipped by the kernels.
public struct ConvolutionKernels: Sendable {
    public let geometry: ConvolutionGeometry
    private let isa: cfk_isa
    private var packed = Tensor.empty
    private var transposed = Tensor.empty
    private var packedTransposed = Tensor.empty
    /// `[batch, height + 2 · margin, width + 2 · padding, channels]`, unused without padding.
    private var padded = Tensor.empty
    /// Rows of padding that `padded` has: none for zeros.
    private var margin = 0
    /// `[threads, outputWidth, weights of an output]`: a row of output gradients times all weights.
    private var products = Tensor.empty

    public init(_ geometry: ConvolutionGeometry, isa: cfk_isa? = nil) {
        self.geometry = geometry
        self.isa = isa ?? bestISA
    }

    /// - Parameter paddingValue: what the padding carries; not zero behind a quantizer that has no
    ///   exact zero.
    public mutating func forward(
        _ x: Tensor, weights: Tensor, bias: Tensor?, paddingValue: Float = 0, into y: inout Tensor,
        threads: Int
    ) {
        margin = paddingValue == 0 ? 0 : geometry.padding[0]
        let (g, isa, batch) = (geometry, isa, x.count / geometry.inputCount)
        precondition(weights.count == g.weightCount && (bias?.count ?? g.outputs) == g.outputs)
        precondition(g.groups == 1 && g.dilation == [1, 1], "not yet")
        precondition(y.count == batch * g.outputCount, "output \(y.shape) for \(batch) images")
        var window = forwardWindow
        packed.resize(to: [Int(cfk_packed_count(isa, &window))])
        withPointers(weights, &packed) { cfk_pack(isa, &window, $0, $1) }
        pad(x, value: paddingValue, threads: threads)
        let wide = usesPadded ? padded : x
        let imageCount = wide.count / batch
        let hasBias = bias != nil
        withPointers(wide, packed, bias ?? .empty, &y) { x, packed, bias, y in
            let bias = hasBias ? bias : nil
            parallel(chunks: batch, threads: threads) { image in
                var window = window
                cfk_window_forward(
                    isa, &window, x + image * imageCount, packed, bias, y + image * g.outputCount)
            }
        }
    }

    /// Must follow `forward` on the same `x`.
    public func parameterGradients(
        _ x: Tensor, _ dy: Tensor, weights dw: inout Tensor, threads: Int
    ) {
        let (g, isa, batch) = (geometry, isa, x.count / geometry.inputCount)
        precondition(dy.count == batch * g.outputCount && dw.count == g.weightCount)
        var window = forwardWindow
        let tiles = Int(cfk_gradient_tiles(&window))
        let wide = usesPadded ? padded : x
        let imageCount = wide.count / batch
        withPointers(wide, dy, &dw) { x, dy, dw in
            let size = max(1, tiles / 16)
            parallel(chunks: (tiles + size - 1) / size, threads: threads) { chunk in
                let part = range(ofChunk: chunk, size: size, count: tiles)
                var window = window
                for image in 0..<batch {
                    cfk_window_gradient(
                        isa, &window, x + image * imageCount, dy + image * g.outputCount, dw,
                        Int64(part.lowerBound), Int64(part.upperBound), image == 0 ? 0 : 1)
                }
            }
        }
    }

    public func biasGradient(_ dy: Tensor, into db: inout Tensor, threads: Int) {
        let (isa, outputs) = (isa, geometry.outputs)
        precondition(db.count == outputs)
        withPointers(dy, &db) {
            cfk_column_sums(isa, $0, Int64(dy.count / outputs), Int64(outputs), $1)
        }
    }

    /// The gradient of the input: each position's output gradients times all weights, added up where
    /// the position's window lies. Strides and padding cost nothing extra.
    public mutating func inputGradient(
        _ dy: Tensor, weights: Tensor, into dx: inout Tensor, threads: Int
    ) {
        let (g, isa, batch) = (geometry, isa, dy.count / geometry.outputCount)
        precondition(dx.count == batch * g.inputCount)
        let taps = g.weightCount / g.outputs
        var window = rowWindow
        transposed.resize(to: [g.outputs, taps])
        withPointers(weights, &transposed) { cfk_transpose($0, Int64(taps), Int64(g.outputs), $1) }
        packedTransposed.resize(to: [Int(cfk_packed_count(isa, &window))])
        withPointers(transposed, &packedTransposed) { cfk_pack(isa, &window, $0, $1) }
        let (rowCount, productCount) = (g.outputWidth * g.outputs, g.outputWidth * taps)
        products.resize(to: [threads, g.outputWidth, taps])
        let firstScatter = scatter
        products.withUnsafeMutableElements { products in
            let products = products.baseAddress!
            withPointers(dy, packedTransposed, &dx) { dy, packed, dx in
                parallel(chunks: batch, threads: threads) { image, worker in
                    let (target, product) = (
                        dx + image * g.inputCount, products + worker * productCount
                    )
                    var (window, scatter) = (window, firstScatter)
                    target.update(repeating: 0, count: g.inputCount)
                    for row in 0..<g.outputHeight {
                        let gradients = dy + image * g.outputCount + row * rowCount
                        cfk_window_forward(isa, &window, gradients, packed, nil, product)
                        scatter.top = Int64(row * g.stride[0] - g.padding[0])
                        cfk_window_scatter(isa, &scatter, product, target)
                    }
                }
            }
        }
    }

    private var usesPadded: Bool { geometry.padding[1] > 0 || margin > 0 }
    private var paddedWidth: Int { geometry.width + 2 * geometry.padding[1] }

    private var forwardWindow: cfk_window {
        let g = geometry
        return cfk_window(
            rows: Int64(g.outputHeight), columns: Int64(g.outputWidth), outputs: Int64(g.outputs),
            segments: Int64(g.kernel[0]), run: Int64(g.kernel[1] * g.channels),
            column_stride: Int64(g.stride[1] * g.channels), row_stride: Int64(g.stride[0]),
            pitch: Int64(paddedWidth * g.channels), input_rows: Int64(g.height + 2 * margin),
            top: Int64(g.padding[0] - margin))
    }

    /// A row of output gradients as samples, all weights of an output as outputs.
    private var rowWindow: cfk_window {
        let g = geometry
        return cfk_window(
            rows: 1, columns: Int64(g.outputWidth), outputs: Int64(g.weightCount / g.outputs),
            segments: 1, run: Int64(g.outputs), column_stride: Int64(g.outputs), row_stride: 1,
            pitch: 0, input_rows: 1, top: 0)
    }

    private var scatter: cfk_scatter {
        let g = geometry
        return cfk_scatter(
            columns: Int64(g.outputWidth), channels: Int64(g.channels), height: Int64(g.height),
            width: Int64(g.width), kernel_height: Int64(g.kernel[0]),
            kernel_width: Int64(g.kernel[1]), column_stride: Int64(g.stride[1]), top: 0,
            left: Int64(-g.padding[1]))
    }

    private mutating func pad(_ x: Tensor, value: Float, threads: Int) {
        guard usesPadded else { return }
        let (g, width, batch) = (geometry, paddedWidth, x.count / geometry.inputCount)
        let (height, margin) = (g.height + 2 * margin, margin)
        padded.resize(to: [batch, height, width, g.channels])
        withPointers(x, &padded) { x, padded in
            parallel(chunks: batch, threads: threads) { image in
                let target = padded + image * height * width * g.channels
                target.update(repeating: value, count: height * width * g.channels)
                for row in 0..<g.height {
                    let position = (row + margin) * width + g.padding[1]
                    (target + position * g.channels).update(
                        from: x + (image * g.height + row) * g.width * g.channels,
                        count: g.width * g.channels)
                }
            }
        }
    }
}
