import CFloatKernels

/// The forward pass of a convolution on one packed copy of the weights.
///
/// Images are padded horizontally by copying; vertical padding with zeros is skipped by the kernels.
/// A 1×1 convolution is a product over all positions of the batch, whatever image they are in.
struct ConvolutionForward: Sendable {
    let geometry: ConvolutionGeometry
    let isa: cfk_isa
    /// The packed weights of each group.
    private var packed = Tensor.empty
    /// `[batch, height + 2 · margin, width + 2 · padding, channels]`, unused without padding.
    private var padded = Tensor.empty
    /// Rows of padding that `padded` has: none for zeros.
    private var margin = 0

    init(_ geometry: ConvolutionGeometry, isa: cfk_isa) {
        self.geometry = geometry
        self.isa = isa
    }

    /// Positions of a 1×1 convolution that are computed together: 16 register tiles of 12.
    private static let pointChunk = 192

    mutating func run(
        _ x: Tensor, weights: Tensor, bias: Tensor?, paddingValue: Float, into y: inout Tensor,
        threads: Int
    ) {
        let (g, isa, batch) = (geometry, isa, x.count / geometry.inputCount)
        precondition(weights.count == g.weightCount && (bias?.count ?? g.outputs) == g.outputs)
        precondition(y.count == batch * g.outputCount, "output \(y.shape) for \(batch) images")
        pad(x, value: paddingValue, threads: threads)
        let (wide, hasBias) = (usesPadded ? padded : x, bias != nil)
        let imageCount = wide.count / max(batch, 1)
        if g.isDepthwise {
            let depthwise = depthwise
            withPointers(wide, weights, bias ?? .empty, &y) { x, weights, bias, y in
                parallel(chunks: batch, threads: threads) { image in
                    var depthwise = depthwise
                    cfk_depthwise_forward(
                        isa, &depthwise, x + image * imageCount, weights, hasBias ? bias : nil,
                        y + image * g.outputCount)
                }
            }
            return
        }
        let (window, packedCount) = pack(weights)
        let outputs = g.outputs / g.groups
        let positions = g.isPointwise ? batch * g.height * g.width : 0
        withPointers(wide, packed, bias ?? .empty, &y) { x, packed, bias, y in
            let bias = hasBias ? bias : nil
            if g.isPointwise {
                let chunks = (positions + Self.pointChunk - 1) / Self.pointChunk
                parallel(chunks: chunks, threads: threads) { chunk in
                    let part = range(ofChunk: chunk, size: Self.pointChunk, count: positions)
                    var window = window
                    window.columns = Int64(part.count)
                    cfk_window_forward(
                        isa, &window, x + part.lowerBound * g.channels, packed, bias,
                        y + part.lowerBound * g.outputs)
                }
                return
            }
            parallel(chunks: batch, threads: threads) { image in
                var window = window
                for group in 0..<g.groups {
                    cfk_window_forward(
                        isa, &window, x + image * imageCount + group * (g.channels / g.groups),
                        packed + group * packedCount, bias.map { $0 + group * outputs },
                        y + image * g.outputCount + group * outputs)
                }
            }
        }
    }

    private mutating func pack(_ weights: Tensor) -> (window: cfk_window, count: Int) {
        let (isa, groups, outputs) = (isa, geometry.groups, geometry.outputs / geometry.groups)
        var window = window
        let count = Int(cfk_packed_count(isa, &window))
        packed.resize(to: [groups * count])
        withPointers(weights, &packed) { weights, packed in
            for group in 0..<groups {
                cfk_pack(isa, &window, weights + group * outputs, packed + group * count)
            }
        }
        return (window, count)
    }

    /// What the kernels of the last forward pass read, and its floats an image.
    func wide(_ x: Tensor) -> (values: Tensor, imageCount: Int) {
        let values = usesPadded ? padded : x
        return (values, values.count / max(x.count / geometry.inputCount, 1))
    }

    private var usesPadded: Bool { geometry.padding[1] > 0 || margin > 0 }
    private var paddedWidth: Int { geometry.width + 2 * geometry.padding[1] }

    /// The window of one group; that of all positions for a 1×1 convolution.
    var window: cfk_window {
        let g = geometry
        let channels = g.channels / g.groups
        let touches = g.groups == 1 && g.dilation[1] == 1
        var window = cfk_window()
        window.rows = Int64(g.isPointwise ? 1 : g.outputHeight)
        window.columns = Int64(g.isPointwise ? g.height * g.width : g.outputWidth)
        window.outputs = Int64(g.outputs / g.groups)
        window.output_pitch = Int64(g.outputs)
        window.segments = Int64(g.kernel[0])
        window.taps = Int64(touches ? 1 : g.kernel[1])
        window.run = Int64(touches ? g.kernel[1] * channels : channels)
        window.tap_step = Int64(g.dilation[1] * g.channels)
        window.column_stride = Int64(g.stride[1] * g.channels)
        window.row_stride = Int64(g.stride[0])
        window.row_step = Int64(g.dilation[0])
        window.pitch = Int64(paddedWidth * g.channels)
        window.input_rows = Int64(g.height + 2 * margin)
        window.top = Int64(g.padding[0] - margin)
        return window
    }

    var depthwise: cfk_depthwise {
        let g = geometry
        return cfk_depthwise(
            rows: Int64(g.outputHeight), columns: Int64(g.outputWidth), channels: Int64(g.channels),
            kernel_height: Int64(g.kernel[0]), kernel_width: Int64(g.kernel[1]),
            row_stride: Int64(g.stride[0]), column_stride: Int64(g.stride[1]),
            row_step: Int64(g.dilation[0]), column_step: Int64(g.dilation[1]),
            pitch: Int64(paddedWidth * g.channels), input_rows: Int64(g.height + 2 * margin),
            top: Int64(g.padding[0] - margin))
    }

    private mutating func pad(_ x: Tensor, value: Float, threads: Int) {
        margin = value == 0 ? 0 : geometry.padding[0]
        guard usesPadded else { return }
        let (g, batch, margin) = (geometry, x.count / geometry.inputCount, margin)
        let (height, pitch) = (g.height + 2 * margin, paddedWidth * g.channels)
        let (border, row) = (g.padding[1] * g.channels, g.width * g.channels)
        padded.resize(to: [batch, height, paddedWidth, g.channels])
        withPointers(x, &padded) { x, padded in
            parallel(chunks: batch, threads: threads) { image in
                var target = padded + image * height * pitch
                var source = x + image * g.inputCount
                target.update(repeating: value, count: margin * pitch)
                target += margin * pitch
                for _ in 0..<g.height {
                    target.update(repeating: value, count: border)
                    (target + border).update(from: source, count: row)
                    (target + border + row).update(repeating: value, count: border)
                    target += pitch
                    source += row
                }
                target.update(repeating: value, count: margin * pitch)
            }
        }
    }
}
