import Exporting
import Importing

extension ONNXExport {
    /// A checkpoint or a `.shrink` file.
    /// - Throws: `ONNXExportError` for what ONNX has no operation for; errors of reading the file.
    public init(contentsOf path: String) throws {
        switch try Model(contentsOf: path) {
        case .checkpoint(let network, let normalization, _):
            let metadata = normalization.map {
                ONNXExport.metadata(
                    pixelScale: $0.pixelScale, mean: $0.mean, deviation: $0.deviation)
            }
            try self.init(network, metadata: metadata ?? [:])
        case .packed(let model): try self.init(model)
        }
    }
}
