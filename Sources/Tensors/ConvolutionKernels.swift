import CFloatKernels

/// How a convolution's sums are made.
public enum ConvolutionSums: Sendable {
    /// Also by minimal filtering, which adds and halves values before it multiplies.
    case fastest
    /// Of the products and nothing else: exact where all partial sums are whole numbers below 2²⁴.
    case direct
}

/// 2-D convolution and its gradients, with groups, strides, dilation and padding.
///
/// Weights are `[kernelHeight, kernelWidth, channels / groups, outputs]`, activations NHWC. Packed
/// weights and padded images are kept from step to step, so that a step allocates nothing.
public struct ConvolutionKernels: Sendable {
    public let geometry: ConvolutionGeometry
    private let isa: cfk_isa
    private var forwardPass: ConvolutionForward
    /// For stride 1: the gradient of the input is a convolution of the output's gradient.
    private var inputGradientPass: ConvolutionForward?
    /// Weights as `inputGradientPass` reads them, or transposed for the scattered products.
    private var transposed = Tensor.empty
    private var packedTransposed = Tensor.empty
    /// `[threads, outputWidth, weights of an output]`: a row of output gradients times all weights.
    private var products = Tensor.empty
    /// `[blocks, weights]`: the gradients of the blocks of a batch.
    private var partials = Tensor.empty
    /// One image with its border for each thread.
    private var scratch = Tensor.empty

    public init(
        _ geometry: ConvolutionGeometry, sums: ConvolutionSums = .fastest, isa: cfk_isa? = nil
    ) {
        self.geometry = geometry
        self.isa = isa ?? bestISA
        forwardPass = ConvolutionForward(geometry, isa: self.isa, sums: sums)
        inputGradientPass = geometry.inputGradient.map { [isa = self.isa] in
            ConvolutionForward($0, isa: isa, sums: sums)
        }
    }

    /// - Parameter paddingValue: what the padding carries; not zero behind a quantizer that has no
    ///   exact zero.
    public mutating func forward(
        _ x: Tensor, weights: Tensor, bias: Tensor?, paddingValue: Float = 0, into y: inout Tensor,
        threads: Int
    ) {
        forwardPass.run(
            x, weights: weights, bias: bias, paddingValue: paddingValue, into: &y, threads: threads)
    }

    public mutating func biasGradient(_ dy: Tensor, into db: inout Tensor, threads: Int) {
        let (isa, outputs) = (isa, geometry.outputs)
        let (count, positions) = (dy.count, dy.count / outputs)
        precondition(db.count == outputs)
        let size = (positions + Self.blocks - 1) / Self.blocks
        partials.resize(to: [Self.blocks, outputs])
        withPointers(dy, &partials) { dy, partials in
            parallel(chunks: Self.blocks, threads: Tensors.threads(threads, forMoving: count)) {
                let part = range(ofChunk: $0, size: size, count: positions)
                cfk_column_sums(
                    isa, dy + part.lowerBound * outputs, Int64(part.count), Int64(outputs),
                    partials + $0 * outputs)
            }
        }
        withPointers(partials, &db) {
            cfk_column_sums(isa, $0, Int64(Self.blocks), Int64(outputs), $1)
        }
    }

    // MARK: Weights

    /// Blocks of the batch whose gradients are made apart and then added, so that threads share the
    /// work; the sums do not depend on how many threads there are.
    private static let blocks = 8
    /// Larger weights are cut into tiles instead.
    private static let largestPartial = 1 << 18

    /// Must follow `forward` on the same `x`.
    public mutating func parameterGradients(
        _ x: Tensor, _ dy: Tensor, weights dw: inout Tensor, threads: Int
    ) {
        let (g, batch) = (geometry, x.count / geometry.inputCount)
        precondition(dy.count == batch * g.outputCount && dw.count == g.weightCount)
        let isLarge = g.weightCount > Self.largestPartial && !g.isDepthwise
        let blocks = isLarge ? 1 : min(Self.blocks, batch)
        if forwardPass.winograd != nil {
            if blocks == 1 {
                return forwardPass.winograd!.parameterGradients(
                    x, dy, blocks: 1, into: &dw, threads: threads)
            }
            partials.resize(to: [blocks, g.weightCount])
            forwardPass.winograd!.parameterGradients(
                x, dy, blocks: blocks, into: &partials, threads: threads)
            return addPartials(blocks, to: &dw)
        }
        if isLarge { return gradientByTiles(x, dy, &dw, batch, threads) }
        let isa = isa
        let size = (batch + blocks - 1) / blocks
        partials.resize(to: [blocks, g.weightCount])
        let (window, depthwise) = (forwardPass.window, forwardPass.depthwise)
        let border = forwardPass.border
        border.resize(&scratch, threads: threads)
        withPointers(x, dy, &partials, &scratch) { x, dy, partials, scratch in
            parallel(chunks: blocks, threads: threads) { block, worker in
                let dw = partials + block * g.weightCount
                let images = range(ofChunk: block, size: size, count: batch)
                guard !images.isEmpty else {
                    return dw.update(repeating: 0, count: g.weightCount)
                }
                for part in Self.parts(of: images, g) {
                    let x = border.image(part.lowerBound, of: x, worker: worker, scratch)
                    let dy = dy + part.lowerBound * g.outputCount
                    let accumulates: Int32 = part.lowerBound > images.lowerBound ? 1 : 0
                    if g.isDepthwise {
                        var depthwise = depthwise
                        cfk_depthwise_gradient(isa, &depthwise, x, dy, dw, accumulates)
                        continue
                    }
                    var window = window
                    if g.isPointwise { window.columns *= Int64(part.count) }
                    Self.gradient(
                        isa, window, g, x, dy, dw, 0..<Int(cfk_gradient_tiles(&window)), accumulates
                    )
                }
            }
        }
        addPartials(blocks, to: &dw)
    }

