import Foundation
import Networks
import Pipeline
import Testing

@Suite struct `A pipeline file` {
    private func error(_ yaml: String) throws -> String? {
        let folder = try TemporaryFolder()
        let path = try folder.file("x.yaml", yaml)
        do {
            _ = try PipelineFile(path: path)
            return nil
        } catch {
            return "\(error)".replacingOccurrences(of: folder.path + "/", with: "")
        }
    }

    /// `quickPipeline` with one thing changed.
    private func changed(_ old: String, _ new: String) -> String {
        precondition(quickPipeline.contains(old))
        return quickPipeline.replacingOccurrences(of: old, with: new)
    }

    @Test func `that is right has its stages in order`() throws {
        let folder = try TemporaryFolder()
        let file = try PipelineFile(path: folder.file("x.yaml", quickPipeline))
        #expect(file.name == "x" && file.seed == 7)
        #expect(file.stages.map(\.name) == ["train", "prune", "share", "quantize", "encode"])
        #expect(try PipelineFile(path: folder.path + "/x.yaml", seed: 9).seed == 9)
    }

    @Test(arguments: ["dorefa", "ewgs"])
    func `with a rate for weights without steps says so`(method: String) throws {
        let quantize = changed("weights: {bits:", "weights: {method: \(method), bits:")
            .replacingOccurrences(
                of: "activations: {bits: 6}", with: "activations: {bits: 6}\n    rate: 0.1")
        #expect(
            try error(quantize)
                == "x.yaml:18: stages.quantize.rate is '0.1', expected nothing, since \(method) has "
                + "no such choice")
    }

    @Test func `with two terms in the gradient says so`() throws {
        let quantize = changed(
            "weights: {bits:", "weights: {method: ewgs, discretization: gradient, bits:")
        #expect(
            try error(quantize)
                == "x.yaml:16: stages.quantize.weights.discretization is 'gradient', expected off or "
                + "loss; delta is the term in the gradient")
    }

    @Test func `with a rate beside thresholds of magnitudes says so`() throws {
        #expect(
            try error(
                changed(
                    "density: {conv1: 0.5, default: 0.1}", "quality: 0.5\n    rate: 0.7"))
                == "x.yaml:9: stages.prune.rate is '0.7', expected nothing, since thresholds are "
                + "magnitudes with quality")
    }

    @Test func `with a key that is not known gets a list of those that are, with file and line`()
        throws
    {
        #expect(
            try error(changed("schedule: cubic", "scedule: cubic"))
                == "x.yaml:9: unknown key 'scedule' in stages.prune; known: density, "
                + "global-density, allocation, floor, dense, quality, schedule, interval, steps, "
                + "ramp, regrow, rate, batch-norm-batches, train")
        #expect(
            try error(changed("shift: 1", "shfit: 1"))?.hasPrefix(
                "x.yaml:6: unknown key 'shfit' in stages.train; known: epochs,") == true)
        #expect(
            try error(changed("seed: 7", "seed: 7\nsead: 8"))
                == "x.yaml:3: unknown key 'sead'; known: method, seed, data, network, stages")
        #expect(
            try error(changed("  encode:", "  encrypt:"))
                == "x.yaml:19: unknown key 'encrypt' in stages; known: train, factorize, prune, "
                + "share, quantize, encode")
    }

    @Test(arguments: [
        (
            "epochs: 4, batch-size: 32, learning-rate: 0.03", "batch-size: 32, learning-rate: 0.03",
            "x.yaml:6: key 'epochs' is missing in stages.train"
        ),
        (
            "epochs: 4, batch-size: 32, learning-rate: 0.03", "epochs: four",
            "x.yaml:6: stages.train.epochs is 'four', expected a whole number in 0...100000"
        ),
        (
            "activations: {bits: 6}", "activations: {bits: 9}",
            "x.yaml:17: stages.quantize.activations.bits is '9', expected a whole number in 2...8"
        ),
        (
            "interval: 10", "steps: 3",
            "x.yaml:10: stages.prune.steps is '3', expected nothing, since it belongs to schedule: "
                + "iterative"
        ),
        (
            "epochs: 4, batch-size: 32", "epochs: 4, optimizer: adam, nesterov: true",
            "x.yaml:6: stages.train.nesterov is 'true', expected nothing, since it belongs to "
                + "optimizer: sgd"
        ),
        (
            "epochs: 4, batch-size: 32", "epochs: 4, schedule: {at: [0.9, 0.5]}",
            "x.yaml:6: stages.train.schedule.at[1] is '0.5', expected a number in 0.9...1.0"
        ),
        (
            "schedule: cubic", "schedule: square",
            "x.yaml:9: stages.prune.schedule is 'square', expected one of one-shot, iterative, cubic"
        ),
        (
            "architecture: digits-cnn", "architecture: digits",
            "x.yaml:4: network.architecture is 'digits', expected one of "
                + Architecture.allCases.map(\.rawValue).joined(separator: ", ")
        ),
        (
            "architecture: digits-cnn", "architecture: resnet-20, width: 0",
            "x.yaml:4: network.width is '0', expected a number in 0.01...16.0"
        ),
        (
            "architecture: digits-cnn", "architecture: resnet-18, stem: small",
            "x.yaml:4: network.stem is 'small', expected one of imagenet, cifar"
        ),
        (
            "architecture: digits-cnn", "architecture: resnet-20, activation: tanh",
            "x.yaml:4: network.activation is 'tanh', expected one of relu, relu6, silu, hard-swish"
        ),
        ("seed: 7", "seed: 7\nseed: 8", "x.yaml:3: key 'seed' stands twice"),
        (
            "density: {conv1: 0.5, default: 0.1}", "floor: 0.1",
            "x.yaml:7: stages.prune has none of density, global-density and quality, expected one "
                + "of them"
        ),
        (
            "density: {conv1: 0.5, default: 0.1}", "density: 0.1\n    quality: 1",
            "x.yaml:7: stages.prune has both density and quality, expected only one of them"
        ),
    ])
    func `with a wrong value says where, what and what was expected`(
        old: String, new: String, message: String
    ) throws {
        let found = try error(changed(old, new))
        // YAML itself refuses a key that stands twice.
        if message.hasSuffix("twice") {
            #expect(found?.contains("seed") == true)
        } else {
            #expect(found == message)
        }
    }

    private static let normalizationErrors: [(String, String)] = [
        (
            "normalization: channels",
            "x.yaml:3: data.normalization is 'channels', expected one of scale, per-channel, "
                + "{mean: [...], deviation: [...]}"
        ),
        (
            "normalization: {mean: [0.5]}",
            "x.yaml:3: key 'deviation' is missing in data.normalization"
        ),
        (
            "normalization: {mean: [0.5], deviation: [1, 2]}",
            "x.yaml:3: data.normalization is a mapping, expected as many means as deviations, one a "
                + "channel"
        ),
        (
            "normalization: {mean: [0.5], deviation: [0]}",
            "x.yaml:3: data.normalization.deviation[0] is '0', expected a number in 1e-06...1000.0"
        ),
    ]

    @Test(arguments: normalizationErrors)
    func `with a normalization that makes no sense says so`(new: String, message: String) throws {
        #expect(try error(changed("validation: 100", new)) == message)
    }

    private static let quantizerErrors: [(String, String, String)] = [
        (
            "activations: {bits: 6}", "activations: {bits: 6, method: lqs}",
            "x.yaml:17: stages.quantize.activations.method is 'lqs', expected one of lsq, lsq+, "
                + "llsq, lg-lsq, ewgs, pact, dorefa"
        ),
        (
            "bits: {conv1: 8, default: 5}", "bits: 5, method: pact",
            "x.yaml:16: stages.quantize.weights.method is 'pact', expected one of lsq, lsq+, llsq, "
                + "lg-lsq, ewgs, dorefa"
        ),
        (
            "bits: {conv1: 8, default: 5}", "bits: 5, method: dorefa, step-gradient: ssg",
            "x.yaml:16: stages.quantize.weights.step-gradient is 'ssg', expected nothing, since "
                + "dorefa has no such choice"
        ),
        (
            "bits: {conv1: 8, default: 5}", "bits: 5, delta: 0.1",
            "x.yaml:16: stages.quantize.weights.delta is '0.1', expected nothing, since lsq+ has no "
                + "such choice"
        ),
        (
            "activations: {bits: 6}", "activations: {bits: 6, discretization: loss}",
            "x.yaml:17: stages.quantize.activations.discretization is 'loss', expected off or "
                + "gradient; the term of the loss is for weights"
        ),
        (
            "activations: {bits: 6}", "activations: {bits: 6, probe: {ratio: 2}}",
            "x.yaml:17: stages.quantize.activations.probe is a mapping, expected nothing, since only "
                + "simulated step gradients probe"
        ),
        (
            "bits: {conv1: 8, default: 5}", "bits: 5, rounding: {slope: {from: 1}}",
            "x.yaml:16: key 'to' is missing in stages.quantize.weights.rounding.slope"
        ),
        (
            "bits: {conv1: 8, default: 5}", "bits: 5, oscillations: {momentum: 0.1}",
            "x.yaml:16: key 'freeze' is missing in stages.quantize.weights.oscillations"
        ),
    ]

    @Test(arguments: quantizerErrors)
    func `with a choice that a quantizer does not have says so`(
        old: String, new: String, message: String
    ) throws {
        #expect(try error(changed(old, new)) == message)
    }

    @Test(arguments: [
        ("bits: {conv1: 8, default: 5}", "bits: 5, rounding: arctangent", "weights.rounding"),
        (
            "bits: {conv1: 8, default: 5}", "bits: 5, oscillations: {freeze: 0.1}",
            "weights.oscillations"
        ),
        (
            "activations: {bits: 6}", "activations: {bits: 6, gradient-scale: features}",
            "activations.gradient-scale"
        ),
        ("activations: {bits: 6}", "activations: {bits: 6}\n    rate: 0.1", "rate"),
        (
            "activations: {bits: 6}", "activations: {bits: 6}\n    input: {learned: true}",
            "input.learned"
        ),
    ])
    func `with a choice for training in a stage without says so`(
        old: String, new: String, path: String
    ) throws {
        let trained = changed(old, new)
        #expect(try error(trained) == nil)
        let untrained = trained.replacingOccurrences(
            of: "    train: {epochs: 2, learning-rate: 0.001}\n  encode", with: "  encode")
        let message = try #require(try error(untrained))
        #expect(message.contains(": stages.quantize.\(path) is "))
        #expect(message.hasSuffix("expected nothing, since the stage does not train"))
    }

    @Test func `whose positions have bits that no coding reads is refused`() throws {
        let message = try error(changed("encode: {coding: smallest}", "encode: {index-bits: 8}"))
        #expect(
            message?.hasSuffix(
                "stages.encode.index-bits is '8', expected nothing, since it belongs to coding: "
                    + "deep-compression") == true)
    }

    @Test func `whose stages are in the wrong order is refused`() throws {
        let encodeFirst = changed("  encode: {coding: smallest}", "").replacingOccurrences(
            of: "  share:", with: "  encode: {}\n  share:")
        #expect(
            try error(encodeFirst)?.contains("the stage before it has to be 'quantize'") == true)
        let twice = quickPipeline.replacingOccurrences(
            of: "  encode:",
            with: "  share-2: {bits: 4}\n  encode:")
        #expect(try error(twice)?.contains("comes behind 'quantize'") == true)
        let late = quickPipeline.replacingOccurrences(
            of: "  encode:", with: "  factorize: {layers: {fc1: {rank: 4}}}\n  encode:")
        #expect(try error(late)?.contains("comes behind 'prune'") == true)
        let ownTeacher = quickPipeline.replacingOccurrences(
            of: "learning-rate: 0.03, shift: 1", with: "learning-rate: 0.03, distillation: 1")
        #expect(try error(ownTeacher)?.contains("no distillation here") == true)
        let untrained = quickPipeline.replacingOccurrences(
            of: #"  train: {epochs: 4, batch-size: 32, learning-rate: 0.03, shift: 1}"# + "\n",
            with: "")
        #expect(try error(untrained)?.contains("the first stage has to be 'train'") == true)
    }

    @Test(arguments: ["", "- 1\n- 2", "a: [1, 2", "\u{0}\u{1}", "seed: 1", "stages: 3"])
    func `that is no pipeline is refused`(yaml: String) throws {
        #expect(try error(yaml)?.hasPrefix("x.yaml") == true)
    }

    @Test func `with a block below an unknown key gets the line of the key`() throws {
        #expect(
            try error(changed("  prune:", "  pruen:"))?.hasPrefix("x.yaml:7: unknown key 'pruen'")
                == true)
    }

    /// All that come with the project.
    static let shipped = try! ["Benchmarks", "Pipelines"].flatMap { folder in
        try FileManager.default.contentsOfDirectory(atPath: "\(packageFolder)/\(folder)")
            .filter { $0.hasSuffix(".yaml") }.sorted().map { "\(folder)/\($0)" }
    }

    @Test(arguments: shipped) func `that comes with the project is right`(name: String) throws {
        let file = try PipelineFile(path: packageFolder + "/" + name)
        #expect(file.stages.first?.kind == .train && file.stages.last?.kind == .encode)
        #expect(file.method.count > 40)
    }

    @Test func `needs no method, and no value where nothing is set`() throws {
        let folder = try TemporaryFolder()
        let yaml = changed("method: a test\n", "")
            .replacingOccurrences(of: "encode: {coding: smallest}", with: "encode:")
        let file = try PipelineFile(path: folder.file("x.yaml", yaml))
        #expect(file.method == "x" && file.stages.last?.kind == .encode)
        #expect(
            try error(
                changed(
                    "train: {epochs: 4, batch-size: 32, learning-rate: 0.03, shift: 1}", "train:"))
                == "x.yaml:6: key 'epochs' is missing in stages.train")
    }

    /// The smallest one of the documentation is a whole one.
    @Test func `of the documentation runs`() throws {
        let text = try String(
            contentsOfFile: packageFolder + "/Sources/Pipeline/Pipeline.docc/PipelineFiles.md",
            encoding: .utf8)
        let begin = try #require(text.range(of: "The smallest file:\n\n"))
        let block = text[begin.upperBound...].components(separatedBy: "\n\n")[0]
        let yaml = block.split(separator: "\n").map { $0.dropFirst(4) }.joined(separator: "\n")
        let report = try runPipeline(yaml, in: TemporaryFolder())
        #expect(report.stages.last?.engine != nil)
    }

    @Test func `that is not there is named`() {
        #expect(throws: PipelineFileError.self) { try PipelineFile(path: "/no/such.yaml") }
    }

    @Test func `with a tab in front of a line names it`() throws {
        #expect(
            try error(changed("  encode:", "\tencode:"))
                == "x.yaml:19: a tab in front of the text, expected spaces")
    }
}
