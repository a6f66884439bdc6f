import Networks

/// Why an ONNX file does not become a network: which file, which node, and what is wrong with it.
public struct ONNXError: Error, Equatable, Sendable {
    public let file: String
    /// The name of the node, or `#` and its index if it has none; `nil` for the file as a whole.
    public let node: String?
    public let operation: String?
    public let problem: ONNXProblem

    public init(
        file: String, node: String? = nil, operation: String? = nil, problem: ONNXProblem
    ) {
        self.file = file
        self.node = node
        self.operation = operation
        self.problem = problem
    }
}

/// What can be wrong with an ONNX file, or with one of its nodes.
public enum ONNXProblem: Error, Equatable, Sendable {
    case unreadable(reason: String)
    /// The bytes are not those of an ONNX model.
    case notAModel(reason: String)
    /// The version of the standard operations; `nil` if the file names none.
    case opset(found: Int?, lowest: Int)
    /// Those that are supported: on what depends on the network's input, and on constants only.
    case unsupportedOperation(onValues: [String], onConstants: [String])
    /// No input, initializer or earlier node has that name: also what a cycle looks like.
    case undefinedValue(String)
    case duplicateValue(String)
    case unfit(what: String, found: String, expected: String)
    /// Data of a tensor outside the model file.
    case externalData(tensor: String, location: String, reason: String)
    /// More elements than a file of this size gives reason for.
    case tooLarge(what: String, shape: [Int], limit: Int)
    case network(NetworkError)
}

extension ONNXError: CustomStringConvertible {
    public var description: String {
        guard let node else { return "\(file): \(problem)" }
        return "\(file): node '\(node)' (\(operation ?? "no operation")): \(problem)"
    }
}

extension ONNXProblem: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unreadable(let reason): "can not be read: \(reason)"
        case .notAModel(let reason): "is not an ONNX model: \(reason)"
        case .opset(let found, let lowest):
            "operations of opset \(found.map(String.init) ?? "(none)"), expected \(lowest) or later"
        case .unsupportedOperation(let onValues, let onConstants):
            "the operation is not supported"
                + "\n  supported: \(onValues.joined(separator: ", "))"
                + "\n  on constants only: \(onConstants.joined(separator: ", "))"
        case .undefinedValue(let name):
            "takes '\(name)', which no input, initializer or earlier node has as its name"
        case .duplicateValue(let name): "'\(name)' has a value already"
        case .unfit(let what, let found, let expected):
            "\(what) is \(found), expected \(expected)"
        case .externalData(let tensor, let location, let reason):
            "the data of '\(tensor)' in '\(location)': \(reason)"
        case .tooLarge(let what, let shape, let limit):
            "\(what) would have shape \(shape), and everything made of this file at most "
                + "\(limit) elements"
        case .network(let error): "\(error)"
        }
    }
}
