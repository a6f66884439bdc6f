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
    /// - Returns: the sums of `y` and of `y²` for each output, if `wantsMoments`. That costs less here
    ///   than later, when `y` has left the caches.
    @discardableResult
    public mutating func forward(
        _ x: Tensor, weights: Tensor, bias: Tensor?, paddingValue: Float = 0, into y: inout Tensor,
        wantsMoments: Bool = false, threads: Int
    ) -> [(Double, Double)]? {
        forwardPass.run(
            x, weights: weights, bias: bias, paddingValue: paddingValue, into: &y,
            wantsMoments: wantsMoments, threads: threads)
    }

    /// The same for an input that is made part by part. Needs `canFinishParts`.
    ///
    /// - Parameter workspace: memory that layers share; it grows to what this one needs.
    public mutating func forward(
        _ source: NormalizedInput, weights: Tensor, bias: Tensor?, into y: inout Tensor,
        wantsMoments: Bool, workspace: inout Tensor, threads: Int
    ) -> [(Double, Double)]? {
        precondition(canFinishParts)
        workspace.resize(to: [threads, forwardPass.partCount])
        return workspace.withUnsafeMutableElements {
            forwardPass.run(
                source.x, source: source, workspace: $0.baseAddress, weights: weights, bias: bias,
                paddingValue: 0, into: &y, wantsMoments: wantsMoments, threads: threads)
        }
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

    // MARK: Both

    /// Whether a part of the batch can be finished before the next, so that values and gradients stay in
    /// the caches from step to step: of a 1×1 convolution 128 positions, of a depthwise one an image.
    public var canFinishParts: Bool {
        let g = geometry
        return g.isDepthwise || g.isPointwise && g.weightCount <= Self.largestPartial
    }

    /// The gradients of the weights and, if `wantsInput`, of the input. Must follow `forward` on the same
    /// `x`.
    ///
    /// - Parameters:
    ///   - y: what `forward` gave; read with a `normalization` only.
    ///   - normalization: the factors of a batch normalization right behind, whose input gradient
    ///     (``NormalizationKernels/inputGradient(_:gradient:factors:threads:)``) is made of `dy` first.
    ///   - keepsGradient: whether that is put in the place of `dy`; else `dy` is undefined then.
    ///   - workspace: memory that layers share; it grows to what this one needs.
    public mutating func backward(
        _ x: Tensor, output y: Tensor, gradient dy: inout Tensor, normalization: [Tensor]?,
        keepsGradient: Bool, weights: Tensor, into dw: inout Tensor, input dx: inout Tensor,
        wantsInput: Bool, workspace: inout Tensor, threads: Int
    ) {
        if canFinishParts {
            _ = backwardByParts(
                x, nil, y, &dy, normalization, keepsGradient, weights, &dw, &dx, wantsInput,
                &workspace, threads)
            return
        }
        if let normalization {
            NormalizationKernels(channels: geometry.outputs, isa: isa).inputGradient(
                y, gradient: &dy, factors: normalization, threads: threads)
        }
        parameterGradients(x, dy, weights: &dw, threads: threads)
        if wantsInput { inputGradient(dy, weights: weights, into: &dx, threads: threads) }
    }

    /// The same for an input that is made part by part. Needs `canFinishParts`.
    ///
    /// - Parameter g: becomes the gradient of
    ///   ``NormalizationKernels/gradientSums(_:_:scale:shift:gradient:threads:)`` for `source`.
    /// - Returns: the sums of that step.
    public mutating func backward(
        _ source: NormalizedInput, output y: Tensor, gradient dy: inout Tensor,
        normalization: [Tensor]?, keepsGradient: Bool, weights: Tensor, into dw: inout Tensor,
        source g: inout Tensor, workspace: inout Tensor, threads: Int
    ) -> [(Double, Double)] {
        precondition(canFinishParts)
        return backwardByParts(
            source.x, source, y, &dy, normalization, keepsGradient, weights, &dw, &g, true,
            &workspace, threads)
    }

    private mutating func backwardByParts(
        _ x: Tensor, _ source: NormalizedInput?, _ y: Tensor, _ dy: inout Tensor,
        _ normalization: [Tensor]?, _ keepsGradient: Bool, _ weights: Tensor, _ dw: inout Tensor,
        _ dx: inout Tensor, _ wantsInput: Bool, _ workspace: inout Tensor, _ threads: Int
    ) -> [(Double, Double)] {
        let (g, isa) = (geometry, isa)
        precondition(dy.count == y.count && dw.count == g.weightCount)
        precondition(!wantsInput || dx.count == x.count)
        forwardPass.border.resize(&scratch, threads: threads)
        let kernel = gradientKernel(x.count)
        partials.resize(to: [kernel.blocks, g.weightCount])
        let inputKernel = wantsInput ? prepareInputKernel(weights, threads: threads) : nil
        let inputWeights = inputGradientPass?.packed ?? weights
        let factors = normalization.map(NormalizationFactors.init)
        let isMoved = normalization != nil && !keepsGradient
        // Values and slopes, then gradients with as much room behind them, where kernels prefetch.
        let values = source == nil ? 0 : 2 * kernel.partSize * kernel.inputCount
        let pitch = values + (isMoved ? 2 * kernel.partSize * kernel.outputCount : 0)
        workspace.resize(to: [threads, pitch])
        let positions = kernel.partSize * kernel.inputCount / g.channels
        let pieces = PartSums.pieces(positions: positions, channels: g.channels)
        var sums = ChannelSums(channels: g.channels)
        sums.resize(pieces: source == nil ? 0 : kernel.blocks * kernel.partsInBlock * pieces)
        workspace.withUnsafeMutableElements { workspace in
            let workspace = workspace.baseAddress!
            sums.withPieces { sums in
                let sums = PartSums(channels: g.channels, positions: positions, sums: sums)
                withPointers(y, inputWeights, &dx, &dy) { y, inputWeights, dx, dy in
                    withPointers(x, &partials, &scratch) { x, partials, scratch in
                        let input = PartInput(
                            isa: isa, channels: g.channels, x: x, source: source,
                            workspace: workspace, pitch: pitch)
                        parallel(chunks: kernel.blocks, threads: threads) { block, worker in
                            let dw = partials + block * g.weightCount
                            for part in kernel.parts(ofBlock: block) {
                                let first = part.range.lowerBound * kernel.outputCount
                                var gradient = dy + first
                                if let factors {
                                    let target =
                                        isMoved ? workspace + worker * pitch + values : gradient
                                    let count = part.range.count * kernel.outputCount / g.outputs
                                    factors.apply(
                                        isa, y + first, gradient, count: count, into: target)
                                    gradient = target
                                }
                                let range = kernel.inputPositions(of: part)
                                let (x, slopes) = input.valuesAndSlopes(range, worker: worker)
                                kernel.add(part, x, gradient, to: dw, worker: worker, scratch)
                                guard wantsInput else { continue }
                                let dx = dx + range.lowerBound * g.channels
                                if let inputKernel {
                                    // Without a border: no padding carries anything but zero.
                                    inputKernel.compute(
                                        part.range.count, of: gradient, inputWeights, bias: nil,
                                        into: dx, worker: 0, scratch)
                                } else {
                                    kernel.scatterDepthwise(
                                        part.range.count, gradient, inputWeights, into: dx)
                                }
                                guard let source, let slopes else { continue }
                                source.writeSums(
                                    isa, part: part.index, range, slopes: slopes, gradient: dx,
                                    to: sums)
                            }
                        }
                    }
                }
            }
        }
        addPartials(kernel.blocks, to: &dw)
        return source == nil ? [] : sums.total
    }

    /// `nil` where a depthwise convolution's products are scattered, as those with strides are.
    private mutating func prepareInputKernel(_ weights: Tensor, threads: Int) -> PartKernel? {
        guard inputGradientPass != nil else { return nil }
        transposeForConvolution(weights)
        inputGradientPass!.prepare(transposed, threads: threads)
        return inputGradientPass!.partKernel
    }

    // MARK: Weights

    /// Blocks of the batch whose gradients are made apart and then added, so that threads share the
    /// work; the sums do not depend on how many threads there are.
    static let blocks = 16
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
        forwardPass.border.resize(&scratch, threads: threads)
        let kernel = gradientKernel(x.count)
        partials.resize(to: [kernel.blocks, g.weightCount])
        withPointers(x, dy, &partials, &scratch) { x, dy, partials, scratch in
            parallel(chunks: kernel.blocks, threads: threads) { block, worker in
                let dw = partials + block * g.weightCount
                for part in kernel.parts(ofBlock: block) {
                    let first = part.range.lowerBound
                    kernel.add(
                        part, x + first * kernel.inputCount, dy + first * kernel.outputCount,
                        to: dw, worker: worker, scratch)
                }
            }
        }
        addPartials(kernel.blocks, to: &dw)
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

    /// - Parameter count: of the values of a batch.
    private func gradientKernel(_ count: Int) -> GradientKernel {
        let g = geometry
        var window = forwardPass.window
        if g.isPointwise { window.columns = 1 }
        let batch = g.isPointwise ? count / g.channels : count / g.inputCount
        return GradientKernel(
            isa: isa, geometry: g, border: forwardPass.border, window: window,
            depthwise: forwardPass.depthwise,
            unborderedDepthwise: forwardPass.unborderedDepthwise, batch: batch,
            blocks: min(Self.blocks, batch))
    }

    /// All images one after the other, their tiles on all threads.
    private mutating func gradientByTiles(
        _ x: Tensor, _ dy: Tensor, _ dw: inout Tensor, _ batch: Int, _ threads: Int
    ) {
        let (g, border, kernel) = (geometry, forwardPass.border, gradientKernel(x.count))
        let window = forwardPass.window
        border.resize(&scratch, threads: 1)
        var counted = window
        let tiles = Int(cfk_gradient_tiles(&counted))
        withPointers(x, dy, &dw, &scratch) { x, dy, dw, scratch in
            let size = max(1, tiles / 16)
            for image in 0..<batch {
                let x = border.image(image, of: x, worker: 0, scratch)
                parallel(chunks: (tiles + size - 1) / size, threads: threads) { chunk in
                    let part = range(ofChunk: chunk, size: size, count: tiles)
                    kernel.addTiles(
                        part, window, x, dy + image * g.outputCount, to: dw,
                        accumulates: image > 0)
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
        let (g, batch) = (geometry, dy.count / geometry.outputCount)
        let kernel = gradientKernel(dx.count)
        withPointers(dy, weights, &dx) { dy, weights, dx in
            parallel(chunks: batch, threads: threads) { image in
                kernel.scatterDepthwise(
                    1, dy + image * g.outputCount, weights, into: dx + image * g.inputCount)
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
