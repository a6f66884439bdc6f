import Foundation
import Importing
import Networks
import Pipeline
import Tensors
import Testing
import Training

/// Networks that read `[features]`, not images.
@Suite struct `A network of features` {
    /// Reads 64 features, as many as an image of the digits has pixels.
    private func checkpoint(in folder: TemporaryFolder) throws -> String {
        var generator = SeededGenerator(seed: 3)
        let network = try Architecture.lenet300x100.network(
            inputShape: [64], classes: 10, width: 0.1, using: &generator)
        let path = folder.path + "/features.safetensors"
        try Checkpoint(network, notes: [:]).write(to: path)
        return path
    }

    private func pipeline(_ path: String, normalization: String) -> String {
        """
        seed: 1
        data: {set: digits, validation: 100, normalization: \(normalization)}
        network: {checkpoint: \(path)}
        stages:
          train: {epochs: 6, batch-size: 32, learning-rate: 0.05}
          prune: {density: {first: 0.5, default: 0.9}, train: {epochs: 1, learning-rate: 0.01}}
          quantize: {weights: {bits: 6}, activations: {bits: 8}}
          encode:
        """
    }

    @Test(arguments: ["scale", "per-channel", "{mean: [0.3], deviation: [0.4]}"])
    func `goes through all stages on images of as many pixels`(normalization: String) throws {
        let folder = try TemporaryFolder()
        let path = try checkpoint(in: folder)
        let report = try runPipeline(pipeline(path, normalization: normalization), in: folder)
        for stage in report.stages {
            #expect(stage.accuracy.top1 > 0.85, "\(stage.stage): \(stage.accuracy.top1)")
        }
        let trained = try Model(
            contentsOf: folder.path + "/build/quick/quantize/checkpoint.safetensors")
        let packed = try Model(contentsOf: folder.path + "/build/quick/model.shrink")
        #expect(packed.inputShape == [64])
        let test = try DataSetSource(named: "digits", fixtures: packageFolder + "/Fixtures")
            .load(.test)
        #expect(test.imageShape == [1, 8, 8])
        let last = report.stages.last!.accuracy.top1
        #expect(try packed.evaluate(on: test, threads: 1).evaluation.top1 == last)
        #expect(try packed.evaluate(on: test.fitted(to: [64]), threads: 1).evaluation.top1 == last)
        let difference = try trained.evaluate(on: test, threads: 1).evaluation.top1 - last
        #expect(abs(difference) < 0.01)
        // One mean for all features takes the room of one.
        guard case .packed(let model) = packed else { return }
        #expect(Set(model.input.mean).count == 1 && Set(model.input.deviation).count == 1)
    }

    @Test(arguments: ["shift: 1", "flip: true"])
    func `can not be shifted or flipped`(setting: String) throws {
        let folder = try TemporaryFolder()
        let yaml = pipeline(try checkpoint(in: folder), normalization: "scale")
            .replacingOccurrences(
                of: "learning-rate: 0.05", with: "learning-rate: 0.05, " + setting)
        #expect(throws: PipelineError.augmentedFeatures(stage: "train")) {
            try runPipeline(yaml, in: folder)
        }
    }

    @Test func `and images of another number of pixels do not fit`() throws {
        let folder = try TemporaryFolder()
        let model = try Model(contentsOf: checkpoint(in: folder))
        let set = DataSet(
            name: "wide", imageShape: [1, 8, 9], pixels: [UInt8](repeating: 0, count: 72),
            labels: [0], classCount: 10, pixelScale: 1)
        #expect(
            throws: PipelineError.dataDoNotFit(dataSet: "wide", found: [1, 8, 9], expected: [64])
        ) { try model.evaluate(on: set, threads: 1) }
    }
}
