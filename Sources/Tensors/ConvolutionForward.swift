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
    /// The packed weights of each group; those of a depthwise convolution as they are.
    private(set) var packed = Tensor.empty
    /// What the padding of the last forward pass carried.
    private var paddingValue: Float = 0
    /// One padded image for each thread.
    private var scratch = Tensor.empty
    private var sums: ChannelSums
    var winograd: WinogradConvolution?

    init(_ geometry: ConvolutionGeometry, isa: cfk_isa, sums: ConvolutionSums) {
        self.geometry = geometry
        self.isa = isa
        self.sums = ChannelSums(channels: geometry.outputs)
        winograd = sums == .direct ? nil : WinogradConvolution(geometry, isa: isa)
    }

    /// Positions of a 1×1 convolution that are computed together: 16 register tiles of 12.
    private static let pointChunk = 192

    /// Positions or images of a part.
    private var partSize: Int { geometry.isPointwise ? Self.pointChunk : 1 }

    /// Floats of the input of a part.
    var partCount: Int {
        geometry.isPointwise ? Self.pointChunk * geometry.channels : geometry.inputCount
    }

    /// - Parameters:
    ///   - source: what makes the input of `x`, unless it is `x`; not for minimal filtering.
    ///   - workspace: `[threads, partCount]`, needed with `source`.
    /// - Returns: the moments of each output channel if `wantsMoments`: the sums of `y` and of `y²`.
    @discardableResult
    mutating func run(
        _ x: Tensor, source: NormalizedInput? = nil,
        workspace: UnsafeMutablePointer<Float>? = nil, weights: Tensor, bias: Tensor?,
        paddingValue: Float, into y: inout Tensor, wantsMoments: Bool = false, threads: Int
    ) -> [(Double, Double)]? {
        let (g, isa, batch) = (geometry, isa, x.count / geometry.inputCount)
        precondition(weights.count == g.weightCount && (bias?.count ?? g.outputs) == g.outputs)
        precondition(y.count == batch * g.outputCount, "output \(y.shape) for \(batch) images")
        self.paddingValue = paddingValue
        let positions = g.isPointwise ? Self.pointChunk : g.outputHeight * g.outputWidth
        let (count, size) = (g.isPointwise ? batch * g.height * g.width : batch, partSize)
        let parts = (count + size - 1) / size
        let pieces = PartSums.pieces(positions: positions, channels: g.outputs)
        var sums = ChannelSums(channels: g.outputs)
        swap(&sums, &self.sums)
        defer { swap(&sums, &self.sums) }
        sums.resize(pieces: wantsMoments ? parts * pieces : 0)
        sums.withPieces {
            let moments = PartSums(
                channels: g.outputs, positions: positions, sums: wantsMoments ? $0 : nil)
            if winograd != nil {
                return winograd!.forward(
                    x, weights: weights, bias: bias, paddingValue: paddingValue, into: &y,
                    moments: moments, threads: threads)
            }
            prepare(weights, threads: threads)
            let (kernel, hasBias, pitch) = (partKernel, bias != nil, partCount)
            let inputs = g.isPointwise ? 1 : g.height * g.width
            withPointers(x, packed, bias ?? .empty, &y, &scratch) { x, packed, bias, y, scratch in
                let input = PartInput(
                    isa: isa, channels: g.channels, x: x, source: source,
                    workspace: workspace ?? scratch, pitch: pitch)
                parallel(chunks: parts, threads: threads) { index, worker in
                    let part = range(ofChunk: index, size: size, count: count)
                    let y = y + part.lowerBound * (g.isPointwise ? g.outputs : g.outputCount)
                    let x = input.values(
                        part.lowerBound * inputs..<part.upperBound * inputs, worker: worker)
                    kernel.compute(
                        part.count, of: x, packed, bias: hasBias ? bias : nil, into: y,
                        worker: worker, scratch)
                    moments.writeMoments(
                        isa, part: index, y, count: g.isPointwise ? part.count : positions)
                }
            }
        }
        return wantsMoments ? sums.total : nil
    }

    /// Lays out the weights as `compute` reads them, and makes room for one image a thread.
    mutating func prepare(_ weights: Tensor, threads: Int) {
        border.resize(&scratch, threads: threads)
        if geometry.isDepthwise {
            packed.resize(to: weights.shape)
            packed.assign(weights)
        } else {
            pack(weights)
        }
    }

    private mutating func pack(_ weights: Tensor) {
        let (isa, groups, outputs) = (isa, geometry.groups, geometry.outputs / geometry.groups)
        var window = window
        let count = Int(cfk_packed_count(isa, &window))
        packed.resize(to: [groups * count])
        withPointers(weights, &packed) { weights, packed in
            for group in 0..<groups {
                cfk_pack(isa, &window, weights + group * outputs, packed + group * count)
            }
        }
    }

    /// Computes parts with the weights and the border of the last `prepare`.
    var partKernel: PartKernel {
        PartKernel(
            isa: isa, geometry: geometry, border: border, window: window, depthwise: depthwise,
            packedCount: packed.count / geometry.groups)
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

    var depthwise: cfk_depthwise { depthwise(border) }

    /// For padding of zeros.
    var unborderedDepthwise: cfk_depthwise { depthwise(ImageBorder(geometry, value: 0)) }

    private func depthwise(_ border: ImageBorder) -> cfk_depthwise {
        let g = geometry
        return cfk_depthwise(
            rows: Int64(g.outputHeight), columns: Int64(g.outputWidth), channels: Int64(g.channels),
            kernel_height: Int64(g.kernel[0]), kernel_width: Int64(g.kernel[1]),
            row_stride: Int64(g.stride[0]), column_stride: Int64(g.stride[1]),
            row_step: Int64(g.dilation[0]), column_step: Int64(g.dilation[1]),
            pitch: Int64(border.width * g.channels), input_rows: Int64(border.height),
            top: Int64(g.padding[0] - border.margin), input_columns: Int64(border.width),
            left: Int64(g.padding[1] - border.sideMargin),
            padding: border.isNeeded ? 0 : border.value)
    }
}

/// Computes a part of a batch: some images, or for a 1×1 convolution positions.
struct PartKernel {
    let isa: cfk_isa
    let geometry: ConvolutionGeometry
    let border: ImageBorder
    let window: cfk_window
    let depthwise: cfk_depthwise
    /// Packed weights of a group.
    let packedCount: Int

    /// - Parameters:
    ///   - count: images, or positions.
    ///   - x: the first one's values; and `y` its results.
    func compute(
        _ count: Int, of x: UnsafePointer<Float>, _ packed: UnsafePointer<Float>,
        bias: UnsafePointer<Float>?, into y: UnsafeMutablePointer<Float>, worker: Int,
        _ scratch: UnsafeMutablePointer<Float>
    ) {
        let g = geometry
        var (window, depthwise) = (window, depthwise)
        if g.isPointwise {
            window.columns = Int64(count)
            return cfk_window_forward(isa, &window, x, packed, bias, y)
        }
        let outputs = g.outputs / g.groups
        for image in 0..<count {
            let x = border.image(image, of: x, worker: worker, scratch)
            let y = y + image * g.outputCount
            if g.isDepthwise {
                cfk_depthwise_forward(isa, &depthwise, x, packed, bias, y)
                continue
            }
            for group in 0..<g.groups {
                cfk_window_forward(
                    isa, &window, x + group * (g.channels / g.groups),
                    packed + group * packedCount, bias.map { $0 + group * outputs },
                    y + group * outputs)
            }
        }
    }
}
