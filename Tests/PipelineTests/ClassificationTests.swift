import Foundation
import Importing
import Inference
import PackedModel
import Pipeline
import Testing

/// 2 classes of images with 3 channels: the first adds up all pixels, the second those of the first channel.
private func model(height: Int = 2, width: Int = 2) -> PackedModel {
    let size = height * width
    return PackedModel(
        name: "sums",
        input: PackedInput(
            shape: [3, height, width], pixelScale: 1 / 255, mean: [0, 0, 0], deviation: [1, 1, 1],
            quantizer: PackedQuantizer(bits: 8, isSigned: false, scale: 1 / 255, offset: 0)),
        nodes: [
            PackedNode(name: "flatten", inputs: [0], operation: .flatten),
            PackedNode(
                name: "fc", inputs: [1],
                operation: .linear(
                    PackedLayer(
                        weights: PackedTensor(
                            shape: [2, 3 * size], levels: [0, 1, 2],
                            gaps: [UInt32](repeating: 0, count: 4 * size),
                            codes: [UInt8](repeating: 1, count: 3 * size)
                                + [UInt8](repeating: 2, count: size), scales: [1]),
                        bias: PackedBias(bits: 2, scale: 1, codes: [0, 0]), activation: .identity,
                        output: nil))),
        ],
        classNames: ["all", "red"])
}

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
    return try model().classify(imagesOf: path, limit: limit)
}

@Suite struct `Samples from a NumPy file` {
    @Test func `are classified as the same pixels are, in every layout`() throws {
        let expected = try Engine(model()).logits(pixels: pixels)
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
        #expect(throws: DataSetError.self) { try classify(npy("<i4", "(1, 3, 1, 3)", pixels)) }
        #expect(throws: DataSetError.self) { try classify(npy("|u1", "(3, 3, 2, 3)", pixels)) }
    }

    @Test func `of another number of classes can not be evaluated`() throws {
        let images = DataSet(
            name: "three", imageShape: [3, 2, 2], pixels: pixels, labels: [0, 1, 2], classCount: 3,
            pixelScale: 1 / 255)
        #expect(
            throws: DataSetError.wrongClassCount(dataSet: "three", found: 3, expected: 2)
        ) { try Model.packed(model()).evaluate(on: images, threads: 1) }
    }
}

@Suite struct `Pictures` {
    private let fixtures = packageFolder + "/Fixtures/images/"
    private let model = PipelineTests.model(height: 5, width: 7)

    @Test func `of a folder are classified by name, each as it is by itself`() throws {
        let folder = try TemporaryFolder()
        for (name, source) in [("b.png", "color.png"), ("a.png", "palette.png")] {
            try FileManager.default.copyItem(
                atPath: fixtures + source, toPath: folder.path + "/" + name)
        }
        let found = try model.classify(imagesOf: folder.path)
        #expect(found.map(\.file) == ["a.png", "b.png"])
        #expect(found.map(\.index) == [0, 1])
        let json = try JSONSerialization.jsonObject(with: Data(jsonText(found).utf8))
        let keys = jsonKeys(of: json)
        #expect(try keys.contains("file") && keys.isSubset(of: documentedKeys("shrink run")))
        for (result, source) in zip(found, ["palette.png", "color.png"]) {
            let own = try model.classify(imagesOf: fixtures + source)
            #expect(own.map(\.logits) == [result.logits])
            #expect(own[0].file == fixtures + source)
            let pixels = try ImageFile(path: fixtures + source).pixels
            #expect(try Engine(model).logits(pixels: pixels) == result.logits)
        }
        #expect(found[0].logits != found[1].logits)
        #expect(try model.classify(imagesOf: folder.path, limit: 1) == [found[0]])
    }

    @Test func `in grey are classified as if they had three equal channels`() throws {
        let grey = try ImageFile(path: fixtures + "grey.png")
        #expect(grey.shape == [1, 5, 7])
        let expected = try Engine(model).logits(pixels: grey.pixels + grey.pixels + grey.pixels)
        let alone = try model.classify(imagesOf: fixtures + "grey.png")
        #expect(alone.map(\.logits) == [expected])
        let folder = try TemporaryFolder()
        try FileManager.default.copyItem(
            atPath: fixtures + "grey.png", toPath: folder.path + "/a.png")
        _ = try folder.file("Thumbs.db", "no picture")
        #expect(try model.classify(imagesOf: folder.path).map(\.logits) == [expected])
    }

    @Test(arguments: ["four-bit.png", "color-444.jpg"])
    func `of another shape are refused with both`(name: String) throws {
        let path = fixtures + name
        let shape = try ImageFile(path: path).shape
        #expect(
            throws: DataSetError.image(
                .differentShape(file: path, found: shape, expected: [3, 5, 7], first: nil))
        ) { try model.classify(imagesOf: path) }
        let folder = try TemporaryFolder()
        try FileManager.default.copyItem(atPath: path, toPath: folder.path + "/a.png")
        #expect(
            throws: DataSetError.image(
                .differentShape(
                    file: folder.path + "/a.png", found: shape, expected: [3, 5, 7], first: nil))
        ) { try model.classify(imagesOf: folder.path) }
    }

    @Test func `that are damaged, and other files beside them, are named`() throws {
        let folder = try TemporaryFolder()
        let bytes = try Data(contentsOf: URL(fileURLWithPath: fixtures + "color.png"))
        let path = folder.path + "/a.png"
        try bytes.prefix(60).write(to: URL(fileURLWithPath: path))
        for input in [path, folder.path] {
            let error = #expect(throws: DataSetError.self) { try model.classify(imagesOf: input) }
            #expect("\(try #require(error))".contains(path))
        }
        let other = try folder.file("b.txt", "no picture")
        let error = #expect(throws: DataSetError.self) {
            try model.classify(imagesOf: folder.path)
        }
        #expect("\(try #require(error))".contains(other))
    }

    @Test func `of an unknown kind, and empty files, are told from IDX files`() throws {
        let folder = try TemporaryFolder()
        let expected = "expected a picture (PNG, JPEG), a .npy file or an IDX file of images"
        for (content, problem) in [
            ("no picture", "begins with bytes [110, 111, 32, 112, 105, 99, 116, 117]"),
            ("", "the file is empty"),
        ] {
            let path = try folder.file("fake.png", content)
            let error = #expect(throws: DataSetError.self) { try model.classify(imagesOf: path) }
            #expect("\(try #require(error))" == "\(path): \(problem), \(expected)")
        }
    }

    @Test func `have their best classes in order, equal ones by number`() throws {
        let json = #"{"index": 0, "class": 1, "name": "1", "logits": [1, 3, -2, 3, 1]}"#
        let result = try JSONDecoder().decode(Classification.self, from: Data(json.utf8))
        #expect(result.best(4) == [1, 3, 0, 4])
        #expect(result.best(9) == [1, 3, 0, 4, 2])
    }
}
