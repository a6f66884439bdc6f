import Importing
import Networks
import Pipeline
import Tensors
import Testing
import Training

/// Statistics of batch normalization that are made anew are those of images as in training.
@Suite struct `Statistics made anew` {
    private let yaml = """
        method: a test
        seed: 3
        data: {set: digits, validation: 100}
        network: {architecture: resnet-20, width: 0.25}
        stages:
          train: {epochs: 1, batch-size: 64, learning-rate: 0.02, shift: 3, flip: true}
          prune: {density: 1, batch-norm-batches: 2}
        """

    private func statistics(_ network: Network) -> [[Float]] {
        network.nodes.compactMap { $0.layer as? BatchNormalization }.map { layer in
            (0..<layer.channels).flatMap { [layer.runningMean[$0], layer.runningVariance[$0]] }
        }
    }

    @Test func `see the shifts and flips of the latest training`() throws {
        let folder = try TemporaryFolder()
        try runPipeline(yaml, in: folder)
        let build = PipelineFolder(build: folder.path + "/build", pipeline: "quick")
        func network(_ stage: String) throws -> Network {
            try Checkpoint(contentsOf: build.checkpoint(stage), vocabulary: .pipeline).network
        }
        let set = try DataSetSource(
            named: "digits", root: dataRoot, fixtures: packageFolder + "/Fixtures"
        ).load(.train)
        let train = set.subset(0..<set.count - 100)
        let normalization = PixelNormalization(scaling: train)
        let images = LabelledImages(
            shape: train.imageShape, pixels: train.pixels, labels: train.labels.map { Int($0) },
            values: [(0...255).map { normalization.value(of: UInt8($0), channel: 0) }])
        let found = statistics(try network("prune"))
        for (shift, flips) in [(3, true), (3, false), (0, true), (0, false)] {
            var expected = try network("train")
            expected.reestimateBatchNormalization(
                on: images, batches: 2, batchSize: 128, maximalShift: shift, flips: flips,
                seed: 3001, threads: 1)
            #expect((statistics(expected) == found) == (shift == 3 && flips))
        }
    }

    /// A file of weights does not say how they were trained.
    @Test func `are not made of a network that came trained, unless they are asked for`() throws {
        func isKept(_ key: String) throws -> Bool {
            let yaml = self.yaml.replacing("epochs: 1", with: "epochs: 0")
                .replacing(", batch-norm-batches: 2", with: key)
            let folder = try TemporaryFolder()
            try runPipeline(yaml, in: folder)
            let build = PipelineFolder(build: folder.path + "/build", pipeline: "quick")
            let networks = try ["train", "prune"].map {
                try Checkpoint(contentsOf: build.checkpoint($0), vocabulary: .pipeline).network
            }
            return statistics(networks[0]) == statistics(networks[1])
        }
        #expect(try isKept(""))
        #expect(try !isKept(", batch-norm-batches: 2"))
    }

    @Test func `know which training was the latest`() throws {
        func file(_ stages: String) throws -> PipelineFile {
            let yaml = """
                method: a test
                seed: 3
                data: {set: digits, validation: 100}
                network: {architecture: digits-cnn}
                stages:
                \(stages)
                """
            let folder = try TemporaryFolder()
            return try PipelineFile(path: folder.file("x.yaml", yaml))
        }
        let trained = try file(
            """
              train: {epochs: 2, learning-rate: 0.1, shift: 2}
              prune: {density: 0.5}
              quantize: {weights: {bits: 4}, activations: {bits: 4}, train: {epochs: 1, learning-rate: 0.01, shift: 1}}
            """)
        #expect((0..<3).map { trained.augmentation(upTo: $0)?.maximalShift } == [2, 2, 1])
        let untrained = try file(
            """
              train: {epochs: 0, learning-rate: 0, shift: 2}
              quantize: {weights: {bits: 4}, activations: {bits: 4}}
            """)
        #expect(untrained.augmentation(upTo: 1) == nil)
    }
}
