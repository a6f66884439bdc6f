import Foundation
import Importing
import Inference
import PackedModel
import Pipeline
import Testing

/// 2 classes of 3×2×2 images: the first adds up all pixels, the second those of the first channel.
private let model = PackedModel(
    name: "sums",
    input: PackedInput(
        shape: [3, 2, 2], pixelScale: 1 / 255, mean: [0, 0, 0], deviation: [1, 1, 1],
        quantizer: PackedQuantizer(bits: 8, isSigned: false, scale: 1 / 255, offset: 0)),
    nodes: [
        PackedNode(name: "flatten", inputs: [0], operation: .flatten),
        PackedNode(
            name: "fc", inputs: [1],
            operation: .linear(
                PackedLayer(
                    weights: PackedTensor(
                        shape: [2, 12], levels: [0, 1, 2],
                        gaps: [UInt32](repeating: 0, count: 16),
                        codes: [UInt8](repeating: 1, count: 12) + [2, 2, 2, 2], scales: [1]),
                    bias: PackedBias(bits: 2, scale: 1, codes: [0, 0]), activation: .identity,
                    output: nil))),
    ],
    classNames: ["all", "red"])

/// Three images `[3, 3, 2, 2]`; of the second one, only the first channel is not 0.
private let pixels: [UInt8] = [
    1, 11, 21, 31, 41, 51, 61, 71, 81, 91, 101, 111,
    255, 17, 3, 90, 0, 0, 0, 0, 0, 0, 0, 0,
    255, 235, 215, 195, 175, 155, 135, 115, 95, 75, 55, 35,
]

/// A `.npy` file, as NumPy writes it.
private func npy(_ descr: String, _ shape: String, _ content: [UInt8]) -> Data {
    let text = "{'descr': '\(descr)', 'fortran_order': False, 'shape': \(shape), }\n"
    var file = Data([0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.utf8.count), 0])
    file += Data(text.utf8)
    return file + Data(content)
}

private func classify(_ data: Data, limit: Int? = nil) throws -> [Classification] {
    let folder = try TemporaryFolder()
    let path = folder.path + "/x.npy"
    try data.write(to: URL(fileURLWithPath: path))
    return try model.classify(imagesOf: path, limit: limit)
}

@Suite struct `Samples from a NumPy file` {
    @Test func `are classified as the same pixels are, in every layout`() throws {
        let expected = try Engine(model).logits(pixels: pixels)
        let first = try classify(npy("|u1", "(3, 3, 2, 2)", pixels))
        #expect(first.flatMap(\.logits) == expected)
        #expect(first.map(\.name) == ["all", "red", "red"])
        let interleaved = pixels.indices.map { at -> UInt8 in
            let (image, place, channel) = (at / 12, at / 3 % 4, at % 3)
            return pixels[12 * image + 4 * channel + place]
        }
        #expect(try classify(npy("|u1", "(3, 2, 2, 3)", interleaved)) == first)
        let reals = pixels.flatMap { pixel -> [UInt8] in
            let bits = (Float(pixel) / 255).bitPattern.littleEndian
            return withUnsafeBytes(of: bits) { Array($0) }
        }
        #expect(try classify(npy("<f4", "(3, 3, 2, 2)", reals)) == first)
        #expect(try classify(npy("|u1", "(3, 3, 2, 2)", pixels), limit: 2) == Array(first[..<2]))
    }

    @Test func `that do not fit the network are refused`() throws {
        #expect(throws: NumPyError.self) { try classify(npy("|u1", "(9, 2, 2)", pixels)) }
        #expect(throws: NumPyError.self) { try classify(npy("<i4", "(1, 3, 1, 3)", pixels)) }
        #expect(throws: DataSetError.self) { try classify(npy("|u1", "(3, 3, 2, 3)", pixels)) }
    }

    @Test func `of another number of classes can not be evaluated`() throws {
        let images = DataSet(
            name: "three", imageShape: [3, 2, 2], pixels: pixels, labels: [0, 1, 2], classCount: 3,
            pixelScale: 1 / 255)
        #expect(
            throws: DataSetError.wrongClassCount(dataSet: "three", found: 3, expected: 2)
        ) { try Model.packed(model).evaluate(on: images, threads: 1) }
    }
}