    private func addPartials(_ blocks: Int, to dw: inout Tensor) {
        let count = geometry.weightCount
        withPointers(partials, &dw) { partials, dw in
            dw.update(from: partials, count: count)
            for block in 1..<max(blocks, 1) {
                cfk_add(isa, partials + block * count, dw, Int64(count))
            }
        }
    }

    /// Images that one call of a gradient kernel takes: one, or for a 1×1 convolution about 128
    /// positions. Each tile of weights goes through all of them, so they should stay in the second
    /// cache: with 1,024 positions, layers of hundreds of channels take 1.3 to 1.8 times as long.
    private static func parts(of images: Range<Int>, _ g: ConvolutionGeometry) -> [Range<Int>] {
        let size = g.isPointwise ? max(1, 128 / (g.height * g.width)) : 1
        return stride(from: images.lowerBound, to: images.upperBound, by: size).map {
            $0..<min($0 + size, images.upperBound)
        }
    }

    private static func gradient(
        _ isa: cfk_isa, _ window: cfk_window, _ g: ConvolutionGeometry, _ x: UnsafePointer<Float>,
        _ dy: UnsafePointer<Float>, _ dw: UnsafeMutablePointer<Float>, _ tiles: Range<Int>,
        _ accumulates: Int32
    ) {
        var window = window
        let (channels, outputs) = (g.channels / g.groups, g.outputs / g.groups)
        for group in 0..<g.groups {
            cfk_window_gradient(
                isa, &window, x + group * channels, dy + group * outputs, dw + group * outputs,
                Int64(tiles.lowerBound), Int64(tiles.upperBound), accumulates)
        }
    }

    /// All images one after the other, their tiles on all threads.
    private mutating func gradientByTiles(
        _ x: Tensor, _ dy: Tensor, _ dw: inout Tensor, _ batch: Int, _ threads: Int
    ) {
        let (g, isa, window, border) = (geometry, isa, forwardPass.window, forwardPass.border)
        border.resize(&scratch, threads: 1)
        var counted = window
        let tiles = Int(cfk_gradient_tiles(&counted))
        withPointers(x, dy, &dw, &scratch) { x, dy, dw, scratch in
            let size = max(1, tiles / 16)
            for image in 0..<batch {
                let x = border.image(image, of: x, worker: 0, scratch)
                parallel(chunks: (tiles + size - 1) / size, threads: threads) { chunk in
                    let part = range(ofChunk: chunk, size: size, count: tiles)
                    Self.gradient(
                        isa, window, g, x, dy + image * g.outputCount, dw, part, image == 0 ? 0 : 1)
                }
            }
        }
    }

    // MARK: Input

    public mutating func inputGradient(
        _ dy: Tensor, weights: Tensor, into dx: inout Tensor, threads: Int
    ) {
        precondition(dx.count == dy.count / geometry.outputCount * geometry.inputCount)
        if inputGradientPass != nil {
            transposeForConvolution(weights)
            inputGradientPass!.run(
                dy, weights: transposed, bias: nil, paddingValue: 0, into: &dx, threads: threads)
        } else if geometry.isDepthwise {
            scatterDepthwise(dy, weights, &dx, threads)
        } else {
            scatterProducts(dy, weights, &dx, threads)
        }
    }

