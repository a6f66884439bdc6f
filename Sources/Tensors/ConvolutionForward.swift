import CFloatKernels

/// The forward pass of a convolution on one packed copy of the weights.
///
/// Images are padded horizontally by copying each into scratch memory that stays in the cache; vertical
/// padding with zeros is skipped by the kernels, and all of it in a depthwise convolution. A 1×1
/// convolution is a product over all positions of the batch, whatever image they are in. Most 3×3
/// convolutions are left to minimal filtering.
struct ConvolutionForward: Sendable {
    let geometry: ConvolutionGeometry
    let isa: cfk_isa
    /// The packed weights of each group.
    private var packed = Tensor.empty
    /// What the padding of the last forward pass carried.
    private var paddingValue: Float = 0
    /// One padded image for each thread.
    private var scratch = Tensor.empty
    var winograd: WinogradConvolution?

    init(_ geometry: ConvolutionGeometry, isa: cfk_isa, sums: ConvolutionSums) {
        self.geometry = geometry
        self.isa = isa
        winograd = sums == .direct ? nil : WinogradConvolution(geometry, isa: isa)
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
        self.paddingValue = paddingValue
        if winograd != nil {
            return winograd!.forward(
                x, weights: weights, bias: bias, paddingValue: paddingValue, into: &y,
                threads: threads)
        }
        let (border, hasBias) = (border, bias != nil)
        border.resize(&scratch, threads: threads)
        if g.isDepthwise {
            let depthwise = depthwise
            withPointers(x, weights, bias ?? .empty, &y, &scratch) { x, weights, bias, y, scratch in
                parallel(chunks: batch, threads: threads) { image, worker in
                    var depthwise = depthwise
                    let image = (
                        x: border.image(image, of: x, worker: worker, scratch),
                        y: y + image * g.outputCount
                    )
                    cfk_depthwise_forward(
                        isa, &depthwise, image.x, weights, hasBias ? bias : nil, image.y)
                }
            }
            return
        }
        let (window, packedCount) = pack(weights)
        let outputs = g.outputs / g.groups
        let positions = g.isPointwise ? batch * g.height * g.width : 0
        withPointers(x, packed, bias ?? .empty, &y, &scratch) { x, packed, bias, y, scratch in
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
            parallel(chunks: batch, threads: threads) { image, worker in
                var window = window
                let x = border.image(image, of: x, worker: worker, scratch)
                for group in 0..<g.groups {
                    cfk_window_forward(
                        isa, &window, x + group * (g.channels / g.groups),
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

    /// The border that the last forward pass put around images.
    var border: ImageBorder { ImageBorder(geometry, value: paddingValue) }

    /// The window of one group; that of all positions for a 1×1 convolution.
    var window: cfk_window {
        let (g, border) = (geometry, border)
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
        window.pitch = Int64(border.width * g.channels)
        window.input_rows = Int64(border.height)
        window.top = Int64(g.padding[0] - border.margin)
        return window
    }

    var depthwise: cfk_depthwise {
        let (g, border) = (geometry, border)
        return cfk_depthwise(
            rows: Int64(g.outputHeight), columns: Int64(g.outputWidth), channels: Int64(g.channels),
            kernel_height: Int64(g.kernel[0]), kernel_width: Int64(g.kernel[1]),
            row_stride: Int64(g.stride[0]), column_stride: Int64(g.stride[1]),
            row_step: Int64(g.dilation[0]), column_step: Int64(g.dilation[1]),
            pitch: Int64(border.width * g.channels), input_rows: Int64(border.height),
            top: Int64(g.padding[0] - border.margin), input_columns: Int64(border.width),
            left: Int64(g.padding[1] - border.sideMargin))
    }
}
