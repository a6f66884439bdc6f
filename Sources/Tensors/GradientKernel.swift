import CFloatKernels

/// Adds up the gradients of a convolution's weights, part by part of a batch that is cut into blocks.
struct GradientKernel {
    let isa: cfk_isa
    let geometry: ConvolutionGeometry
    let border: ImageBorder
    let window: cfk_window
    let depthwise: cfk_depthwise
    /// Images of a block.
    let size: Int
    let batch: Int

    struct Part {
        var images: Range<Int>
        /// Its place among the parts of all blocks.
        var index: Int
        /// Whether its gradients are added to those of the part before.
        var accumulates: Bool
    }

    /// Images that one call of a kernel takes: one, or for a 1×1 convolution about 128 positions. Each
    /// tile of weights goes through all of them, so they should stay in the second cache: with 1,024
    /// positions, layers of hundreds of channels take 1.3 to 1.8 times as long.
    var imagesInPart: Int {
        let positions = geometry.height * geometry.width
        return geometry.isPointwise ? min(size, max(1, 128 / positions)) : 1
    }

    var partsInBlock: Int { (size + imagesInPart - 1) / imagesInPart }

    /// All parts of a block, of which the last may have no images.
    func parts(ofBlock block: Int) -> [Part] {
        let images = range(ofChunk: block, size: size, count: batch)
        return (0..<partsInBlock).map { index in
            let part = range(ofChunk: index, size: imagesInPart, count: images.count)
            return Part(
                images: images.lowerBound + part.lowerBound..<images.lowerBound + part.upperBound,
                index: block * partsInBlock + index, accumulates: index > 0)
        }
    }

    /// - Parameters:
    ///   - x: the values of the part's first image; and `dy` its gradients.
    ///   - scratch: room for an image with its border for each worker.
    func add(
        _ part: Part, _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>,
        to dw: UnsafeMutablePointer<Float>, worker: Int, _ scratch: UnsafeMutablePointer<Float>
    ) {
        if part.images.isEmpty {
            if !part.accumulates { dw.update(repeating: 0, count: geometry.weightCount) }
            return
        }
        let x = border.image(0, of: x, worker: worker, scratch)
        var (window, depthwise) = (window, depthwise)
        if geometry.isDepthwise {
            return cfk_depthwise_gradient(isa, &depthwise, x, dy, dw, part.accumulates ? 1 : 0)
        }
        if geometry.isPointwise { window.columns *= Int64(part.images.count) }
        addTiles(
            0..<Int(cfk_gradient_tiles(&window)), window, x, dy, to: dw,
            accumulates: part.accumulates)
    }

    /// The input's gradients of a depthwise convolution with strides, for `count` images.
    func scatterDepthwise(
        _ count: Int, _ dy: UnsafePointer<Float>, _ weights: UnsafePointer<Float>,
        into dx: UnsafeMutablePointer<Float>
    ) {
        let g = geometry
        var depthwise = ConvolutionForward(g, isa: isa, sums: .direct).depthwise
        for image in 0..<count {
            let target = dx + image * g.inputCount
            target.update(repeating: 0, count: g.inputCount)
            cfk_depthwise_scatter(isa, &depthwise, dy + image * g.outputCount, weights, target)
        }
    }

    /// Some tiles of the weights.
    func addTiles(
        _ tiles: Range<Int>, _ window: cfk_window, _ x: UnsafePointer<Float>,
        _ dy: UnsafePointer<Float>, to dw: UnsafeMutablePointer<Float>, accumulates: Bool
    ) {
        let g = geometry
        var window = window
        let (channels, outputs) = (g.channels / g.groups, g.outputs / g.groups)
        for group in 0..<g.groups {
            cfk_window_gradient(
                isa, &window, x + group * channels, dy + group * outputs, dw + group * outputs,
                Int64(tiles.lowerBound), Int64(tiles.upperBound), accumulates ? 1 : 0)
        }
    }
}
