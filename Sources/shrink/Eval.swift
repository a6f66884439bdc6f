import ArgumentParser
import Foundation
import Importing
import Pipeline

struct Eval: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure a model's accuracy on a data set.",
        discussion: """
            Takes a checkpoint, which runs in floats, or a .shrink file, which runs in the engine.

            EXAMPLE
              shrink eval build/digits/model.shrink --data digits
              shrink eval build/lenet-5/prune/checkpoint.safetensors \\
                --data Data/mnist --json
            """)

    @Argument(help: "A checkpoint (.safetensors) or a .shrink file.")
    var model: String

    @Option(
        help: """
            A folder with the data set's files (IDX, CIFAR-10, .npy, or pictures in train/CLASS and \
            test/CLASS), a .npz archive, or a known name: digits, mnist, fashion-mnist, cifar-10.
            """)
    var data: String

    @Option(
        help: """
            How many classes the data have, or a text file with their names, one a line in the order of \
            the labels, as data.classes of the pipeline states them. (default: as the files say)
            """)
    var classes: String?

    @Option(help: "Which part: train, validation or test.")
    var split: Split = .test

    @Option(help: "How many of the last training samples are the validation part.")
    var validation = 0

    @Option(help: "Threads to work on.")
    var threads = 1

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        if threads < 1 { throw ValidationError("--threads wants at least 1, not \(threads)") }
        if validation < 0 { throw ValidationError("--validation wants 0 or more") }
    }

    func run() throws {
        let model = try Model(contentsOf: self.model)
        let set = try DataSetSource(nameOrFolder: data, classes: classes)
            .load(split, validationCount: validation, for: model.inputShape)
        guard set.count > 0 else {
            throw CommandError("\(set.name): the \(split.rawValue) part is empty; see --validation")
        }
        let (evaluation, seconds) = try Model.naming(self.model) {
            try model.evaluate(on: set, threads: threads)
        }
        let result = Result(
            model: self.model, data: set.name, split: split.rawValue, count: set.count,
            correct: evaluation.correct, top1: evaluation.top1,
            microsecondsPerSample: seconds / Double(set.count) * 1e6)
        if json {
            print(try jsonText(result), terminator: "")
        } else {
            print(
                """
                \(result.data) \(result.split): \(result.correct) of \(result.count) right, \
                accuracy \(String(format: "%.2f %%", 100 * result.top1)), \
                \(String(format: "%.1f", result.microsecondsPerSample)) µs a sample
                """)
        }
    }

    private struct Result: Codable {
        var model, data, split: String
        var count, correct: Int
        var top1, microsecondsPerSample: Double
    }
}

extension Split: ExpressibleByArgument {}
