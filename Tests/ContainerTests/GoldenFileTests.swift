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
        #expect(try Container.write(model, options: options).bytes == golden)
        #expect(try Container.read(golden) == model)
    }

    private let golden: [UInt8] = [
        // Header: magic, version.
        0x89, 0x53, 0x48, 0x4B, 1,
        // Metadata section of 41 bytes, as they are, of the network "m".
        1, 41, 0, 1, 0x6D,
        // Input: features with one mean and deviation; [4]; pixel scale 1, mean 0, deviation 1.
        0x08, 4, 0, 0, 0x80, 0x3F, 0, 0, 0, 0, 0, 0, 0x80, 0x3F,
        // Quantizer: 8 bits, unsigned, without offset; 1/255. No class names, one node.
        0x07, 0x81, 0x80, 0x80, 0x3B, 0, 1,
        // Linear "fc": identity, no output quantizer; 2 outputs, scale 0.5.
        1, 2, 0x66, 0x63, 0, 2, 0, 0, 0, 0x3F,
        // Biases: 8 bits, scale 1, form: width 1; 0 and −1 as the bits 0 1.
        8, 0, 0, 0x80, 0x3F, 1, 0b0100_0000,
        // CRC-32 of the 48 bytes above (Python's zlib.crc32: 0xA6BB6487).
        0x87, 0x64, 0xBB, 0xA6,
        // Tensor section of 5 bytes: packed, row-major; 2 nonzero levels,
        2, 5, 1, 2,
        // grid 00, nonzeros 0010, gap width 00011, gap 001 code 0, gap 101 code 1, zeros.
        0b00_0010_00, 0b011_001_0_1, 0b01_1_00000,
        // CRC-32 of the 59 bytes above (Python's zlib.crc32: 0x60977F4F).
        0x4F, 0x7F, 0x97, 0x60,
    ]
}
