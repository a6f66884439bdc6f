import Container
import PackedModel
import Testing

struct GoldenFileTests {
    /// Checked by hand against Format.md. The linear layer has the weights
    ///
    ///     [ 0  0.5  0   0 ]
    ///     [ 0  0    0  -0.5 ]
    ///
    /// at the gaps 1 and 5.
    @Test func `a small file keeps its bytes`() throws {
        let model = PackedModel(
            name: "m",
            input: PackedInput(
                shape: [4], pixelScale: 1, mean: [0], deviation: [1], quantizer: unsigned8),
            nodes: [
                PackedNode(
                    name: "fc", inputs: [0],
                    operation: .linear(
                        PackedLayer(
                            weights: PackedTensor(
                                shape: [2, 4], levels: [0, 1, -1], gaps: [1, 5], codes: [1, 2],
                                scales: [0.5]),
                            bias: PackedBias(bits: 8, scale: 1, codes: [0, -1]),
                            activation: .identity, output: nil)))
            ])
        let options = EncodingOptions(mode: .packed, scanOrder: .rowMajor)
        #expect(try Container.write(model, options: options).bytes == [])
    }
}
