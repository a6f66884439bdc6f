import ArgumentParser
import Foundation
import Importing
import Pipeline
import Training

struct SensitivityCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sensitivity",
        abstract: "Show what each layer costs when pruned or put into few bits by itself.",
        discussion: """
            Takes a checkpoint, changes one layer at a time, and measures the accuracy without any \
            retraining. Use it to choose densities and bits: layers whose accuracy falls first want \
            more of both. The images are the last ones of the training set, which a pipeline's \
            data.validation sets aside; the test set is not read.

            EXAMPLE
              shrink sensitivity build/lenet-5/train/checkpoint.safetensors \\
                --data mnist
              shrink sensitivity model.safetensors --data digits \\
                --sparsity 0.8 0.9 --bits 2 4 --json
            """)

    @Argument(help: "A checkpoint (.safetensors).")
    var checkpoint: String

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

    @Option(
        help: """
            How many of the last training samples to measure on. (default: as many as the pipeline \
            of the checkpoint has set aside, or 1000 of those that it was trained on)
            """)
    var validation: Int?

    @Option(parsing: .upToNextOption, help: "Shares of a layer's weights to prune, 0...1.")
    var sparsity = Sensitivity.usualSparsities

    @Option(parsing: .upToNextOption, help: "Bits of a layer's weights, 2...8.")
    var bits = Sensitivity.usualBits

    @Option(help: "Threads to work on. (default: all cores)")
    var threads: Int?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        if let validation, validation < 1 { throw ValidationError("--validation wants at least 1") }
        if let wrong = sparsity.first(where: { !(0...1).contains($0) }) {
            throw ValidationError("--sparsity wants shares in 0...1, not \(wrong)")
        }
        if let wrong = bits.first(where: { !(2...8).contains($0) }) {
            throw ValidationError("--bits wants numbers in 2...8, not \(wrong)")
        }
        if let threads, threads < 1 {
            throw ValidationError("--threads wants at least 1, not \(threads)")
        }
    }

    /// The validation images of the checkpoint's pipeline: the others it was trained on.
    private func setAside() throws -> Int? {
        guard let count = try? Checkpoint.validationCount(path: checkpoint), count > 0 else {
            return nil
        }
        return count
    }

    func run() throws {
        let display = ProgressDisplay()
        let model = try Model(contentsOf: checkpoint)
        let all = try DataSetSource(nameOrFolder: data, classes: classes)
            .load(.train, for: model.inputShape)
        let setAside = try setAside()
        let count = validation ?? setAside ?? min(1000, all.count)
        guard count <= all.count else {
            throw DataSetError.invalidValidationCount(
                dataSet: all.name, found: count, sampleCount: all.count)
        }
        let sensitivity = try model.sensitivity(
            path: checkpoint, on: all.subset(all.count - count..<all.count),
            split: count <= setAside ?? 0 ? .validation : .train, sparsities: sparsity, bits: bits,
            threads: threads ?? ProcessInfo.processInfo.activeProcessorCount
        ) { layer, count, name in
            display.line("layer \(layer) of \(count): \(name)")
        }
        display.clear()
        if json {
            print(try jsonText(sensitivity), terminator: "")
        } else {
            print(sensitivity.text(usesColor: Terminal.usesColor), terminator: "")
        }
    }
}
