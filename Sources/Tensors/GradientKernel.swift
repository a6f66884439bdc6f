import CFloatKernels

/// Adds up the gradients of a convolution's weights, part by part of a batch that is cut into blocks. A
/// batch is one of images, or for a 1×1 convolution of all positions.
struct GradientKernel {
    let isa: cfk_isa
    let geometry: ConvolutionGeometry
    let border: ImageBorder
    /// Of one image, or of one position.
    let window: cfk_window
    let depthwise: cfk_depthwise
    /// Without what a border may take over.
    let unborderedDepthwise: cfk_depthwise
    /// Images, or positions.
    let batch: Int
    let blocks: Int

    struct Part {
        /// Images, or positions.
        var range: Range<Int>
        /// Its place among the parts of all blocks.
        var index: Int
        /// Whether its gradients are added to those of the part before.
        var accumulates: Bool
    }

    /// Values of one image, or of one position.
    var inputCount: Int { geometry.isPointwise ? geometry.channels : geometry.inputCount }
    /// Results of one.
    var outputCount: Int { geometry.isPointwise ? geometry.outputs : geometry.outputCount }

    private var blockSize: Int { (batch + blocks - 1) / blocks }

    /// One image, or 128 positions: each tile of weights goes through all of them, so they should stay in
    /// the second cache. With 1,024, layers of hundreds of channels take 1.3 to 1.8 times as long.
    var partSize: Int { geometry.isPointwise ? min(blockSize, 128) : 1 }

    var partsInBlock: Int { (blockSize + partSize - 1) / partSize }

    /// All parts of a block, of which the last may be empty.
    func parts(ofBlock block: Int) -> [Part] {
        let whole = range(ofChunk: block, size: blockSize, count: batch)
        return (0..<partsInBlock).map { index in
            let part = range(ofChunk: index, size: partSize, count: whole.count)
            return Part(
                range: whole.lowerBound + part.lowerBound..<whole.lowerBound + part.upperBound,
                index: block * partsInBlock + index, accumulates: index > 0)
        }
    }

    func inputPositions(of part: Part) -> Range<Int> {
        let positions = inputCount / geometry.channels
        return part.range.lowerBound * positions..<part.range.upperBound * positions
    }

    /// - Parameters:
    ///   - x: the values of the part's first image or position; and `dy` its gradients.
    ///   - scratch: room for an image with its border for each worker.
    func add(
        _ part: Part, _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>,
        to dw: UnsafeMutablePointer<Float>, worker: Int, _ scratch: UnsafeMutablePointer<Float>
    ) {
        if part.range.isEmpty {
            if !part.accumulates { dw.update(repeating: 0, count: geometry.weightCount) }
            return
        }
        let x = border.image(0, of: x, worker: worker, scratch)
        var (window, depthwise) = (window, depthwise)
        if geometry.isDepthwise {
            return cfk_depthwise_gradient(isa, &depthwise, x, dy, dw, part.accumulates ? 1 : 0)
        }
        if geometry.isPointwise { window.columns = Int64(part.range.count) }
        addTiles(
            0..<Int(cfk_gradient_tiles(&window)), window, x, dy, to: dw,
            accumulates: part.accumulates)
    }

    /// The input's gradients of a depthwise convolution by scattered products, for `count` images.
    func scatterDepthwise(
        _ count: Int, _ dy: UnsafePointer<Float>, _ weights: UnsafePointer<Float>,
        into dx: UnsafeMutablePointer<Float>
    ) {
        let g = geometry
        var depthwise = unborderedDepthwise
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
