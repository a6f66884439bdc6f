import Foundation
import Networks
import Pipeline
import Testing

private func pipeline(prune: String, factorize: String = "") -> String {
    """
    method: a test
    seed: 7
    data: {set: digits, validation: 100}
    network: {architecture: digits-cnn}
    stages:
      train: {epochs: 4, batch-size: 32, learning-rate: 0.03}
    \(factorize)
      prune:
    \(prune)
    """
}

@Suite struct `Densities that are spread over layers` {
    private func densities(_ settings: String) throws -> [Double] {
        let report = try runPipeline(pipeline(prune: settings), in: TemporaryFolder())
        return report.stages[1].layers.map { Double($0.nonzero) / Double($0.weights) }
    }

    @Test(arguments: ["magnitude", "lamp", "erk", "uniform"])
    func `keep the share of all weights that was asked for`(allocation: String) throws {
        let report = try runPipeline(
            pipeline(prune: "    global-density: 0.2\n    allocation: \(allocation)"),
            in: TemporaryFolder())
        let layers = report.stages[1].layers
        let kept = layers.reduce(0) { $0 + $1.nonzero }
        let all = layers.reduce(0) { $0 + $1.weights }
        #expect(abs(Double(kept) / Double(all) - 0.2) < 1e-3)
    }

    @Test func `are others by LAMP's scores than by magnitudes`() throws {
        let magnitude = try densities("    global-density: 0.2\n    allocation: magnitude")
        let lamp = try densities("    global-density: 0.2\n    allocation: lamp")
        #expect(magnitude != lamp)
    }

    @Test func `keep the layers that are to stay dense`() throws {
        let found = try densities(
            "    global-density: 0.2\n    allocation: erk\n    dense: [first, fc2]")
        #expect(found[0] == 1 && found[3] == 1)
        #expect(found[1] > found[2] && found[2] > 0)
        let floors = try densities("    global-density: 0.05\n    floor: 0.04\n    dense: [last]")
        #expect(floors[3] == 1 && floors.allSatisfy { $0 >= 0.04 })
    }

    @Test func `differ from layer to layer unless they are uniform`() throws {
        let uniform = try densities("    global-density: 0.2\n    allocation: uniform")
        #expect(uniform.allSatisfy { abs($0 - 0.2) < 0.01 })
    }

    @Test(arguments: ["allocation: erk", "floor: 0.1", "dense: [first]"])
    func `belong to global-density`(key: String) throws {
        let yaml = pipeline(prune: "    density: 0.2\n    \(key)")
        #expect(throws: PipelineFileError.self) {
            try runPipeline(yaml, in: TemporaryFolder())
        }
    }

    @Test func `refuse a dense layer that is not there`() throws {
        #expect(throws: PipelineError.self) {
            try densities("    global-density: 0.2\n    dense: [fc7]")
        }
    }
}

@Suite struct `The stage factorize` {
    @Test func `makes two layers of one, which later stages prune`() throws {
        let report = try runPipeline(
            pipeline(
                prune: "    density: {fc1.a: 0.1, default: 0.5}",
                factorize: """
                      factorize:
                        layers: {fc1: {rank: 20}, conv2: {energy: 0.9}}
                        train: {epochs: 2, batch-size: 32, learning-rate: 0.01}
                    """), in: TemporaryFolder())
        #expect(report.stages.map(\.stage) == ["train", "factorize", "prune"])
        let names = report.stages[2].layers.map(\.name)
        #expect(names == ["conv1", "conv2.a", "conv2.b", "fc1.a", "fc1.b", "fc2"])
        let layer = report.stages[2].layers[3]
        #expect(layer.weights == 512 * 20 && layer.nonzero == 1024)
        #expect(report.stages[1].parameters.total < report.stages[0].parameters.total / 3)
        #expect(report.stages[1].accuracy.top1 > 0.8)
        // All ratios are against the network that the pipeline started with.
        let floats = 4 * report.stages[0].parameters.total
        #expect(report.stages.map(\.bytes.float32) == [floats, floats, floats])
        #expect(report.stages[1].bytes.stored == 4 * report.stages[1].parameters.total)
        #expect(report.stages[1].compressionRatio > 3)
    }

    @Test func `takes one value for all layers`() throws {
        let names = try ["{energy: 0.5}", "{default: {energy: 0.5}}"].map { layers in
            try runPipeline(
                pipeline(
                    prune: "    density: 0.5", factorize: "  factorize: {layers: \(layers)}"),
                in: TemporaryFolder()
            ).stages[1].layers.map(\.name)
        }
        #expect(names[0] == names[1] && names[0].contains("fc1.a"))
    }

