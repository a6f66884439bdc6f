import Container
import Foundation
import Importing
import Networks
import PackedModel
import Pipeline
import Quantization
import Tensors
import Testing
import Training

@Suite struct `A pipeline on the digits` {
    @Test func `reports the bytes that are on disk, layer by layer`() throws {
        let folder = try TemporaryFolder()
        let report = try runPipeline(quickPipeline, in: folder)
        #expect(report.stages.map(\.stage) == ["train", "prune", "share", "quantize", "encode"])
        let bytes = try folder.bytes("build/quick/model.shrink")
        let last = try #require(report.stages.last)
        #expect(last.bytes.stored == bytes.count)
        let summary = try Container.inspect([UInt8](bytes))
        #expect(last.layers.map(\.bytes) == summary.tensors.map(\.bytes))
        #expect(
            bytes.count
                == summary.headerBytes + summary.metadataBytes
                + last.layers.map(\.bytes).reduce(0, +))
        #expect(last.bytes.float32 == 4 * 71_754)
        #expect(last.compressionRatio == Double(4 * 71_754) / Double(bytes.count))
        // Sizes fall from stage to stage; a quantized network is counted as it is then encoded.
        let stored = report.stages.map(\.bytes.stored)
        #expect(stored[0] == 4 * 71_754)
        #expect(stored[1] < stored[0] && stored[2] < stored[1])
        #expect(stored[3] == stored[4])
    }

    @Test func `keeps pruned weights at zero through every later stage`() throws {
        let folder = try TemporaryFolder()
        try runPipeline(quickPipeline, in: folder)
        let pruned = try weights(folder, "prune")
        for stage in ["share", "quantize"] {
            for (name, weight) in try weights(folder, stage) {
                let before = try #require(pruned[name])
                #expect(zip(before, weight).allSatisfy { $0 != 0 || $1 == 0 }, "\(stage) \(name)")
                #expect(weight.contains { $0 != 0 })
            }
        }
        // In the file, the layout is [outputs, inputs]; outputs that fc2 does not read are left out, and
        // the others stand by descending number of weights.
        let model = try Container.read([UInt8](folder.bytes("build/quick/model.shrink")))
        let decoded = model.decoded()
        guard case .float32(let fc1)? = decoded["fc1.weight"] else {
            Issue.record("no fc1.weight")
            return
        }
        let quantized = try weights(folder, "quantize")
        let (before, fc2) = (try #require(pruned["fc1.weight"]), quantized["fc2.weight"]!)
        let (inputs, outputs) = (512, 128)
        let read = (0..<outputs).filter { output in
            fc2[output * 10..<(output + 1) * 10].contains { $0 != 0 }
        }
        #expect(read.count < outputs && fc1.shape == [read.count, inputs])
        // Which row and input is which is lost; but no row has more weights than pruning left in it.
        let counts = read.indices.map { row in
            fc1.elements[row * inputs..<(row + 1) * inputs].count { $0 != 0 }
        }
        let left = read.map { output in
            (0..<inputs).count { before[$0 * outputs + output] != 0 }
        }
        #expect(counts == counts.sorted(by: >))
        #expect(zip(counts, left.sorted(by: >)).allSatisfy { $0 > 0 && $0 <= $1 })
    }

    @Test func `leaves no report that mixes old stages with new ones`() throws {
        let folder = try TemporaryFolder()
        try runPipeline(quickPipeline, in: folder)
        let results = PipelineFolder(build: folder.path + "/build", pipeline: "quick")
        let file = try PipelineFile(path: folder.path + "/quick.yaml")
        let runner = try PipelineRunner(
            file, folder: results,
            source: DataSetSource(named: "digits", fixtures: packageFolder + "/Fixtures"),
            display: ProgressDisplay(isSilent: true))
        try runner.run(stage: "prune")
        let report = try PipelineReport(contentsOf: results.report)
        #expect(report.stages.map(\.stage) == ["train", "prune"])
        #expect(!FileManager.default.fileExists(atPath: results.model))
    }

    private func runner(_ yaml: String, _ folder: TemporaryFolder) throws -> PipelineRunner {
        try PipelineRunner(
            PipelineFile(path: folder.file("quick.yaml", yaml)),
            folder: PipelineFolder(build: folder.path + "/build", pipeline: "quick"),
            source: DataSetSource(named: "digits", fixtures: packageFolder + "/Fixtures"),
            display: ProgressDisplay(isSilent: true))
    }

    @Test func `keeps all results when it refuses to run a stage`() throws {
        let folder = try TemporaryFolder()
        let report = try runPipeline(quickPipeline, in: folder)
        let results = PipelineFolder(build: folder.path + "/build", pipeline: "quick")
        let model = try folder.bytes("build/quick/model.shrink")
        // Stages before `encode` have other settings; a layer is misspelt; one has no value.
        let changes = [
            ("encode", "bits: {conv1: 6, default: 4}", "bits: {conv1: 6, default: 3}"),
            ("train", "bits: {conv1: 6, default: 4}", "bits: {conv9: 6, default: 4}"),
            ("train", "bits: {conv1: 6, default: 4}", "bits: {conv1: 6}"),
            ("train", "weights: {bits: {conv1: 8, default: 5}}", "weights: {bits: {conv1: 8}}"),
            ("train", "activations: {bits: 6}", "activations: {bits: {first: 6, last: 6}}"),
        ]
        for (stage, old, new) in changes {
            let yaml = quickPipeline.replacingOccurrences(of: old, with: new)
            #expect(yaml != quickPipeline)
            let runner = try runner(yaml, folder)
            #expect(throws: PipelineError.self) { try runner.run(stage: stage) }
            #expect(try folder.bytes("build/quick/model.shrink") == model)
            #expect(try PipelineReport(contentsOf: results.report) == report)
            #expect(
                try PipelineReport(runner.file, folder: results).stages.count == 5,
                "reports of the stages")
        }
    }

    @Test func `tells which stages ran with other settings than the file has now`() throws {
        let folder = try TemporaryFolder()
        let report = try runPipeline(quickPipeline, in: folder)
        #expect(try runner(quickPipeline, folder).file.outdatedStages(of: report) == [])
        let yaml = quickPipeline.replacingOccurrences(
            of: "bits: {conv1: 6, default: 4}", with: "bits: {conv1: 6, default: 3}")
        #expect(
            try runner(yaml, folder).file.outdatedStages(of: report)
                == ["share", "quantize", "encode"])
    }

    @Test func `normalizes per channel in training, in checkpoints and in the engine`() throws {
        let folder = try TemporaryFolder()
        let yaml = """
            method: a test
            seed: 7
            data: {set: digits, validation: 100, normalization: per-channel}
            network: {architecture: digits-cnn}
            stages:
              train: {epochs: 3, batch-size: 32, learning-rate: 0.03, shift: 1, flip: true}
              quantize:
                weights: {bits: 8}
                activations: {bits: 8}
                train: {epochs: 1, learning-rate: 0.0001}
              encode: {coding: smallest}
            """
        let report = try runPipeline(yaml, in: folder)
        let source = try DataSetSource(named: "digits", fixtures: packageFolder + "/Fixtures")
        let expected = PixelNormalization(of: try source.load(.train, validationCount: 100))
        #expect(expected.mean[0] > 0.2)
        let test = try source.load(.test)
        for stage in ["train", "quantize"] {
            let path = "\(folder.path)/build/quick/\(stage)/checkpoint.safetensors"
            let model = try Model(contentsOf: path)
            guard case .checkpoint(_, let normalization, _) = model else {
                Issue.record("\(path) is no checkpoint")
                continue
            }
            #expect(normalization == expected)
            let reported = report.stages.first { $0.stage == stage }!.accuracy.top1
            #expect(try model.evaluate(on: test, threads: 1).evaluation.top1 == reported)
            #expect(reported > 0.5)
        }
        let model = try Container.read([UInt8](folder.bytes("build/quick/model.shrink")))
        #expect(model.input.mean == expected.mean)
        #expect(model.input.deviation == expected.deviation)
        #expect(try #require(report.engine).agreement >= 0.995)
    }

    @Test(arguments: [
        ("{}", "is {}, expected pixelScale, mean and deviation as JSON"),
        (
            #"{"pixelScale":1,"mean":[0,0],"deviation":[1]}"#,
            "2 means, 1 deviations, expected 1, one a channel"
        ),
        (
            #"{"pixelScale":1,"mean":[0],"deviation":[0]}"#,
            #"is {"pixelScale":1,"mean":[0],"deviation":[0]}, expected finite numbers and "#
                + "deviations above 0"
        ),
    ])
    func `refuses a checkpoint with a normalization that does not fit`(
        note: String, reason: String
    ) throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/x.safetensors"
        let network = try Network(
            name: "n", inputShape: [2, 2, 1], chain: [("flatten", Flatten())])
        try Checkpoint(network, notes: ["normalization": note]).write(to: path)
        #expect(
            throws: CheckpointError.badMetadata(
                path: path, field: "normalization", reason: reason)
        ) { try Model(contentsOf: path) }
    }

    @Test func `says what is wrong with a folder for results`() throws {
        let folder = try TemporaryFolder()
        _ = try folder.file("file", "")
        #expect(
            throws: PipelineError.noFolder(
                path: folder.path + "/file", reason: "File exists")
        ) { try runPipeline(quickPipeline, in: folder, build: "file") }
        // Nor is a report that can not be removed an error of Foundation's.
        let report = folder.path + "/build/quick/report.json"
        try FileManager.default.createDirectory(
            atPath: report, withIntermediateDirectories: true)
        #expect(throws: FileError(operation: .remove, path: report, code: EISDIR)) {
            try runPipeline(quickPipeline, in: folder)
        }
    }

    @Test func `that diverges says so and keeps what was there`() throws {
        let folder = try TemporaryFolder()
        let wild = quickPipeline.replacingOccurrences(
            of: "learning-rate: 0.03", with: "learning-rate: 100")
        #expect(throws: PipelineError.self) { try runPipeline(wild, in: folder) }
        do {
            try runPipeline(wild, in: folder)
        } catch PipelineError.diverged(let stage, _) {
            #expect(stage == "train")
        }
        let checkpoint = folder.path + "/build/quick/train/checkpoint.safetensors"
        #expect(!FileManager.default.fileExists(atPath: checkpoint))
    }

    @Test func `goes through with a layer that has nothing left`() throws {
        let folder = try TemporaryFolder()
        let yaml = quickPipeline.replacingOccurrences(
            of: "{conv1: 0.5, default: 0.1}", with: "{fc2: 0, default: 0.1}")
        let report = try runPipeline(yaml, in: folder)
        let (pruned, encoded) = (report.stages[1].layers, report.stages.last!.layers)
        #expect(encoded.last!.nonzero == 0)
        // Nobody reads the outputs of the others; one of each stays.
        for (pruned, encoded) in zip(pruned, encoded).dropLast() {
            #expect(encoded.nonzero < pruned.nonzero / 2 && encoded.weights == pruned.weights)
        }
    }

    private func weights(_ folder: TemporaryFolder, _ stage: String) throws -> [String: [Float]] {
        var network = try Checkpoint(
            contentsOf: folder.path + "/build/quick/\(stage)/checkpoint.safetensors",
            vocabulary: .pipeline
        ).network
        network.updateEffective()
        var result: [String: [Float]] = [:]
        network.visitParameters { name, parameter in
            if name.hasSuffix("weight") { result[name] = parameter.effective.elements }
        }
        return result
    }

    @Test func `gives the same file for any number of threads`() throws {
        let folder = try TemporaryFolder()
        try runPipeline(quickPipeline, in: folder, build: "one", threads: 1)
        try runPipeline(quickPipeline, in: folder, build: "two", threads: 2)
        for file in ["model.shrink", "share/checkpoint.safetensors"] {
            #expect(try folder.bytes("one/quick/\(file)") == folder.bytes("two/quick/\(file)"))
        }
    }

    @Test func `gives another file for another seed`() throws {
        let folder = try TemporaryFolder()
        let other = quickPipeline.replacingOccurrences(of: "seed: 7", with: "seed: 8")
        try runPipeline(quickPipeline, in: folder, build: "one")
        try runPipeline(other, in: folder, build: "two")
        #expect(
            try folder.bytes("one/quick/model.shrink") != folder.bytes("two/quick/model.shrink"))
    }

    @Test func `learns, and the engine agrees with the fake-quantized network`() throws {
        let folder = try TemporaryFolder()
        let report = try runPipeline(quickPipeline, in: folder)
        #expect(report.stages[0].accuracy.top1 > 0.9)
        let quantized = try #require(report.stages.first { $0.stage == "quantize" })
        let engine = try #require(report.engine)
        #expect(engine.top1 > 0.85)
        #expect(engine.agreement >= 0.995)
        #expect(abs(engine.top1 - quantized.accuracy.top1) <= 0.0021, "one image of 500")
    }

    /// The second convolution pads what the quantizer before it gives, which has no exact zero here.
    @Test(arguments: [3, 4])
    func `runs the same in the engine where padding is no exact zero`(configuration: Int) throws {
        let folder = try TemporaryFolder()
        let yaml = quickPipeline.replacingOccurrences(
            of: "activations: {bits: 6}",
            with: "activations: {bits: 3, configuration: \(configuration)}")
        let report = try runPipeline(yaml, in: folder)
        #expect(try #require(report.engine).agreement >= 0.995)
    }

    @Test(arguments: [
        "global-density: 0.08\n    floor: 0.02",
        "global-density: 0.08\n    floor: 0.02\n    rate: 0.7",
        "quality: 1.1",
    ])
    func `prunes by one threshold, or by deviations`(criterion: String) throws {
        let folder = try TemporaryFolder()
        let yaml = quickPipeline.replacingOccurrences(
            of: "density: {conv1: 0.5, default: 0.1}", with: criterion
        ).replacingOccurrences(
            of: "schedule: cubic\n    interval: 10", with: "schedule: iterative\n    steps: 3")
        let report = try runPipeline(yaml, in: folder)
        let layers = report.stages[1].layers
        let density =
            Double(layers.map(\.nonzero).reduce(0, +)) / Double(layers.map(\.weights).reduce(0, +))
        if criterion.hasPrefix("global") {
            #expect(abs(density - 0.08) < 0.001)
            #expect(layers.allSatisfy { $0.density >= 0.0199 })
        } else {
            #expect(density > 0.02 && density < 0.6)
        }
    }

    @Test func `sets first and last layer apart, and names a layer that is not there`() throws {
        let folder = try TemporaryFolder()
        let old = "weights: {bits: {conv1: 8, default: 5}}"
        let ends = quickPipeline.replacingOccurrences(
            of: old, with: "weights: {bits: {first: 8, last: 7, default: 3}}"
        ).replacingOccurrences(
            of: "activations: {bits: 6}", with: "activations: {bits: {first: 8, default: 6}}"
        ).replacingOccurrences(
            of: "share:\n    bits: {conv1: 6, default: 4}\n    train:",
            with: "prune-2:\n    density: {first: 0.5, default: 0.1}\n    train:")
        let layers = try runPipeline(ends, in: folder).stages.last!.layers
        #expect(layers.map(\.weightBits) == [8, 3, 3, 7])
        #expect(layers.map(\.activationBits) == [8, 6, 6, 6])
        let wrong = quickPipeline.replacingOccurrences(
            of: old, with: "weights: {bits: {conv9: 8, default: 5}}")
        #expect(
            throws: PipelineError.unknownLayer(
                file: folder.path + "/quick.yaml", stage: "quantize", key: "weights.bits",
                found: "conv9",
                known: ["conv1", "conv2", "fc1", "fc2", "first", "last", "default"])
        ) { try runPipeline(wrong, in: folder, build: "wrong") }
        let trained = folder.path + "/wrong/quick/train/checkpoint.safetensors"
        #expect(!FileManager.default.fileExists(atPath: trained), "it stopped at the first stage")
    }

    /// One image has a pixel that is brighter than all others.
    @Test func `spans all training pixels with the input's grid, however few images calibrate`()
        throws
    {
        let folder = try TemporaryFolder()
        var pixels = (0..<64 * 64).map { UInt8($0 % 90) }
        pixels[64 * 64 - 1] = 255
        try folder.writeImages(pixels, labels: (0..<64).map { UInt8($0 % 4) })
        let yaml = """
            seed: 1
            data: {set: \(folder.path)}
            network: {architecture: digits-cnn}
            stages:
              train: {epochs: 1, learning-rate: 0.001}
              quantize: {weights: {bits: 8}, activations: {bits: 6}, input: {bits: 8}, calibration: 2}
              encode:
            """
        try runPipeline(yaml, in: folder, source: DataSetSource(nameOrFolder: folder.path))
        let model = try Container.read([UInt8](folder.bytes("build/quick/model.shrink")))
        let scale = try #require(model.input.quantizer?.scale)
        #expect(abs(scale * 255 - 1) < 1e-5, "\(scale)")
    }

    /// As of a network for ImageNet where there are images of four classes.
    @Test func `takes data of some of the stated classes`() throws {
        let folder = try TemporaryFolder()
        let pixels = (0..<64 * 64).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        try folder.writeImages(pixels, labels: (0..<64).map { UInt8($0 % 4) })
        let names = (0..<300).map { "class \($0)" }
        let list = try folder.file("names.txt", names.joined(separator: "\n"))
        let yaml = """
            seed: 1
            data: {set: \(folder.path), classes: \(list)}
            network: {architecture: digits-cnn}
            stages:
              train: {epochs: 4, learning-rate: 0.02, batch-size: 16}
              quantize: {weights: {bits: 8}, activations: {bits: 8}}
              encode:
            """
        let report = try runPipeline(
            yaml, in: folder, source: DataSetSource(nameOrFolder: folder.path, classes: list))
        let model = try Model(contentsOf: folder.path + "/build/quick/model.shrink")
        guard case .packed(let packed) = model else { throw CocoaError(.fileReadUnknown) }
        #expect(packed.classNames == names)
        let set = try DataSetSource(nameOrFolder: folder.path).load(.test)
        #expect(set.classCount == 4)
        let top1 = try model.evaluate(on: set, threads: 1).evaluation.top1
        #expect(top1 == report.engine?.top1 && top1 > 0.2)
        let other = try DataSetSource(
            nameOrFolder: folder.path,
            classes: folder.file(
                "other.txt", (0..<4).map { "class \($0 * 2)" }.joined(separator: "\n")))
        let moved = try model.labelled(other.load(.test))
        #expect(moved.labels == set.labels.map { $0 * 2 })
        let path = folder.path + "/build/quick/quantize/checkpoint.safetensors"
        let checkpoint = try Model(contentsOf: path)
        #expect(try checkpoint.labelled(other.load(.test)).labels == moved.labels)
        #expect(try checkpoint.evaluate(on: set, threads: 1).evaluation.top1 == top1)
        // Names that are too few, or none.
        for note in ["[\"a\"]", "a,b"] {
            var file = try Safetensors(contentsOf: path)
            file.metadata["classes"] = note
            let damaged = folder.path + "/damaged.safetensors"
            try file.write(to: damaged)
            #expect(
                throws: CheckpointError.badMetadata(
                    path: damaged, field: "classes",
                    reason: "is \(note), expected 300 names as JSON, one a class")
            ) { try Model(contentsOf: damaged) }
        }
    }

    @Test func `measures all stages by the coding that the file has now`() throws {
        let folder = try TemporaryFolder()
        let huffman = quickPipeline.replacingOccurrences(
            of: "coding: smallest", with: "coding: deep-compression")
        let expected = try runPipeline(huffman, in: folder, build: "other")
        try runPipeline(quickPipeline, in: folder)
        let runner = try runner(huffman, folder)
        let path = runner.folder.report("prune")
        let date = try #require(
            FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date)
        try runner.run(stage: "encode")
        let found = try PipelineReport(contentsOf: runner.folder.report)
        #expect(found.stages.map(\.bytes) == expected.stages.map(\.bytes))
        #expect(found.stages.map(\.compressionRatio) == expected.stages.map(\.compressionRatio))
        #expect(found.stages.map(\.layers) == expected.stages.map(\.layers))
        let after = try #require(
            FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date)
        #expect(abs(after.timeIntervalSince(date)) < 0.001)
        // Without the checkpoint the sizes stay those that were measured.
        try FileManager.default.removeItem(atPath: runner.folder.checkpoint("prune"))
        try self.runner(quickPipeline, folder).run(stage: "encode")
        let rest = try PipelineReport(contentsOf: runner.folder.report)
        #expect(rest.stages[1].bytes == found.stages[1].bytes)
        #expect(rest.stages[2].bytes.stored < found.stages[2].bytes.stored)
    }

    // MARK: Unfinished trainings

    /// Leaves one of `prune` that is at its end and has pruned nothing.
    private func leavePartial(of runner: PipelineRunner, input: String?) throws {
        var file = try Safetensors(contentsOf: runner.folder.checkpoint("train"))
        file.metadata["key"] = runner.file.key(ofStage: 1)
        file.metadata["training"] = #"{"epoch":4,"step":0}"#
        file.metadata["input"] = input
        try FileManager.default.createDirectory(
            atPath: runner.folder.stage("prune"), withIntermediateDirectories: true)
        try file.write(to: runner.folder.partial("prune"))
    }

    /// Files of earlier versions do not say what they began with.
    @Test(arguments: [nil, "0123456789abcdef"])
    func `goes on only with a training that began with the network that is there`(
        input: String?
    ) throws {
        let folder = try TemporaryFolder()
        let runner = try runner(quickPipeline, folder)
        try runner.run(stage: "train")
        try leavePartial(of: runner, input: input)
        let report = try runner.run(stage: "prune")
        #expect(report.layers.allSatisfy { $0.density == 1 } == (input == nil))
    }

    @Test func `forgets unfinished trainings of later stages when a stage runs again`() throws {
        let folder = try TemporaryFolder()
        let runner = try runner(quickPipeline, folder)
        try runner.run(stage: "train")
        try leavePartial(of: runner, input: nil)
        try runner.run(stage: "train")
        #expect(!FileManager.default.fileExists(atPath: runner.folder.partial("prune")))
    }

    @Test func `freezes oscillating weights of at most four bits`() throws {
        let folder = try TemporaryFolder()
        let yaml = quickPipeline.replacingOccurrences(
            of: "weights: {bits: {conv1: 8, default: 5}}",
            with: "weights: {bits: {conv1: 8, conv2: 5, fc1: 4, fc2: 2}, "
                + "oscillations: {freeze: 0.001}}")
        try runPipeline(yaml, in: folder)
        var network = try Checkpoint(
            contentsOf: folder.path + "/build/quick/quantize/checkpoint.safetensors",
            vocabulary: .pipeline
        ).network
        var tracked: [String] = []
        network.visitParameters { name, parameter in
            if parameter.parametrization(WeightQuantizer.self)?.oscillations != nil {
                tracked.append(name)
            }
        }
        #expect(tracked == ["fc1.weight", "fc2.weight"])
    }

    @Test func `tells that an earlier stage has to run first, or again`() throws {
        let folder = try TemporaryFolder()
        let path = try folder.file("quick.yaml", quickPipeline)
        let results = PipelineFolder(build: folder.path, pipeline: "quick")
        func runner(_ path: String) throws -> PipelineRunner {
            try PipelineRunner(
                PipelineFile(path: path), folder: results,
                source: DataSetSource(named: "digits", fixtures: packageFolder + "/Fixtures"),
                display: ProgressDisplay(isSilent: true))
        }
        #expect(
            throws: PipelineError.missingInput(
                stage: "prune", path: results.checkpoint("train"), previous: "train")
        ) { try runner(path).run(stage: "prune") }
        try runner(path).run(stage: "train")
        let changed = try folder.file(
            "changed.yaml", quickPipeline.replacingOccurrences(of: "shift: 1", with: "shift: 2"))
        #expect(
            throws: PipelineError.outdatedInput(
                stage: "prune", path: results.checkpoint("train"), previous: "train")
        ) { try runner(changed).run(stage: "prune") }
    }

    @Test func `or other images in the place of those that it was trained on`() throws {
        let folder = try TemporaryFolder()
        func write(_ seed: Int) throws {
            try folder.writeImages(
                (0..<64 * 64).map { UInt8(truncatingIfNeeded: $0 &* seed) },
                labels: (0..<64).map { UInt8($0 % 4) })
        }
        try write(37)
        let file = try PipelineFile(
            path: folder.file(
                "images.yaml",
                """
                seed: 1
                data: {set: \(folder.path)}
                network: {architecture: digits-cnn}
                stages: {train: {epochs: 1, learning-rate: 0.01}, quantize: {weights: {bits: 8}, activations: {bits: 8}}}
                """))
        let results = PipelineFolder(build: folder.path + "/build", pipeline: "images")
        func run(stage: String) throws {
            try PipelineRunner(
                file, folder: results, source: DataSetSource(nameOrFolder: folder.path),
                display: ProgressDisplay(isSilent: true)
            ).run(stage: stage)
        }
        try run(stage: "train")
        try write(41)
        #expect(
            throws: PipelineError.otherData(
                stage: "quantize", path: results.checkpoint("train"), previous: "train",
                dataSet: folder.path)
        ) { try run(stage: "quantize") }
        try write(37)
        try run(stage: "quantize")
    }
}

