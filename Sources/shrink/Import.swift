import ArgumentParser
import Pipeline

struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Turn an ONNX file into a checkpoint.",
        discussion: """
            Reads classification networks as PyTorch's exporters write them (opset 13 or later, \
            weights in the file or beside it). A pipeline can also start from the ONNX file itself: \
            'network: {onnx: model.onnx}'.

            EXAMPLE
              shrink import resnet18.onnx --output resnet18.safetensors
              shrink import mobilenet.onnx -o build/mobilenet.safetensors
            """)

    @Argument(help: "An ONNX file.")
    var model: String

    @Option(name: .shortAndLong, help: "The checkpoint to write.")
    var output: String

    func run() throws {
        let imported = try NetworkImport(onnx: model)
        try imported.write(to: output)
        print("\(output): \(imported.summary)")
    }
}
