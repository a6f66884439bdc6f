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

    /// Checked by hand against Format.md: the weights of the first test in half precision, 0.5 and −0.5,
    /// in a network in floats.
    @Test func `a small file in floats keeps its bytes`() throws {
        let model = PackedModel(
            name: "m",
            input: PackedInput(
                shape: [4], pixelScale: 1, mean: [0], deviation: [1], quantizer: nil),
            nodes: [
                PackedNode(
                    name: "fc", inputs: [0],
                    operation: .linear(
                        PackedLayer(
                            weights: PackedTensor(
                                shape: [2, 4], gaps: [1, 5], halves: [0x3800, 0xB800], scales: [1]),
                            bias: PackedBias(bits: 8, scale: 1, codes: [0, -1]),
                            activation: .identity, output: nil)))
            ])
        let options = EncodingOptions(mode: .packed, scanOrder: .rowMajor)
        #expect(try Container.write(model, options: options).bytes == floats)
        #expect(try Container.read(floats) == model)
    }

    private let floats: [UInt8] = [
        // Header: magic, version 3.
        0x89, 0x53, 0x48, 0x4B, 3,
        // Metadata section of 37 bytes, as they are, of the network "m".
        1, 37, 0, 1, 0x6D,
        // Input: features with one mean and deviation; [4]; pixel scale 1, mean 0, deviation 1.
        0x08, 4, 0, 0, 0x80, 0x3F, 0, 0, 0, 0, 0, 0, 0x80, 0x3F,
        // No quantizer. No class names, one node.
        0, 0, 1,
        // Linear "fc": identity, no output quantizer; 2 outputs, scale 1.
        1, 2, 0x66, 0x63, 0, 2, 0, 0, 0x80, 0x3F,
        // Biases: 8 bits, scale 1, form: width 1; 0 and −1 as the bits 0 1.
        8, 0, 0, 0x80, 0x3F, 1, 0b0100_0000,
        // CRC-32 of the 44 bytes above (Python's zlib.crc32: 0xE0D1DBE8).
        0xE8, 0xDB, 0xD1, 0xE0,
        // Tensor section of 8 bytes: packed, row-major, halves; none in a table,
        2, 8, 33, 0,
        // nonzeros 0010, gap width 00011, gaps 001 and 101, upper bytes as they are: 0x38, 0xB8,
        0b0010_0001, 0b1_001_101_0, 0x38, 0xB8,
        // lower bytes coded, with a single symbol: 0; zeros.
        0b1_00_00000, 0b000_00000,
        // CRC-32 of the 58 bytes above (Python's zlib.crc32: 0xC95D67A5).
        0xA5, 0x67, 0x5D, 0xC9,
    ]

    /// Checked by hand against Format.md: a convolution of two groups with a clip and scales as
    /// multiples, a sum of input and result, and the second channel of that.
    @Test func `a small graph keeps its bytes`() throws {
        let layer = PackedLayer(
            weights: PackedTensor(
                shape: [2, 1, 1, 1], levels: [0, 1], gaps: [0, 0], codes: [1, 1],
                scales: [0.75, -0.25]),
            bias: PackedBias(bits: 8, scale: 1, codes: [0, 0]),
            activation: .clip(lowest: 0, highest: 6), output: unsigned8)
        let window = PackedWindow(kernel: [1, 1], stride: [1, 1], groups: 2)
        let model = PackedModel(
            name: "g",
            input: PackedInput(
                shape: [2, 1, 2], pixelScale: 1, mean: [0, 0], deviation: [1, 1],
                quantizer: unsigned8),
            nodes: [
                PackedNode(name: "c", inputs: [0], operation: .convolution(layer, window)),
                PackedNode(name: "a", inputs: [0, 1], operation: .add(.relu, output: unsigned8)),
                PackedNode(name: "s", inputs: [2], operation: .slice(1..<2)),
            ])
        let options = EncodingOptions(mode: .packed, scanOrder: .rowMajor, usesZstd: false)
        #expect(try Container.write(model, options: options).bytes == graph)
        #expect(try Container.read(graph) == model)
    }

    private let graph: [UInt8] = [
        // Header: magic, version 2.
        0x89, 0x53, 0x48, 0x4B, 2,
        // Metadata section of 82 bytes, as they are, of the network "g".
        1, 82, 0, 1, 0x67,
        // Input: an image [2, 1, 2]; pixel scale 1, one mean 0 and one deviation 1 for both channels.
        0x01, 2, 1, 2, 0, 0, 0x80, 0x3F, 0, 0, 0, 0, 0, 0, 0x80, 0x3F,
        // Quantizer: 8 bits, unsigned, without offset; 1/255. No class names, three nodes.
        0x07, 0x81, 0x80, 0x80, 0x3B, 0, 3,
        // Convolution "c" with dilation and groups: kernel, stride, padding, dilation; 2 groups.
        5, 1, 0x63, 1, 1, 1, 1, 0, 0, 1, 1, 2,
        // Clip (2), output quantizer (16), a scale for each output (32) as multiples (64); 0 to 6.
        0x72, 0, 0, 0, 0, 0, 0, 0xC0, 0x40,
        // 2 outputs; base 0.25; width 3: 3 and −1 as 6 and 1, the bits 110 001.
        2, 0, 0, 0x80, 0x3E, 3, 0b1100_0100,
        // Output quantizer as above. Biases: 8 bits, scale 1, width 0.
        0x07, 0x81, 0x80, 0x80, 0x3B, 8, 0, 0, 0x80, 0x3F, 0,
        // Add "a" with a list of two inputs, 0 and 1; ReLU; quantizer as above.
        0x88, 1, 0x61, 2, 0, 1, 1, 0x07, 0x81, 0x80, 0x80, 0x3B,
        // Slice "s": from channel 1 on, one.
        11, 1, 0x73, 1, 1,
        // CRC-32 of the 89 bytes above (Python's zlib.crc32: 0x229B4DD8).
        0xD8, 0x4D, 0x9B, 0x22,
        // Tensor section of 4 bytes: packed, row-major; 1 nonzero level,
        2, 4, 1, 1,
        // grid 00, nonzeros 10, gap width 00000; gaps and codes have no bits.
        0b00_10_0000, 0b0_0000000,
        // CRC-32 of the 99 bytes above (Python's zlib.crc32: 0x7738464D).
        0x4D, 0x46, 0x38, 0x77,
    ]
}
