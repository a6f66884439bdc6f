import Exporting
import Foundation
import Importing
import Networks
import ONNXSchema
import Pipeline
import SwiftProtobuf
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

    /// All stages on the result of another pipeline's stage.
    private func pipeline(fromCheckpoint path: String, train: String = "{epochs: 0}") -> String {
        """
        seed: 2
        data: {set: digits}
        network: {checkpoint: \(path)}
        stages:
          train: \(train)
          quantize: {weights: {bits: 4}, activations: {bits: 8}, train: {epochs: 1, learning-rate: 0.002, distillation: 0.5}}
          encode:
        """
    }

    @Test func `or from a checkpoint of another pipeline goes on where that one stopped`() throws {
        let folder = try TemporaryFolder()
        let first = try runPipeline(
            quickPipeline.replacingOccurrences(
                of: "data: {set: digits", with: "data: {normalization: per-channel, set: digits"),
            in: folder)
        let path = folder.path + "/pruned.safetensors"
        try FileManager.default.copyItem(
            atPath: folder.path + "/build/quick/prune/checkpoint.safetensors", toPath: path)
        let second = try runPipeline(pipeline(fromCheckpoint: path), in: folder)
        // What was pruned there is pruned here, and pixels are normalized as there.
        #expect(second.stages[0].accuracy.top1 == first.stages[1].accuracy.top1)
        #expect(second.stages[0].bytes == first.stages[1].bytes)
        #expect(second.stages[2].parameters.nonzero <= first.stages[1].parameters.nonzero)
        let results = folder.path + "/build/quick/train/checkpoint.safetensors"
        #expect(try normalization(ofCheckpoint: results) == normalization(ofCheckpoint: path))
        #expect(try normalization(ofCheckpoint: path)?.mean != [0])
    }

    @Test func `or from a quantized checkpoint is refused`() throws {
        let folder = try TemporaryFolder()
        try runPipeline(quickPipeline, in: folder)
        let path = folder.path + "/quantized.safetensors"
        try FileManager.default.copyItem(
            atPath: folder.path + "/build/quick/quantize/checkpoint.safetensors", toPath: path)
        do {
            try runPipeline(pipeline(fromCheckpoint: path), in: folder)
            Issue.record("it was accepted")
        } catch {
            #expect(
                "\(error)".hasPrefix(path)
                    && "\(error)".contains("is quantized, expected a network in floats"),
                "\(error)")
        }
    }

    @Test func `or from a checkpoint leaves no choice of an architecture, nor of an ONNX file`()
        throws
    {
        let folder = try TemporaryFolder()
        for (other, key) in [("width: 2", "width"), ("onnx: a.onnx", "onnx")] {
            let yaml = try folder.file(
                "both.yaml", pipeline("{checkpoint: a.safetensors, \(other)}"))
            do {
                _ = try PipelineFile(path: yaml)
                Issue.record("both were accepted")
            } catch {
                #expect("\(error)".contains("both.yaml:4: unknown key '\(key)'"), "\(error)")
            }
        }
    }

    @Test func `that takes other images is refused`() throws {
        let folder = try TemporaryFolder()
        let path = models + "/lenet5-ts-13.onnx"
        #expect(
            throws: PipelineError.networkDoesNotFit(
                path: path, found: [[1, 28, 28], [10]], expected: [[1, 8, 8], [10]])
        ) { try runPipeline(pipeline("{onnx: \(path)}"), in: folder) }
    }

    @Test func `that does not fit is told what to change`() {
        func text(_ found: [[Int]], _ expected: [[Int]]) -> String {
            "\(PipelineError.networkDoesNotFit(path: "a.onnx", found: found, expected: expected))"
        }
        #expect(
            text([[1, 28, 28], [10]], [[1, 8, 8], [10]])
                == "a.onnx reads [1, 28, 28], and the images are [1, 8, 8] ([channels, height, width])"
        )
        #expect(text([[1, 8, 8], [9]], [[1, 8, 8], [10]]).contains("data.classes states"))
        let oneOutput = text([[1, 8, 8], [1]], [[1, 8, 8], [2]])
        #expect(oneOutput.contains("networks with one output, a sigmoid, are not supported"))
        #expect(!oneOutput.contains("data.classes"))
    }

    @Test func `is told from labels that count from 1`() throws {
        let folder = try TemporaryFolder()
        // The network tells ten classes apart.
        try folder.writeImages(
            [UInt8](repeating: 7, count: 10 * 64), labels: (1...10).map { UInt8($0) })
        let yaml = pipeline("{onnx: \(models)/digits-ts-17.onnx}")
            .replacingOccurrences(of: "set: digits, validation: 100", with: "set: labels")
        #expect(throws: DataSetError.labelsFromOne(dataSet: "labels", found: 1...10)) {
            try runPipeline(
                yaml, in: folder, source: DataSetSource(folder: folder.path, name: "labels"))
        }
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

    /// The digits' network, exported with a normalization.
    private func exported(_ normalization: PixelNormalization, to folder: TemporaryFolder) throws
        -> String
    {
        let path = folder.path + "/normalized.onnx"
        let network = try Network(onnx: models + "/digits-ts-17.onnx")
        try ONNXExport(
            network,
            metadata: ONNXExport.metadata(
                pixelScale: normalization.pixelScale, mean: normalization.mean,
                deviation: normalization.deviation)
        ).write(to: path)
        return path
    }

    private func normalization(ofCheckpoint path: String) throws -> PixelNormalization? {
        guard case .checkpoint(_, let normalization, _) = try Model(contentsOf: path) else {
            return nil
        }
        return normalization
    }

    private let stated = PixelNormalization(pixelScale: 1 / 16, mean: [0.3], deviation: [0.37])

    @Test func `keeps the normalization that an export has stated`() throws {
        let folder = try TemporaryFolder()
        let path = try exported(stated, to: folder)
        let imported = try NetworkImport(onnx: path)
        #expect(imported.normalization == stated)
        #expect(imported.summary.hasSuffix(", pixels times 1/16, less [0.3], divided by [0.37]"))
        let checkpoint = folder.path + "/imported.safetensors"
        try imported.write(to: checkpoint)
        #expect(try normalization(ofCheckpoint: checkpoint) == stated)
    }

    @Test func `normalizes pixels in a pipeline as the file says, unless the pipeline says how`()
        throws
    {
        let folder = try TemporaryFolder()
        let path = try exported(stated, to: folder)
        let constants = PixelNormalization(pixelScale: 1 / 16, mean: [0.5], deviation: [0.25])
        for (text, expected) in [
            ("", stated), (", normalization: {mean: [0.5], deviation: [0.25]}", constants),
        ] {
            let yaml = """
                seed: 1
                data: {set: digits\(text)}
                network: {onnx: \(path)}
                stages:
                  train: {epochs: 0}
                  quantize: {weights: {bits: 8}, activations: {bits: 8}}
                  encode:
                """
            try runPipeline(yaml, in: folder)
            let results = folder.path + "/build/quick"
            #expect(
                try normalization(ofCheckpoint: results + "/train/checkpoint.safetensors")
                    == expected)
            let packed = try Inspection(contentsOf: results + "/model.shrink")
            #expect(packed.mean == expected.mean && packed.deviation == expected.deviation)
        }
    }

    @Test func `takes a normalization from the command's options`() throws {
        let folder = try TemporaryFolder()
        let model = models + "/digits-ts-17.onnx"
        let path = folder.path + "/x.safetensors"
        let command = ["import", model, "-o", path]
        let options = ["--mean", "0.5", "--deviation", "0.25"]
        #expect(try run(shrinkCommand, command + options).code == 0)
        #expect(
            try normalization(ofCheckpoint: path)
                == PixelNormalization(pixelScale: 1 / 255, mean: [0.5], deviation: [0.25]))
        #expect(try run(shrinkCommand, command + options + ["--pixel-scale", "0.0625"]).code == 0)
        #expect(try normalization(ofCheckpoint: path)?.pixelScale == 1 / 16)
        let bytes = ["--mean", "125", "--deviation", "63"]
        let noted = try run(shrinkCommand, command + bytes)
        #expect(noted.code == 0)
        #expect(
            noted.errors.contains("note: the normalization's mean 125.0 is above the largest"),
            "\(noted.errors)")
        #expect(try run(shrinkCommand, command + bytes + ["--pixel-scale", "1"]).errors == "")
        let short = try run(shrinkCommand, command + ["--mean", "0.5"])
        #expect(short.code == 64 && short.errors.contains("not 1 and 0"), "\(short.errors)")
        let three = try run(
            shrinkCommand, command + ["--mean", "1", "1", "1", "--deviation", "1", "1", "1"])
        #expect(three.code == 1)
        #expect(
            three.errors.contains(
                "3 means and deviations for the normalization, expected one for each of the 1"))
    }

    @Test func `takes negative numbers as they are written`() throws {
        let folder = try TemporaryFolder()
        let model = folder.path + "/color.onnx"
        let network = try Network(
            name: "color", inputShape: [8, 6, 3], chain: [("relu", Activation(.relu))])
        try ONNXExport(network).write(to: model)
        let path = folder.path + "/x.safetensors"
        for mean in [
            ["--mean", "-0.5", "0.25", "-1e-2"], ["--mean=-0.5", "0.25", "-1e-2"],
            ["--mean", "-0.5", "--mean", "0.25", "--mean", "-1e-2"],
        ] {
            let result = try run(
                shrinkCommand,
                ["import"] + mean + ["--deviation", "1", "2", "3", "-o", path, model])
            #expect(result.code == 0, "\(result.errors)")
            #expect(
                try normalization(ofCheckpoint: path)
                    == PixelNormalization(
                        pixelScale: 1 / 255, mean: [-0.5, 0.25, -0.01], deviation: [1, 2, 3]))
        }
        let wrong = try run(
            shrinkCommand, ["import", model, "-o", path, "--mean", "1", "--deviation", "-2"])
        #expect(wrong.code == 64)
        #expect(
            wrong.errors.contains("--deviation wants numbers above 0, not -2.0"), "\(wrong.errors)")
        let threads = try run(shrinkCommand, ["eval", path, "--data", "digits", "--threads", "-1"])
        #expect(threads.code == 64)
        #expect(
            threads.errors.contains("--threads wants at least 1, not -1"), "\(threads.errors)")
    }

    @Test(arguments: [
        (["mean": "0.1 0.2"], "'mean' is '0.1 0.2', expected a number"),
        (["deviation": "0"], "'deviation' is 0, expected numbers above 0"),
        (["pixelScale": "small"], "'pixelScale' is 'small', expected a number"),
    ])
    func `whose normalization makes no sense is refused`(
        wrong: [String: String], message: String
    ) throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/x.onnx"
        let metadata = ["pixelScale": "1", "mean": "0", "deviation": "1"].merging(wrong) { $1 }
        try ONNXExport(Network(onnx: models + "/digits-ts-17.onnx"), metadata: metadata)
            .write(to: path)
        do {
            _ = try NetworkImport(onnx: path)
            Issue.record("no error")
        } catch {
            #expect("\(error)".hasSuffix("the metadata entry \(message)"), "\(error)")
        }
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

    @Test func `tells what at its end was left out`() throws {
        let folder = try TemporaryFolder()
        let (plain, decided) = (models + "/digits-ts-17.onnx", folder.path + "/decided.onnx")
        var model = try ONNXModelProto(
            serializedBytes: Data(contentsOf: URL(fileURLWithPath: plain)))
        model.graph.node.append(
            ONNXNodeProto.with {
                ($0.opType, $0.input, $0.output) = (
                    "ArgMax", [model.graph.output[0].name], ["class"]
                )
                $0.attribute = [.with { ($0.name, $0.type, $0.i) = ("axis", .int, 1) }]
            })
        model.graph.output[0].name = "class"
        try Data(model.serializedBytes() as [UInt8]).write(to: URL(fileURLWithPath: decided))
        let note =
            "note: ArgMax at the end left out: the outputs are the scores before, and classes have "
            + "the same order\n"
        var results: [String] = []
        for (path, errors) in [(plain, ""), (decided, note)] {
            let checkpoint = folder.path + "/x.safetensors"
            let result = try run(shrinkCommand, ["import", path, "-o", checkpoint])
            #expect(result.code == 0 && result.errors == errors)
            results.append(try run(shrinkCommand, ["eval", checkpoint, "--data", "digits"]).output)
        }
        #expect(results[0].contains("right") && results[0].prefix(30) == results[1].prefix(30))
        let yaml = try folder.file(
            "decided.yaml",
            """
            seed: 1
            data: {set: digits}
            network: {onnx: \(decided)}
            stages:
              train: {epochs: 0}
              quantize: {weights: {bits: 8}, activations: {bits: 8}}
            """)
        for (stage, isFirst) in [("train", true), ("quantize", false)] {
            let result = try run(shrinkCommand, [stage, yaml, "--build", folder.path + "/build"])
            #expect(result.code == 0, "\(result.errors)")
            #expect(result.errors.contains(note) == isFirst)
        }
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