    /// `[kernelHeight, kernelWidth, outputs / groups, channels]` with the kernel turned by 180°.
    private mutating func transposeForConvolution(_ weights: Tensor) {
        let g = geometry
        let (taps, channels, outputs) = (
            g.kernel[0] * g.kernel[1], g.channels / g.groups, g.outputs / g.groups
        )
        transposed.resize(to: g.kernel + [outputs, g.channels])
        let size = channels * g.outputs
        withPointers(weights, &transposed) { source, target in
            for tap in 0..<taps {
                let (from, to) = (source + tap * size, target + (taps - 1 - tap) * size)
                if g.groups == 1 {
                    cfk_transpose(from, Int64(channels), Int64(outputs), to)
                } else {
                    for group in 0..<g.groups {
                        for channel in 0..<channels {
                            for output in 0..<outputs {
                                to[output * g.channels + group * channels + channel] =
                                    from[channel * g.outputs + group * outputs + output]
                            }
                        }
                    }
                }
            }
        }
    }

    private func scatterDepthwise(
        _ dy: Tensor, _ weights: Tensor, _ dx: inout Tensor, _ threads: Int
    ) {
        let (g, isa, batch) = (geometry, isa, dy.count / geometry.outputCount)
        let depthwise = ConvolutionForward(g, isa: isa, sums: .direct).depthwise
        withPointers(dy, weights, &dx) { dy, weights, dx in
            parallel(chunks: batch, threads: threads) { image in
                var depthwise = depthwise
                let target = dx + image * g.inputCount
                target.update(repeating: 0, count: g.inputCount)
                cfk_depthwise_scatter(
                    isa, &depthwise, dy + image * g.outputCount, weights, target)
            }
        }
    }

    /// Each position's output gradients times all weights, added up where the position's window lies:
    /// strides need no dilation by zeros.
    private mutating func scatterProducts(
        _ dy: Tensor, _ weights: Tensor, _ dx: inout Tensor, _ threads: Int
    ) {
        let (g, isa, batch) = (geometry, isa, dy.count / geometry.outputCount)
        let (taps, channels, outputs) = (
            g.kernel[0] * g.kernel[1] * g.channels / g.groups, g.channels / g.groups,
            g.outputs / g.groups
        )
        var window = rowWindow
        // [outputs, kernelHeight, kernelWidth, channels / groups]
        transposed.resize(to: [g.outputs, taps])
        withPointers(weights, &transposed) { cfk_transpose($0, Int64(taps), Int64(g.outputs), $1) }
        let packedCount = Int(cfk_packed_count(isa, &window))
        packedTransposed.resize(to: [g.groups * packedCount])
        withPointers(transposed, &packedTransposed) { transposed, packed in
            for group in 0..<g.groups {
                cfk_pack(
                    isa, &window, transposed + group * outputs * taps, packed + group * packedCount)
            }
        }
        let (rowCount, productCount) = (g.outputWidth * g.outputs, g.outputWidth * taps)
        products.resize(to: [threads, g.outputWidth, taps])
        let firstScatter = scatter
        products.withUnsafeMutableElements { [window] products in
            let products = products.baseAddress!
            withPointers(dy, packedTransposed, &dx) { dy, packed, dx in
                parallel(chunks: batch, threads: threads) { image, worker in
                    let (target, product) = (
                        dx + image * g.inputCount, products + worker * productCount
                    )
                    var (window, scatter) = (window, firstScatter)
                    target.update(repeating: 0, count: g.inputCount)
                    for row in 0..<g.outputHeight {
                        scatter.top = Int64(row * g.stride[0] - g.padding[0])
                        for group in 0..<g.groups {
                            let gradients = dy + image * g.outputCount + row * rowCount
                            cfk_window_forward(
                                isa, &window, gradients + group * outputs,
                                packed + group * packedCount, nil, product)
                            cfk_window_scatter(
                                isa, &scatter, product, target + group * channels)
                        }
                    }
                }
            }
        }
    }

    /// A row of output gradients as samples, all weights of an output as outputs.
    private var rowWindow: cfk_window {
        let g = geometry
        let taps = Int64(g.kernel[0] * g.kernel[1] * g.channels / g.groups)
        var window = cfk_window()
        window.rows = 1
        window.columns = Int64(g.outputWidth)
        window.outputs = taps
        window.output_pitch = taps
        window.segments = 1
        window.taps = 1
        window.run = Int64(g.outputs / g.groups)
        window.column_stride = Int64(g.outputs)
        window.row_stride = 1
        window.row_step = 1
        window.input_rows = 1
        return window
    }

    private var scatter: cfk_scatter {
        let g = geometry
        return cfk_scatter(
            columns: Int64(g.outputWidth), channels: Int64(g.channels / g.groups),
            channel_pitch: Int64(g.channels), height: Int64(g.height), width: Int64(g.width),
            kernel_height: Int64(g.kernel[0]), kernel_width: Int64(g.kernel[1]),
            row_step: Int64(g.dilation[0]), column_step: Int64(g.dilation[1]),
            column_stride: Int64(g.stride[1]), top: 0, left: Int64(-g.padding[1]))
    }
}
