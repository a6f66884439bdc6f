import Exporting
import Foundation
import Importing
import Networks
import Pipeline
import Tensors
import Testing
import Training

@Suite struct `Exporting to ONNX` {
    @Test func `works for the checkpoint of every stage and for the encoded model`() throws {
        let folder = try TemporaryFolder()
        let quick = quickPipeline.replacingOccurrences(of: "epochs: 4", with: "epochs: 1")
        try runPipeline(quick, in: folder)
        let build = folder.path + "/build/quick"
        for stage in ["train", "prune", "share"] {
            let checkpoint = "\(build)/\(stage)/checkpoint.safetensors"
            let path = folder.path + "/\(stage).onnx"
            let result = try run(shrinkCommand, ["export", checkpoint, "--output", path])
            #expect(result.code == 0, "\(result.errors)")
            #expect(result.output.hasPrefix("\(path): "))
            #expect(!result.output.contains("quantized"))
            let network = try Checkpoint(contentsOf: checkpoint, vocabulary: .pipeline).network
            try expectEqual(Network(onnx: path), network, stage)
        }
        for model in ["quantize/checkpoint.safetensors", "model.shrink"] {
            let path = folder.path + "/quantized.onnx"
            let result = try run(shrinkCommand, ["export", "\(build)/\(model)", "-o", path])
            #expect(result.code == 0, "\(result.errors)")
            #expect(result.output.contains(" quantized activations\n"), "\(result.output)")
            #expect(FileManager.default.fileExists(atPath: path))
        }
    }

    private func expectEqual(_ found: Network, _ expected: Network, _ stage: String) {
        var (found, expected) = (found, expected)
        var generator = SeededGenerator(seed: 1)
        let x = Tensor(
            shape: [3] + expected.inputShape,
            elements: (0..<3 * expected.inputShape.reduce(1, *)).map { _ in generator.normal() })
        var pass = Pass(isTraining: false)
        let (a, b) = (found.forward(x, pass: &pass), expected.forward(x, pass: &pass))
        #expect(a.shape == b.shape)
        let error = zip(a.elements, b.elements).map { abs($0 - $1) }.max()!
        #expect(error <= 1e-5 * b.elements.map(abs).max()!, "\(stage)")
    }

    @Test func `a file that is no model is an error of the command`() throws {
        let folder = try TemporaryFolder()
        let path = try folder.file("text.shrink", "no model")
        let result = try run(shrinkCommand, ["export", path, "-o", folder.path + "/x"])
        #expect(result.code == 1)
        #expect(result.errors.contains(path), "\(result.errors)")
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/x"))
    }
}
