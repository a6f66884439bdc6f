import Container
import Foundation
import Inference
import PackedModel
import Pipeline
import Tensors
import Testing

@Suite struct `Modes without training` {
    private static let share = "  share: {bits: 5, batch-norm-batches: 4}\n"

    private func pipeline(_ quantize: String, share: String = "") -> String {
        """
        method: a test
        seed: 7
        data: {set: digits, validation: 100}
        network: {architecture: digits-cnn}
        stages:
          train: {epochs: 4, batch-size: 32, learning-rate: 0.03, shift: 1}
          prune: {density: {conv1: 0.8, default: 0.4}}
        \(share)  quantize: \(quantize)
          encode: {coding: smallest}
        """
    }

    @Test(
        arguments: [
            "{mode: float16}", "{mode: dynamic-range}",
            "{mode: dynamic-range, weights: {per-channel: true}}",
            "{mode: dynamic-range, weights: {bits: {fc1: 5, default: 7}}}",
        ], [false, true])
    func `keep accuracy, zeros and shared values, and the engine agrees`(
        quantize: String, shares: Bool
    ) throws {
        let folder = try TemporaryFolder()
        let report = try runPipeline(
            pipeline(quantize, share: shares ? Self.share : ""), in: folder)
        let stages = Dictionary(uniqueKeysWithValues: report.stages.map { ($0.stage, $0) })
        let before = try #require(stages[shares ? "share" : "prune"])
        let (quantized, encoded) = (stages["quantize"]!, stages["encode"]!)
        let engine = try #require(report.engine)
        #expect(engine.agreement >= 0.998)
        #expect(abs(quantized.accuracy.top1 - before.accuracy.top1) <= 0.01)
        #expect(quantized.parameters.nonzero <= before.parameters.nonzero)
        #expect(quantized.bytes.stored < before.bytes.stored)
        #expect(encoded.bytes.stored == quantized.bytes.stored)

        let isHalf = quantize.contains("float16")
        let bits = Dictionary(
            uniqueKeysWithValues: quantized.layers.map { ($0.name, $0.weightBits) })
        #expect(quantized.layers.allSatisfy { $0.activationBits == (isHalf ? nil : 8) })
        if shares {
            #expect(bits["fc1"] == 5)
        } else {
            #expect(bits["fc1"] == (isHalf ? 16 : quantize.contains("fc1") ? 5 : 8))
        }
        let model = try Container.read([UInt8](folder.bytes("build/quick/model.shrink")))
        #expect(model.isFloat)
        for layer in model.nodes.compactMap({ $0.operation.layer }) {
            let weights = layer.weights
            #expect(weights.halves.isEmpty != isHalf)
            #expect(Double(weights.gaps.count) <= 0.81 * Double(weights.count))
            if shares { #expect(Set(weights.halves).count <= 31 && weights.levels.count <= 32) }
        }
    }

    @Test func `take a mode by its name, and no settings of training`() throws {
        for (quantize, message) in [
            (
                "{mode: float32}",
                "stages.quantize.mode is 'float32', expected one of full-integer, float16, "
                    + "dynamic-range"
            ),
            (
                "{mode: float16, train: {epochs: 1, learning-rate: 0.1}}",
                "stages.quantize.train is a mapping, expected nothing, since float16 does not train"
            ),
            (
                "{mode: float16, weights: {bits: 8}}",
                "unknown key 'weights' in stages.quantize; known: mode"
            ),
            (
                "{mode: dynamic-range, calibration: 10}",
                "unknown key 'calibration' in stages.quantize; known: mode, weights"
            ),
            (
                "{mode: dynamic-range, weights: {bits: 16}}",
                "stages.quantize.weights.bits is '16', expected a whole number in 2...8"
            ),
            ("{mode: full-integer}", "key 'weights' is missing in stages.quantize"),
        ] {
            let folder = try TemporaryFolder()
            #expect {
                try runPipeline(pipeline(quantize), in: folder)
            } throws: { error in
                "\(error)".hasSuffix(message)
            }
        }
        let integers = "{mode: full-integer, weights: {bits: 8}, activations: {bits: 8}}"
        let report = try runPipeline(pipeline(integers), in: TemporaryFolder())
        #expect(report.engine!.agreement >= 0.995)
    }

    @Test(arguments: ["float16", "dynamic-range"])
    func `make files that every command takes`(mode: String) throws {
        let folder = try TemporaryFolder()
        let report = try runPipeline(pipeline("{mode: \(mode)}"), in: folder)
        let model = folder.path + "/build/quick/model.shrink"
        func output(_ arguments: [String]) throws -> String {
            let result = try run(shrinkCommand, arguments)
            #expect(result.code == 0, "\(arguments): \(result.errors)")
            return result.output
        }
        let evaluation = try output(["eval", model, "--data", "digits", "--threads", "2"])
        let right = Int((500 * report.engine!.top1).rounded())
        #expect(evaluation.contains("\(right) of 500 right"))
        let checkpoint = folder.path + "/build/quick/quantize/checkpoint.safetensors"
        #expect(try output(["eval", checkpoint, "--data", "digits"]).contains(" of 500 right"))
        let images = packageFolder + "/Fixtures/digits/digits-images-idx3-ubyte.gz"
        #expect(
            try output(["run", model, "--input", images, "--limit", "7"])
                .split(separator: "\n").count == 7)
        let inspection = try output(["inspect", model])
        #expect(inspection.contains("floats;") && inspection.contains("conv1"))
        #expect(inspection.contains(mode == "float16" ? "f32_" : "dynamic_u8_s8_"))
        let bench = try output(["bench", model, "--seconds", "0.01", "--batch", "1,40"])
        #expect(bench.contains("layers, batch 40") && bench.contains("fc1"))
        for command in ["decode", "export"] {
            for file in command == "export" ? [model, checkpoint] : [model] {
                let path = folder.path + "/\(command)"
                #expect(try output([command, file, "--output", path]).contains(path))
            }
        }
        let decoded = try Safetensors(contentsOf: folder.path + "/decode")
        guard case .float32(let weights)? = decoded["fc1.weight"] else {
            Issue.record("no weights of fc1")
            return
        }
        let packed = try Container.read([UInt8](folder.bytes("build/quick/model.shrink")))
        let fc1 = packed.nodes.first { $0.name == "fc1" }!.operation.layer!.weights
        let nonzeros = weights.elements.filter { $0 != 0 }
        #expect(nonzeros.count == fc1.gaps.count)
        if mode == "float16" {
            #expect(nonzeros == fc1.halves.map { HalfPrecision.value($0) * fc1.scales[0] })
        } else {
            #expect(nonzeros == fc1.codes.map { Float(fc1.levels[Int($0)]) * fc1.scales[0] })
        }
    }
}
