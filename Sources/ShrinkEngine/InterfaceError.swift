import CShrinkEngine
import Container
import Inference

/// What a caller of the C interface did wrong, or what the system refused.
enum InterfaceError: Error {
    case null(String)
    /// An address that is no multiple of an element's alignment.
    case misaligned(String, alignment: Int)
    /// A `size_t`, as Swift sees it.
    case count(Int)
    case unreadable(path: String, reason: String)
    /// What is in the file is no model that can be run.
    case unusable(path: String, any Error)
}

extension InterfaceError: CustomStringConvertible {
    var description: String {
        switch self {
        case .null(let argument): "\(argument) is NULL"
        case .misaligned(let argument, let alignment):
            "\(argument) stands at an address that is no multiple of \(alignment)"
        case .count(let count): "a count of \(UInt(bitPattern: count)) is too large"
        case .unreadable(let path, let reason): "'\(path)' can not be read: \(reason)"
        case .unusable(let path, let error): "'\(path)': \(error)"
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

/// Runs `body`, whose errors name the file at `path`, if there is one, where it is to blame.
func naming<Result>(
    _ path: UnsafePointer<CChar>?, _ body: () throws -> Result
) throws -> Result {
    do {
        return try body()
    } catch {
        guard let path, status(of: error) != SHRINK_INVALID_ARGUMENT else { throw error }
        throw InterfaceError.unusable(path: String(cString: path), error)
    }
}

private func status(of error: any Error) -> shrink_status {
    switch error {
    case InterfaceError.unreadable: SHRINK_UNREADABLE_FILE
    case InterfaceError.unusable(_, let error): status(of: error)
    case EngineError.instructionSet, EngineError.threads: SHRINK_INVALID_ARGUMENT
    case is ContainerError: SHRINK_INVALID_MODEL
    case is EngineError: SHRINK_UNSUPPORTED_MODEL
    default: SHRINK_INVALID_ARGUMENT
    }
}
