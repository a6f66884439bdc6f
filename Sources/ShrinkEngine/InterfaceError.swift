import CShrinkEngine
import Container
import Inference

/// What a caller of the C interface did wrong, or what the system refused.
enum InterfaceError: Error {
    case null(String)
    case count(Int)
    case unreadable(path: String, reason: String)
}

extension InterfaceError: CustomStringConvertible {
    var description: String {
        switch self {
        case .null(let argument): "\(argument) is NULL"
        case .count(let count): "a count of \(count) is too large"
        case .unreadable(let path, let reason): "'\(path)' can not be read: \(reason)"
        }
    }
}

/// Runs `body`; where it throws, keeps the text of the error for `shrink_last_error`.
func status(_ body: () throws -> Void) -> shrink_status {
    do {
        try body()
        return SHRINK_OK
    } catch {
        "\(error)".withCString { shrink_set_last_error($0) }
        return status(of: error)
    }
}

private func status(of error: any Error) -> shrink_status {
    switch error {
    case InterfaceError.unreadable: SHRINK_UNREADABLE_FILE
    case EngineError.instructionSet, EngineError.threads: SHRINK_INVALID_ARGUMENT
    case is ContainerError: SHRINK_INVALID_MODEL
    case is EngineError: SHRINK_UNSUPPORTED_MODEL
    default: SHRINK_INVALID_ARGUMENT
    }
}
