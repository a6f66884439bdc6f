import Networks

extension Network {
    /// The files beside an ONNX file that hold weights of it; none if it can not be read.
    public static func externalFiles(ofONNX path: String) -> [String] {
        guard let model = try? ONNXModel(path: path) else { return [] }
        let locations = model.initializers.compactMap(ONNXTensorReader.location(of:))
        let folder = path.lastIndex(of: "/").map { path[...$0] } ?? ""
        return Set(locations).sorted().map { folder + $0 }
    }
}
