import ArgumentParser
import Foundation
import Pipeline

/// What every command that works on a pipeline takes.
struct PipelineOptions: ParsableArguments {
    @Argument(help: "The pipeline file, such as Pipelines/digits.yaml.")
    var pipeline: String

    @Option(
        help: "A seed in the place of the file's. Results go to build/PIPELINE-seedN.")
    var seed: UInt64?

    @Option(help: "The folder for results.")
    var build = "build"

    func file() throws -> PipelineFile { try PipelineFile(path: pipeline, seed: seed) }

    func folder(_ file: PipelineFile) -> PipelineFolder {
        PipelineFolder(build: build, pipeline: file.name, seed: seed)
    }
}

struct StageOptions: ParsableArguments {
    @OptionGroup var pipeline: PipelineOptions

    @Option(help: "The stage by its name, where the pipeline has several of this kind.")
    var stage: String?

    @Option(help: "Threads to work on. Results do not depend on it. (default: all cores)")
    var threads: Int?

    @Option(help: "Save a training in the middle when this many seconds have passed.")
    var saveInterval = 10.0

    func validate() throws {
        if !(0...1e9).contains(saveInterval) {
            throw ValidationError("--save-interval wants 0 to 1e9 seconds, not \(saveInterval)")
        }
        if let threads, threads < 1 {
            throw ValidationError("--threads wants at least 1, not \(threads)")
        }
    }

    /// Runs the stage of a kind.
    func run(_ kind: StageKind) throws {
        let file = try pipeline.file()
        let name = try stage ?? onlyStage(of: kind, in: file)
        let index = try file.stageIndex(named: name)
        guard file.stages[index].kind == kind else {
            throw CommandError(
                "\(file.path): stage '\(name)' is a \(file.stages[index].kind) stage, not \(kind)")
        }
        let runner = try PipelineRunner(
            file, folder: pipeline.folder(file),
            threads: threads ?? ProcessInfo.processInfo.activeProcessorCount,
            saveInterval: .seconds(saveInterval))
        try runner.run(stage: name)
    }

    private func onlyStage(of kind: StageKind, in file: PipelineFile) throws -> String {
        let names = file.stages.filter { $0.kind == kind }.map(\.name)
        if names.count > 1 {
            throw CommandError(
                "\(file.path) has several \(kind) stages: name one with --stage "
                    + "(\(names.joined(separator: ", ")))")
        }
        return names.first ?? kind.rawValue
    }
}

private func discussion(
    _ word: String, reads: String = "the checkpoint of the stage before it",
    pipeline: String = "Pipelines/lenet-300-100.yaml"
) -> String {
    """
    Reads \(reads) and leaves a checkpoint and a report in build/PIPELINE/STAGE. When killed, it \
    goes on from its last saved epoch.

    EXAMPLE
      shrink \(word) \(pipeline)
      shrink \(word) \(pipeline) --seed 2
    """
}

struct Train: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Train the network in floats.",
        discussion: discussion("train", reads: "the data and the pipeline file"))
    @OptionGroup var options: StageOptions
    func run() throws { try options.run(.train) }
}

struct Factorize: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Replace layers by products of two smaller ones, and train those.",
        discussion: discussion("factorize", pipeline: "factorized.yaml"))
    @OptionGroup var options: StageOptions
    func run() throws { try options.run(.factorize) }
}

struct Prune: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Set small weights to zero and retrain the others.",
        discussion: discussion("prune"))
    @OptionGroup var options: StageOptions
    func run() throws { try options.run(.prune) }
}

struct Share: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let the weights of a layer share a few values, and train those.",
        discussion: discussion("share"))
    @OptionGroup var options: StageOptions
    func run() throws { try options.run(.share) }
}

struct Quantize: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put weights and activations on integer grids with learned steps.",
        discussion: """
            Without 'train' in its settings the stage calibrates grids on some training images, \
            without their labels; 'equalization' and 'bias-correction' may be added then.

            """ + discussion("quantize"))
    @OptionGroup var options: StageOptions
    func run() throws { try options.run(.quantize) }
}

struct Encode: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write the quantized network as one entropy-coded file, and check it.",
        discussion: """
            Converts the network to what a file holds, writes build/PIPELINE/model.shrink, reads \
            it back, and runs it in the engine on the test set.

            EXAMPLE
              shrink encode Pipelines/digits.yaml
            """)
    @OptionGroup var options: StageOptions
    func run() throws { try options.run(.encode) }
}
