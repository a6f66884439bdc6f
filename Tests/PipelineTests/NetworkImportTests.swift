import Exporting
import Foundation
import Importing
import Networks
import Pipeline
import Tensors
import Testing
import Training

private let models = packageFolder + "/Fixtures/onnx"

@Suite struct `A network from an ONNX file` {
    private func pipeline(_ network: String) -> String {
        quickPipeline.replacingOccurrences(
            of: "{architecture: digits-cnn, dropout: 0.1}", with: network
        ).replacingOccurrences(
            of: "{epochs: 4, batch-size: 32, learning-rate: 0.03, shift: 1}", with: "{epochs: 0}"
        )
        .replacingOccurrences(of: "conv1", with: "conv")
    }

    @Test func `goes through all stages of a pipeline`() throws {
        let folder = try TemporaryFolder()
        let report = try runPipeline(
            pipeline("{onnx: \(models)/digits-ts-17.onnx}"), in: folder)
        #expect(report.stages.map(\.stage) == ["train", "prune", "share", "quantize", "encode"])
        // 6 filters of 3×3 and 96 → 10, with biases.
        #expect(report.stages[0].parameters.total == 6 * 9 + 6 + 960 + 10)
        let checkpoint = try Checkpoint(
            contentsOf: folder.path + "/build/quick/train/checkpoint.safetensors",
            vocabulary: .pipeline)
        let network = try Network(onnx: models + "/digits-ts-17.onnx")
        #expect(parameters(of: checkpoint.network) == parameters(of: network))
        #expect(checkpoint.network.nodes.map(\.name) == network.nodes.map(\.name))
    }

    private func parameters(of network: Network) -> [String: Tensor] {
        var (copy, result) = (network, [String: Tensor]())
        copy.visitParameters { result[$0] = $1.trained.value }
        return result
    }

    @Test func `that takes other images is refused`() throws {
        let folder = try TemporaryFolder()
        let path = models + "/lenet5-ts-13.onnx"
        #expect(
            throws: PipelineError.networkDoesNotFit(
                path: path, found: [[1, 28, 28], [10]], expected: [[1, 8, 8], [10]])
        ) { try runPipeline(pipeline("{onnx: \(path)}"), in: folder) }
    }

    @Test func `leaves no choice of an architecture`() throws {
        let folder = try TemporaryFolder()
        let yaml = try folder.file("both.yaml", pipeline("{onnx: a.onnx, width: 2}"))
        do {
            _ = try PipelineFile(path: yaml)
            Issue.record("both were accepted")
        } catch {
            #expect("\(error)".contains("both.yaml:4: unknown key 'width'"), "\(error)")
        }
    }

    @Test func `becomes a checkpoint that other commands read`() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/digits.safetensors"
        let result = try run(
            shrinkCommand, ["import", models + "/digits-dynamo-18.onnx", "--output", path])
        #expect(result.code == 0, "\(result.errors)")
        #expect(
            result.output == "\(path): 5 layers, 1030 parameters, [1, 8, 8] to [10]\n")
        let evaluation = try run(shrinkCommand, ["eval", path, "--data", "digits"])
        #expect(evaluation.code == 0, "\(evaluation.errors)")
    }

    @Test func `has the channels of its results in front, too`() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/image.onnx"
        let network = try Network(
            name: "image", inputShape: [8, 6, 3], chain: [("relu", Activation(.relu))])
        try ONNXExport(network).write(to: path)
        let summary = try NetworkImport(onnx: path).summary
        #expect(summary == "1 layers, 0 parameters, [3, 8, 6] to [3, 8, 6]")
        #expect(
            throws: PipelineError.networkDoesNotFit(
                path: path, found: [[3, 8, 6], [3, 8, 6]], expected: [[1, 8, 8], [10]])
        ) { try runPipeline(pipeline("{onnx: \(path)}"), in: folder) }
    }

    @Test func `that is none is an error of the command`() throws {
        let folder = try TemporaryFolder()
        let path = try folder.file("text.onnx", "no model")
        let result = try run(shrinkCommand, ["import", path, "-o", folder.path + "/x"])
        #expect(result.code == 1)
        #expect(result.errors.contains("\(path): is not an ONNX model"), "\(result.errors)")
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/x"))
    }
}
