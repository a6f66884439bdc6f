import ArgumentParser
import Foundation
import Importing
import Networks
import Pipeline

struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Turn an ONNX file into a checkpoint.",
        discussion: """
            Reads classification networks as PyTorch's exporters write them (opset 13 or later, \
            weights in the file or beside it). The checkpoint remembers how pixels are normalized, \
            which files of 'shrink export' say in their metadata; for others --mean and --deviation \
            state it, one number a channel or one for all: (pixel · scale − mean) / deviation. \
            Without, pixels are scaled to 0...1. LogSoftmax and ArgMax at the end are left out, with \
            a note. A pipeline can also start from the ONNX file itself: \
            'network: {onnx: model.onnx}'. Quantized exports (QDQ) can not be imported again.

            EXAMPLE
              shrink import resnet18.onnx --output resnet18.safetensors
              shrink import mobilenet.onnx -o build/mobilenet.safetensors \\
                --mean 0.485 0.456 0.406 --deviation 0.229 0.224 0.225
            """)

    @Argument(help: "An ONNX file.")
    var model: String

    @Option(name: .shortAndLong, help: "The checkpoint to write.")
    var output: OutputFile

    @Option(
        parsing: .upToNextOption, help: "What is taken off scaled pixels, one number a channel.")
    var mean: [Float] = []

    @Option(parsing: .upToNextOption, help: "What they are divided by then, one number a channel.")
    var deviation: [Float] = []

    @Option(help: "What pixels are multiplied by, with --mean and --deviation. (default: 1/255)")
    var pixelScale: Float?

    func validate() throws {
        try output.validate()
        guard mean.count == deviation.count else {
            throw ValidationError(
                "--mean and --deviation want as many numbers, not \(mean.count) and "
                    + "\(deviation.count)")
        }
        if let wrong = deviation.first(where: { !($0 > 0 && $0.isFinite) }) {
            throw ValidationError("--deviation wants numbers above 0, not \(wrong)")
        }
        if let wrong = mean.first(where: { !$0.isFinite }) {
            throw ValidationError("--mean wants numbers, not \(wrong)")
        }
        guard let pixelScale else { return }
        guard pixelScale > 0, pixelScale.isFinite, !mean.isEmpty else {
            throw ValidationError(
                "--pixel-scale wants a number above 0, and --mean and --deviation beside it")
        }
    }

    private var normalization: PixelNormalization? {
        mean.isEmpty
            ? nil
            : PixelNormalization(
                pixelScale: pixelScale ?? 1 / 255, mean: mean, deviation: deviation)
    }

    func run() throws {
        for file in [model] + Network.externalFiles(ofONNX: model) {
            try output.requireOther(than: file)
        }
        let imported = try NetworkImport(onnx: model, normalization: normalization)
        for note in imported.notes { FileHandle.standardError.write(Data("\(note)\n".utf8)) }
        try imported.write(to: output.path)
        print("\(output): \(imported.summary)")
    }
}
