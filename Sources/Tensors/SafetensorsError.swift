/// What a safetensors file can have wrong. Offsets and lengths are in bytes.
public enum SafetensorsError: Error, Equatable, Sendable {
    case unreadable(FileError)
    /// The file is one of `torch.save`.
    case pyTorch(file: String)
    /// The file ends before its header does.
    case truncated(file: String, found: Int, expected: Int)
    case headerTooLong(file: String, found: UInt64, limit: Int)
    /// The header is not the expected JSON at `offset` behind its start.
    case malformedHeader(file: String, offset: Int, expected: String)
    /// A tensor, or a key of the metadata, comes twice.
    case duplicateName(file: String, name: String)
    case unsupportedType(file: String, tensor: String, found: String)
    case reversedOffsets(file: String, tensor: String, begin: Int, end: Int)
    case outsideFile(file: String, tensor: String, end: Int, available: Int)
    case wrongSize(file: String, tensor: String, shape: [Int], found: Int)
    case overlap(file: String, tensor: String, other: String)
    /// Bytes of the data that belong to no tensor.
    case unusedBytes(file: String, range: Range<Int>)
}

extension SafetensorsError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unreadable(let error):
            error.description
        case .pyTorch(let file):
            "\(file): a PyTorch file (torch.save), expected safetensors: save the weights with "
                + "safetensors.torch.save_file(model.state_dict(), ...) and state that file at "
                + "network.weights beside the architecture, or export the network with "
                + "torch.onnx.export and take it by 'shrink import'"
        case .truncated(let file, let found, let expected):
            "\(file): \(found) bytes, expected at least \(expected)"
        case .headerTooLong(let file, let found, let limit):
            "\(file): the header declares \(found) bytes, expected at most \(limit)"
        case .malformedHeader(let file, let offset, let expected):
            "\(file): header byte \(offset): expected \(expected)"
        case .duplicateName(let file, let name):
            "\(file): '\(name)' comes twice in the header"
        case .unsupportedType(let file, let tensor, let found):
            "\(file): tensor '\(tensor)' has the type \(found), expected F64, F32, F16, BF16, "
                + "U8, I8 or I64"
        case .reversedOffsets(let file, let tensor, let begin, let end):
            "\(file): tensor '\(tensor)' begins at \(begin), behind its end at \(end)"
        case .outsideFile(let file, let tensor, let end, let available):
            "\(file): tensor '\(tensor)' ends at \(end), but there are \(available) bytes of data"
        case .wrongSize(let file, let tensor, let shape, let found):
            "\(file): tensor '\(tensor)' has \(found) bytes, which do not fit its shape \(shape)"
        case .overlap(let file, let tensor, let other):
            "\(file): the bytes of tensor '\(tensor)' overlap those of '\(other)'"
        case .unusedBytes(let file, let range):
            "\(file): bytes \(range.lowerBound)..<\(range.upperBound) of the data belong to no tensor"
        }
    }
}
