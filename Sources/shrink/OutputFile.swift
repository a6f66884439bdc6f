import ArgumentParser
import Foundation

/// A file that a command writes, by its path.
struct OutputFile: ExpressibleByArgument, CustomStringConvertible {
    let path: String

    init(argument: String) { path = argument }

    var description: String { path }

    /// - Throws: `ValidationError` for `-`, by which other programs mean standard output: models are no
    ///   text, and commands print what they have written.
    func validate() throws {
        guard path != "-" else {
            throw ValidationError(
                "--output wants a file, not '-'; a file of that name is './-'")
        }
    }

    /// Throws if the file is the one that is read: what is written in its place is of another kind.
    func requireOther(than input: String) throws {
        guard let (file, device) = Self.identity(path),
            (file, device) == Self.identity(input) ?? (0, 0)
        else { return }
        throw CommandError("\(path) is the file that is read; --output has to name another")
    }

    private static func identity(_ path: String) -> (UInt64, UInt64)? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return (UInt64(status.st_ino), UInt64(status.st_dev))
    }
}
