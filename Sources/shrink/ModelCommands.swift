import ArgumentParser
import Foundation
import Pipeline

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show where the bytes of a .shrink file are and how the engine runs it.",
        discussion: """
            For each tensor: coding mode, bytes, bits a nonzero weight, the entropy bound, and the \
            kernel that the engine chose; what becomes of pixels before the network reads them; and \
            the names of the classes. Of an ONNX file or a checkpoint: its layers with their names, \
            which pipeline files take, kinds and shapes.

            EXAMPLE
              shrink inspect build/digits/model.shrink
              shrink inspect --json build/digits/model.shrink
              shrink inspect resnet18.onnx
            """)

    @Argument(help: "A .shrink file, an ONNX file (.onnx) or a checkpoint (.safetensors).")
    var model: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        if model.lowercased().hasSuffix(".onnx") {
            let inspection = try NetworkInspection(onnx: model)
            return try show(inspection, inspection.text)
        }
        do {
            let inspection = try Inspection(contentsOf: model)
            try show(inspection, inspection.text)
        } catch PipelineError.notEncoded {
            let inspection = try NetworkInspection(checkpoint: model)
            try show(inspection, inspection.text)
        }
    }

    private func show(_ inspection: some Encodable, _ text: (Bool) -> String) throws {
        print(
            json ? try jsonText(inspection) : text(Terminal.usesColor) + "\n", terminator: "")
    }
}

struct Decode: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Turn a .shrink file back into plain tensors (safetensors).",
        discussion: """
            Writes weights and biases in floats, with the names and the layout of PyTorch; batch \
            normalization is part of the weights, and channels have the order of the file: those that \
            nobody reads are gone, and the others sorted by how many weights they have. With \
            --integers also the codes (NAME.codes) and their scales (NAME.scale).

            EXAMPLE
              shrink decode build/digits/model.shrink --output digits.safetensors
              shrink decode build/digits/model.shrink --integers -o digits.safetensors
            """)

    @Argument(help: "A .shrink file.")
    var model: String

    @Option(name: .shortAndLong, help: "The file to write.")
    var output: OutputFile

    @Flag(help: "Write the integers and their scales, too.")
    var integers = false

    func validate() throws { try output.validate() }

    func run() throws {
        try output.requireOther(than: model)
        guard case .packed(let model) = try Model(contentsOf: self.model) else {
            throw PipelineError.notEncoded(path: self.model)
        }
        let file = model.decoded(integers: integers)
        try file.write(to: output.path)
        print("\(output): \(file.tensors.count) tensors")
    }
}

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Classify images with a .shrink file in the engine.",
        discussion: """
            Reads images and prints for each its number, or its file's name, its class and the logit of \
            it. Pictures (PNG, JPEG) have the size that the network reads; grey ones have three \
            equal channels for a network that reads three. A .npy file holds uint8 pixels, or \
            float32 numbers that are pixels times the network's pixel scale ('shrink inspect' shows \
            it), so 0 to 1 for pictures; its shape is [count, height, width], or has the channels \
            behind the count or at the end.

            EXAMPLE
              shrink run build/digits/model.shrink \\
                --input Fixtures/digits/digits-images-idx3-ubyte.gz
              shrink run build/digits/model.shrink --input digits.npy
              shrink run model.shrink --input cat.jpg --top 5
              shrink run model.shrink --input photos/ --json
            """)

    @Argument(help: "A .shrink file.")
    var model: String

    @Option(
        name: .shortAndLong,
        help: "A picture, a folder of pictures, or an IDX or .npy file of images.")
    var input: String

    @Option(help: "How many images, from the first. (default: all)")
    var limit: Int?

    @Option(help: "How many classes of an image to print, those with the largest logits first.")
    var top = 1

    @Option(help: "Threads to work on.")
    var threads = 1

    @Flag(help: "Print JSON: all logits of each image.")
    var json = false

    func validate() throws {
        if threads < 1 { throw ValidationError("--threads wants at least 1, not \(threads)") }
        if let limit, limit < 1 { throw ValidationError("--limit wants at least 1, not \(limit)") }
        if top < 1 { throw ValidationError("--top wants at least 1, not \(top)") }
    }

    func run() throws {
        guard case .packed(let model) = try Model(contentsOf: self.model) else {
            throw PipelineError.notEncoded(path: self.model)
        }
        let results = try Model.naming(self.model) {
            try model.classify(imagesOf: input, limit: limit, threads: threads)
        }
        if json { return print(try jsonText(results), terminator: "") }
        for result in results {
            let classes = result.best(top).flatMap {
                [model.name(ofClass: $0), String(format: "%.3f", result.logits[$0])]
            }
            // A file's name may hold anything; a line stays a line, and its columns columns.
            let file = result.file.map {
                String($0.map { $0.isNewline || $0 == "\t" ? "?" : $0 })
            }
            print(([file ?? "\(result.index)"] + classes).joined(separator: "\t"))
        }
    }
}