@Suite struct `A pipeline on MNIST` {
    /// Runs where MNIST is in `Data/` or `$SHRINK_DATA`.
    @Test(
        .enabled(if: hasMNIST, "MNIST is neither in Data/ nor in $SHRINK_DATA"),
        arguments: ["lenet-300-100", "lenet-5"])
    func `ends in an engine that agrees with the fake-quantized network`(
        architecture: String
    ) throws {
        let folder = try TemporaryFolder()
        let yaml = """
            method: a test
            seed: 3
            data: {set: mnist, validation: 50000}
            network: {architecture: \(architecture)}
            stages:
              train: {epochs: 2, learning-rate: 0.05}
              prune:
                density: {conv1: 0.5, default: 0.1}
                train: {epochs: 1, learning-rate: 0.02}
              quantize:
                weights: {bits: 4}
                activations: {bits: 4, configuration: 4}
                input: {bits: 4}
                train: {epochs: 1, learning-rate: 0.005}
              encode: {coding: deep-compression}
            """.replacingOccurrences(
                of: "conv1: 0.5, ", with: architecture == "lenet-5" ? "conv1: 0.5, " : "")
        let report = try runPipeline(yaml, in: folder, threads: 2)
        let quantized = report.stages[2].accuracy.top1
        let engine = try #require(report.engine)
        #expect(quantized > 0.85)
        #expect(engine.agreement >= 0.995)
        #expect(abs(engine.top1 - quantized) <= 0.0005)
        #expect(report.stages[3].layers.allSatisfy { $0.coding == "deep-compression-5" })
    }
}
