import CFloatKernels
import Networks
import PackedModel
import Tensors

/// Rounds each sample's values to a grid of 8 bits that spans just them (`DynamicGrid`): what an engine
/// does at run time where nothing is known of activations beforehand. Gradients pass straight through.
public struct DynamicQuantizer: Layer {
    public static let kind = "dynamic-quantizer"
    public static let bits = 8

    public init() {}

    public func outputShape(of inputs: [[Int]]) throws(ShapeError) -> [Int] {
        guard inputs.count == 1 else {
            throw .unfit(layer: Self.kind, found: inputs, expected: "one input")
        }
        return inputs[0]
    }

    public mutating func forward(_ inputs: [Tensor], into output: inout Tensor, pass: inout Pass) {
        let (isa, batch, threads) = (cfk_best_isa(), inputs[0].shape[0], pass.threads)
        let size = inputs[0].count / max(batch, 1)
        inputs[0].withUnsafeElements { x in
            output.withUnsafeMutableElements { y in
                let (x, y) = (x.baseAddress!, y.baseAddress!)
                parallel(chunks: batch, threads: threads) { sample in
                    let x = x + sample * size
                    var range: (lowest: Float, highest: Float) = (0, 0)
                    cfk_range(isa, x, Int64(size), &range.lowest, &range.highest)
                    let grid = DynamicGrid(lowest: range.lowest, highest: range.highest)
                    let zero = Float(grid.zero)
                    let codes = cfk_grid(
                        step: grid.scale, offset: 0, lowest: -zero, highest: 255 - zero)
                    cfk_fake_quantize(isa, codes, x, y + sample * size, Int64(size))
                }
            }
        }
    }

    public mutating func backward(
        _ inputs: [Tensor], output: Tensor, outputGradient: inout Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        if wants[0] { swap(&inputGradients[0], &outputGradient) }
    }

    public var state: SavedState { SavedState(kind: Self.kind) }
    public init(state: SavedState) {}
}

extension Network {
    /// The same network with a dynamic quantizer before every convolution and linear layer. Layers that
    /// read the same value share one.
    public func quantizingDynamically() throws(NetworkError) -> Network {
        var insertions: [Insertion] = []
        for (value, readers) in readers.enumerated() {
            let layers = readers.filter { nodes[$0.node].layer.hasWeights }
            guard !layers.isEmpty else { continue }
            let source = value == 0 ? "input" : nodes[value - 1].name
            insertions.append(
                Insertion(
                    name: "quantize-\(source)", layer: DynamicQuantizer(), value: value,
                    readers: layers))
        }
        return try inserting(insertions)
    }
}
