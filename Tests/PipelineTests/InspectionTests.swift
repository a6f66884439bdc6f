import Container
import Foundation
import PackedModel
import Pipeline
import Testing

/// A linear layer whose weights are all 1.
private func node(_ name: String, _ outputs: Int, _ inputs: Int, reads input: Int) -> PackedNode {
    let count = outputs * inputs
    let layer = PackedLayer(
        weights: PackedTensor(
            shape: [outputs, inputs], levels: [0, 1], gaps: [UInt32](repeating: 0, count: count),
            codes: [UInt8](repeating: 1, count: count), scales: [1]),
        bias: PackedBias(bits: 2, scale: 1, codes: [Int16](repeating: 0, count: outputs)),
        activation: .identity,
        output: input == 0 ? PackedQuantizer(bits: 4, isSigned: false, scale: 1, offset: 0) : nil)
    return PackedNode(name: name, inputs: [input], operation: .linear(layer))
}

private func model(_ names: [String]) -> PackedModel {
    PackedModel(
        name: "two",
        input: PackedInput(
            shape: [1, 8, 8], pixelScale: 1, mean: [0], deviation: [1],
            quantizer: PackedQuantizer(bits: 4, isSigned: false, scale: 1, offset: 0)),
        nodes: [node(names[0], 5, 64, reads: 0), node(names[1], 3, 5, reads: 1)])
}

extension TemporaryFolder {
    fileprivate func write(_ model: PackedModel) throws -> String {
        let file = path + "/model.shrink"
        try Data(Container.write(model).bytes).write(to: URL(fileURLWithPath: file))
        return file
    }
}

struct InspectionTests {
    @Test(arguments: [["first", "second"], ["same", "same"]])
    func `tells of each layer how it is run, whatever it is called`(names: [String]) throws {
        let folder = try TemporaryFolder()
        let file = try folder.write(model(names))
        let tensors = try Inspection(contentsOf: file).tensors
        #expect(tensors.map(\.name) == names)
        // No weight is zero: each bound is one product of the largest code an input.
        #expect(tensors.map(\.accumulatorBound) == [64 * 15, 5 * 15])
        let plan = ModelBenchmark.Plan(batches: [1], threads: [1], seconds: 0.001)
        let layers = try ModelBenchmark(contentsOf: file, plan).layers
        #expect(layers.map(\.name) == names)
        let rates = layers.map { $0.denseGMACsPerSecond! * $0.microseconds * 1000 }
        #expect(rates.map { $0.rounded() } == [320, 15])
    }

    @Test(arguments: ["inspect", "bench", "run", "eval"])
    func `a model that the engine refuses is named by its file`(command: String) throws {
        let folder = try TemporaryFolder()
        var refused = model(["first", "second"])
        // Positive, which is enough for a file.
        refused.input.quantizer?.scale = .leastNonzeroMagnitude
        let file = try folder.write(refused)
        let images = packageFolder + "/Fixtures/digits/digits-images-idx3-ubyte.gz"
        let more = ["run": ["--input", images], "eval": ["--data", "digits"]][command] ?? []
        let result = try run(shrinkCommand, [command, file] + more)
        #expect(result.code == 1)
        #expect(result.errors.hasPrefix("Error: \(file): input: the scale of a quantizer is "))
    }

    @Test func `lists the layers of an ONNX file, and of the checkpoint that it becomes`() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/digits.onnx"
        try FileManager.default.copyItem(
            atPath: packageFolder + "/Fixtures/onnx/digits-ts-17.onnx", toPath: path)
        let inspection = try NetworkInspection(onnx: path)
        let names = ["conv", "fc"]
        // 6 filters of 3×3 and 96 → 10, with biases.
        let weighted = inspection.nodes.filter { $0.weightShape != nil }
        #expect(weighted.map(\.name) == names)
        #expect(weighted.map(\.kind) == ["convolution", "linear"])
        #expect(weighted.map(\.weightShape) == [[6, 1, 3, 3], [10, 96]])
        #expect(weighted.map(\.parameters) == [60, 970])
        #expect(inspection.nodes.last?.outputShape == [10])
        let text = try run(shrinkCommand, ["inspect", path]).output
        #expect(text.hasPrefix("\(path): digits, input [1, 8, 8], 5 layers, 1030 parameters\n"))
        #expect(
            text.contains(/\nconv +convolution +input +\[6, \d, \d\] +\[6, 1, 3, 3\] +60 +60\n/))
        let checkpoint = folder.path + "/x.safetensors"
        #expect(try run(shrinkCommand, ["import", path, "-o", checkpoint]).code == 0)
        let imported = try NetworkInspection(checkpoint: checkpoint)
        #expect(imported.nodes == inspection.nodes)
        let json = try run(shrinkCommand, ["inspect", "--json", checkpoint]).output
        let keys = jsonKeys(of: try JSONSerialization.jsonObject(with: Data(json.utf8)))
        #expect(
            try keys.contains("weightShape") && keys.isSubset(of: documentedKeys("shrink inspect")))
    }

    @Test func `lists the first of many classes, and pixels as parts of the largest`() throws {
        let folder = try TemporaryFolder()
        var inspection = try Inspection(contentsOf: folder.write(model(["first", "second"])))
        inspection.pixelScale = 1 / 255
        inspection.classNames = (0..<1000).map { "c\($0)" }
        let text = inspection.text(usesColor: false)
        #expect(text.contains("\nclasses: c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 and 990 more ("))
        #expect(text.contains("\npixels: times 1/255, less [0.0], divided by [1.0]\n"))
        inspection.classNames = (0..<10).map { "c\($0)" }
        #expect(inspection.text(usesColor: false).contains("c8, c9\n"))
    }
}
