import ArgumentParser
import Exporting
import Pipeline

struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a checkpoint or a .shrink file as ONNX.",
        discussion: """
            Quantized weights and activations stay quantized, as QuantizeLinear and DequantizeLinear \
            (QDQ), and weights in half precision stay so, behind a Cast; a network without quantizers \
            becomes a float model, with pruned and shared weights as they are. The model reads \
            normalized images [batch, channels, height, width]; its metadata say how pixels are \
            normalized. Run models in dynamic range one image at a time: \
            ONNX puts all images of a batch on one grid. On x86 processors without VNNI, ONNX Runtime lets \
            sums of 8-bit products saturate unless its session option session.x64quantprecision is 1.

            EXAMPLE
              shrink export build/digits/model.shrink --output digits.onnx
              shrink export build/lenet-5/prune/checkpoint.safetensors \\
                -o lenet-5.onnx
            """)

    @Argument(help: "A checkpoint (.safetensors) or a .shrink file.")
    var model: String

    @Option(name: .shortAndLong, help: "The ONNX file to write.")
    var output: OutputFile

    func validate() throws { try output.validate() }

    func run() throws {
        try output.requireOther(than: model)
        let export = try ONNXExport(contentsOf: model)
        try export.write(to: output.path)
        print("\(output): \(export.summary)")
    }
}
