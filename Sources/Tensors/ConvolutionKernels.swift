import CFloatKernels

/// 2-D convolution on one packed copy of the weights, and its gradients.
///
/// Weights are `[kernelHeight, kernelWidth, channels, outputs]`, activations NHWC. Images are padded
/// horizontally by copying; vertical padding with zeros is skipped by the kernels.
public struct ConvolutionKernels: Sendable {
    public let geometry: ConvolutionGeometry
    private let isa: cfk_isa
    private var packed = Tensor.empty
    private var flipped = Tensor.empty
    private var packedFlipped = Tensor.empty
    /// `[batch, height + 2 · margin, width + 2 · padding, channels]`, unused without padding.
    private var padded = Tensor.empty
    /// Rows of padding that `padded` has: none for zeros.
    private var margin = 0
    /// `[batch, height, width, outputs]`: output gradients, spread by stride and padded.
    private var spread = Tensor.empty

    public init(_ geometry: ConvolutionGeometry, isa: cfk_isa? = nil) {
        self.geometry = geometry
        self.isa = isa ?? bestISA
    }

    /// - Parameter paddingValue: what the padding carries; not zero behind a quantizer that has no
    ///   exact zero.
    public mutating func forward(
        _ x: Tensor, weights: Tensor, bias: Tensor, paddingValue: Float = 0, into y: inout Tensor,
        threads: Int
    ) {
        margin = paddingValue == 0 ? 0 : geometry.padding[0]
        let (g, isa, batch) = (geometry, isa, x.count / geometry.inputCount)
        precondition(weights.count == g.weightCount && bias.count == g.outputs)
        precondition(y.count == batch * g.outputCount, "output \(y.shape) for \(batch) images")
        var window = forwardWindow
        packed.resize(to: [Int(cfk_packed_count(isa, &window))])
        withPointers(weights, &packed) { cfk_pack(isa, &window, $0, $1) }
        pad(x, value: paddingValue, threads: threads)
        let wide = usesPadded ? padded : x
        let imageCount = wide.count / batch
        withPointers(wide, packed, bias, &y) { x, packed, bias, y in
            parallel(chunks: batch, threads: threads) { image in
                var window = window
                cfk_window_forward(
                    isa, &window, x + image * imageCount, packed, bias, y + image * g.outputCount)
            }
        }
    }

    /// Must follow `forward` on the same `x`.
    public func parameterGradients(
        _ x: Tensor, _ dy: Tensor, weights dw: inout Tensor, bias db: inout Tensor, threads: Int
    ) {
        let (g, isa, batch) = (geometry, isa, x.count / geometry.inputCount)
        precondition(dy.count == batch * g.outputCount && dw.count == g.weightCount)
        precondition(db.count == g.outputs)
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
        withPointers(dy, &db) {
            cfk_column_sums(isa, $0, Int64(dy.count / g.outputs), Int64(g.outputs), $1)
        }
    }

    /// The gradient of the input: a convolution of the output gradient, spread by the stride, with the
    /// flipped kernel.
    public mutating func inputGradient(
        _ dy: Tensor, weights: Tensor, into dx: inout Tensor, threads: Int
    ) {
        let (g, isa, batch) = (geometry, isa, dy.count / geometry.outputCount)
        precondition(dx.count == batch * g.inputCount)
        var window = backwardWindow
        flip(weights)
        packedFlipped.resize(to: [Int(cfk_packed_count(isa, &window))])
        withPointers(flipped, &packedFlipped) { cfk_pack(isa, &window, $0, $1) }
        let rows = (g.outputHeight - 1) * g.stride[0] + 1
        let count = rows * spreadWidth * g.outputs
        spread.resize(to: [batch, rows, spreadWidth, g.outputs])
        let (spreadWidth, margin) = (spreadWidth, g.kernel[1] - 1 - g.padding[1])
        spread.withUnsafeMutableElements { spread in
            let spread = spread.baseAddress!
            withPointers(dy, packedFlipped, &dx) { dy, packed, dx in
                parallel(chunks: batch, threads: threads) { image in
                    let target = spread + image * count
                    Self.spreadImage(
                        dy + image * g.outputCount, g, width: spreadWidth, margin: margin,
                        into: target, count: count)
                    var window = window
                    cfk_window_forward(
                        isa, &window, target, packed, nil, dx + image * g.inputCount)
                }
            }
        }
    }

    private var usesPadded: Bool { geometry.padding[1] > 0 || margin > 0 }
    private var paddedWidth: Int { geometry.width + 2 * geometry.padding[1] }
    private var spreadWidth: Int { geometry.width + geometry.kernel[1] - 1 }

    private var forwardWindow: cfk_window {
        let g = geometry
        return cfk_window(
            rows: Int64(g.outputHeight), columns: Int64(g.outputWidth), outputs: Int64(g.outputs),
            segments: Int64(g.kernel[0]), run: Int64(g.kernel[1] * g.channels),
            column_stride: Int64(g.stride[1] * g.channels), row_stride: Int64(g.stride[0]),
            pitch: Int64(paddedWidth * g.channels), input_rows: Int64(g.height + 2 * margin),
            top: Int64(g.padding[0] - margin))
    }

    private var backwardWindow: cfk_window {
        let g = geometry
        return cfk_window(
            rows: Int64(g.height), columns: Int64(g.width), outputs: Int64(g.channels),
            segments: Int64(g.kernel[0]), run: Int64(g.kernel[1] * g.outputs),
            column_stride: Int64(g.outputs), row_stride: 1,
            pitch: Int64(spreadWidth * g.outputs),
            input_rows: Int64((g.outputHeight - 1) * g.stride[0] + 1),
            top: Int64(g.kernel[0] - 1 - g.padding[0]))
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

    /// Copies one image of output gradients to every `stride`-th position of wider rows of zeros.
    /// Where the padding is wider than the kernel needs, windows at the edges hold padding alone:
    /// their positions would lie outside of the rows, and no input depends on them.
    private static func spreadImage(
        _ dy: UnsafePointer<Float>, _ g: ConvolutionGeometry, width: Int, margin: Int,
        into target: UnsafeMutablePointer<Float>, count: Int
    ) {
        target.update(repeating: 0, count: count)
        for row in 0..<g.outputHeight {
            for column in 0..<g.outputWidth {
                let place = margin + column * g.stride[1]
                guard place >= 0 && place < width else { continue }
                (target + (row * g.stride[0] * width + place) * g.outputs).update(
                    from: dy + (row * g.outputWidth + column) * g.outputs, count: g.outputs)
            }
        }
    }

    /// `flipped[i][j][o][c] = weights[K - 1 - i][L - 1 - j][c][o]`
    private mutating func flip(_ weights: Tensor) {
        let g = geometry
        let taps = g.kernel[0] * g.kernel[1]
        let size = g.channels * g.outputs
        flipped.resize(to: [taps, g.outputs, g.channels])
        withPointers(weights, &flipped) { weights, flipped in
            for tap in 0..<taps {
                cfk_transpose(
                    weights + tap * size, Int64(g.channels), Int64(g.outputs),
                    flipped + (taps - 1 - tap) * size)
            }
        }
    }
}