    @Test func `takes a default for the layers that it makes smaller`() throws {
        let report = try runPipeline(
            pipeline(
                prune: "    density: 0.5",
                factorize: "  factorize: {layers: {default: {rank: 8}, fc1: {energy: 0.5}}}"),
            in: TemporaryFolder())
        // Not conv1: 8 · (9 + 16) > 9 · 16.
        #expect(
            report.stages[1].layers.map(\.name) == [
                "conv1", "conv2.a", "conv2.b", "fc1.a", "fc1.b", "fc2.a", "fc2.b",
            ])
        #expect(report.stages[1].layers[1].weights == 144 * 8)
    }

    @Test func `refuses a rank that makes a layer larger`() throws {
        let yaml = pipeline(
            prune: "    density: 0.5", factorize: "  factorize: {layers: {conv1: {rank: 6}}}")
        // 6 · (9 + 16) > 9 · 16 > 5 · (9 + 16)
        let error = #expect(throws: FactorizationError.self) {
            try runPipeline(yaml, in: TemporaryFolder())
        }
        #expect(
            error?.description
                == "layer 'conv1' has 9 × 16 weights, of which factors of rank 6 make "
                + "no fewer; expected a rank of at most 5")
        let fits = yaml.replacingOccurrences(of: "rank: 6", with: "rank: 5")
        #expect(throws: Never.self) { try runPipeline(fits, in: TemporaryFolder()) }
    }

    @Test(arguments: [
        "{fc1: {rank: 20, energy: 0.5}}", "{fc1: {}}", "{fc1: {rank: 0}}", "{fc1: {energy: 2}}",
        "{fc9: {rank: 2}}",
    ])
    func `refuses layers and ranks that make no sense`(layers: String) throws {
        let yaml = pipeline(
            prune: "    density: 0.5", factorize: "  factorize: {layers: \(layers)}")
        #expect(throws: (any Error).self) { try runPipeline(yaml, in: TemporaryFolder()) }
    }
}

@Suite struct `The command sensitivity` {
    @Test func `shows the accuracy that each layer costs by itself`() throws {
        let folder = try TemporaryFolder()
        let yaml = try folder.file("quick.yaml", quickPipeline)
        let build = folder.path + "/build"
        #expect(try run(shrinkCommand, ["train", yaml, "--build", build]).code == 0)
        let checkpoint = build + "/quick/train/checkpoint.safetensors"
        let arguments = [
            "sensitivity", checkpoint, "--data", "digits", "--validation", "200", "--sparsity", "0",
            "1", "--bits", "2", "8",
        ]
        let json = try Data(run(shrinkCommand, arguments + ["--json"]).output.utf8)
        let keys = try jsonKeys(of: JSONSerialization.jsonObject(with: json))
        #expect(try keys.subtracting(documentedKeys("shrink sensitivity")) == [])
        let result = try JSONDecoder().decode(Sensitivity.self, from: json)
        #expect(result.count == 200 && result.sparsities == [0, 1] && result.bits == [2, 8])
        #expect(result.layers.map(\.name) == ["conv1", "conv2", "fc1", "fc2"])
        for layer in result.layers {
            #expect(layer.pruned[0] == result.accuracy, "nothing pruned changes nothing")
            #expect(layer.pruned[1] < 0.3, "a layer of zeros knows nothing")
            #expect(abs(layer.quantized[1] - result.accuracy) < 0.03)
        }
        // By default, the images that the pipeline has set aside.
        let byDefault = try run(
            shrinkCommand,
            ["sensitivity", checkpoint, "--data", "digits", "--sparsity", "0", "--bits", "8"])
        #expect(byDefault.output.contains("on 100 validation images"), "\(byDefault.output)")
        let table = try run(shrinkCommand, arguments).output
        // More of them were trained on.
        #expect(result.split == "train" && table.contains("on 200 training images"), "\(table)")
        for word in ["layer", "100 % pruned", "2 bits", "fc2"] { #expect(table.contains(word)) }
    }

    @Test func `takes what there is of a small set that nothing is known of`() throws {
        let folder = try TemporaryFolder()
        let checkpoint = folder.path + "/digits.safetensors"
        let model = packageFolder + "/Fixtures/onnx/digits-ts-17.onnx"
        #expect(try run(shrinkCommand, ["import", model, "-o", checkpoint]).code == 0)
        let command = [
            "sensitivity", checkpoint, "--data", "digits", "--sparsity", "0", "--bits", "8",
        ]
        let result = try run(shrinkCommand, command)
        #expect(result.output.contains("on 1000 training images"), "\(result.output)")
        let all = try run(shrinkCommand, command + ["--validation", "1297"])
        #expect(all.output.contains("on 1297 training images"), "\(all.output)")
        let more = try run(shrinkCommand, command + ["--validation", "1298"])
        #expect(more.code == 1 && more.errors.contains("1298 samples"), "\(more.errors)")
    }

    @Test func `refuses images of other classes`() throws {
        let folder = try TemporaryFolder()
        let checkpoint = folder.path + "/digits.safetensors"
        let model = packageFolder + "/Fixtures/onnx/digits-ts-17.onnx"
        #expect(try run(shrinkCommand, ["import", model, "-o", checkpoint]).code == 0)
        try folder.writeImages(
            [UInt8](repeating: 7, count: 8 * 64), labels: (0..<8).map { UInt8($0 + 4) })
        let command = ["sensitivity", checkpoint, "--data", folder.path]
        let result = try run(shrinkCommand, command)
        #expect(result.code == 1 && result.errors.contains("12 classes"), "\(result.errors)")
        let stated = try run(shrinkCommand, command + ["--classes", "10"])
        #expect(stated.code == 1 && stated.errors.contains("label 6 is 10"), "\(stated.errors)")
    }

    @Test func `refuses what is no checkpoint`() throws {
        let result = try run(
            shrinkCommand, ["sensitivity", "Fixtures/digits/README.md", "--data", "digits"])
        #expect(result.code != 0 && result.errors.contains("README.md"))
    }
}
