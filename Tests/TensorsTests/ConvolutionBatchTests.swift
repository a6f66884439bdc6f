import Tensors
import Testing

/// Batches are cut into 16 blocks, of which the last may be short or empty (17 and 18 images, say).
/// Whole numbers add up exactly in any order.
@Test(arguments: Array(1...18) + [25, 31, 33, 41, 49], [1, 3])
func `weight gradients of a batch are the sums of those of its images`(batch: Int, threads: Int) {
    var generator = SeededGenerator(seed: UInt64(batch))
    for groups in [1, 2] {
        let g = ConvolutionGeometry(
            height: 3, width: 4, channels: 2, outputs: 2, kernel: [2, 3], stride: [1, 1],
            padding: [0, 1], groups: groups)
        func wholeNumbers(_ shape: [Int]) -> Tensor {
            Tensor(
                shape: shape,
                elements: (0..<shape.reduce(1, *)).map { _ in
                    Float(Int.random(in: -9...9, using: &generator))
                })
        }
        let weights = wholeNumbers(g.weightShape)
        func gradient(_ x: Tensor, _ dy: Tensor, threads: Int) -> Tensor {
            var kernels = ConvolutionKernels(g)
            var y = Tensor(shape: dy.shape)
            var dw = Tensor(shape: g.weightShape, repeating: .nan)
            kernels.forward(
                x, weights: weights, bias: nil, paddingValue: 0, into: &y, threads: threads)
            kernels.parameterGradients(x, dy, weights: &dw, threads: threads)
            return dw
        }
        var (xs, dys): ([Float], [Float]) = ([], [])
        var sum = Tensor(shape: g.weightShape)
        for _ in 0..<batch {
            let x = wholeNumbers([1, g.height, g.width, g.channels])
            let dy = wholeNumbers([1, g.outputHeight, g.outputWidth, g.outputs])
            sum.add(gradient(x, dy, threads: 1))
            xs += x.elements
            dys += dy.elements
        }
        let whole = gradient(
            Tensor(shape: [batch, g.height, g.width, g.channels], elements: xs),
            Tensor(shape: [batch, g.outputHeight, g.outputWidth, g.outputs], elements: dys),
            threads: threads)
        #expect(whole == sum, "\(groups) groups")
    }
}
