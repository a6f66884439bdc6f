import Tensors

/// Why weights of a file do not go into a network. Shapes are those of PyTorch.
public enum StateDictError: Error, Equatable, CustomStringConvertible {
    /// A tensor that file and network do not have in common.
    public enum Mismatch: Sendable, Equatable {
        case missing(String, [Int])
        case unexpected(String, [Int])
        case shape(String, found: [Int], expected: [Int])
        case notFloats(String)
    }

    case unreadable(SafetensorsError)
    case mismatch(file: String, network: String, [Mismatch])
    /// An element, row-major in the file's shape, is infinite or not a number.
    case notFinite(file: String, tensor: String, element: Int, found: Float)
    /// A variance that batch normalization can not divide by.
    case notPositive(file: String, tensor: String, element: Int, found: Float)
    /// The network has been pruned, shared or quantized.
    case compressed(network: String, tensor: String)

    /// How many mismatches the text lists.
    static let listed = 20

    public var description: String {
        switch self {
        case .unreadable(let error): return error.description
        case .mismatch(let file, let network, let mismatches):
            var lines = mismatches.prefix(Self.listed).map { "\n  \($0)" }
            let more = mismatches.count - lines.count
            if more > 0 { lines.append("\n  and \(more) more") }
            return "\(file) does not have the tensors of \(network):\(lines.joined())"
        case .notFinite(let file, let tensor, let element, let found):
            return "\(file): element \(element) of '\(tensor)' is \(found), "
                + "expected a finite number"
        case .notPositive(let file, let tensor, let element, let found):
            return "\(file): element \(element) of '\(tensor)' is \(found), "
                + "expected a positive number"
        case .compressed(let network, let tensor):
            return "'\(tensor)' of \(network) is compressed, expected a network of plain weights"
        }
    }
}

extension StateDictError.Mismatch: CustomStringConvertible {
    public var description: String {
        switch self {
        case .missing(let name, let shape): "'\(name)' \(shape) is missing"
        case .unexpected(let name, let shape): "'\(name)' \(shape) belongs to no layer"
        case .shape(let name, let found, let expected):
            "'\(name)' has shape \(found), expected \(expected)"
        case .notFloats(let name): "'\(name)' has whole numbers, expected floats"
        }
    }
}
