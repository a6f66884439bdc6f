import Foundation

/// Writes files so that a reader, or a crash, finds the old content or the new, never a part.
///
/// The bytes go to a temporary file in the same folder, to the disk, and then under the real name. A link
/// stays a link: the file that it leads to is replaced. A pipe or a device gets the bytes as they come.
public struct AtomicFile: ~Copyable {
    private let path: String
    /// `nil` where bytes go straight to what is there.
    private let temporary: String?
    private let descriptor: Int32

    /// Replaces the content of the file at `path`.
    public static func write(_ bytes: [UInt8], to path: String) throws(FileError) {
        try write(to: path) { file throws(FileError) in
            try bytes.withUnsafeBufferPointer { buffer throws(FileError) in
                try file.append(UnsafeRawBufferPointer(buffer))
            }
        }
    }

    /// Replaces the content of the file at `path` by what `body` appends.
    public static func write(
        to path: String, _ body: (borrowing AtomicFile) throws(FileError) -> Void
    ) throws(FileError) {
        let file = try AtomicFile(path: path)
        do {
            try body(file)
            try file.commit()
        } catch {
            if let temporary = file.temporary { unlink(temporary) }
            throw error
        }
    }

    /// Takes away what killed writers of the file at `path` have left beside it: temporary files that
    /// nobody has written to for a minute, of processes that are gone.
    public static func removeRemains(of path: String) {
        let path = target(of: path)
        let folder = folder(of: path)
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
            return
        }
        let file = path.split(separator: "/").last.map(String.init) ?? path
        for name in names where name.hasPrefix(file + ".") && name.hasSuffix(".part") {
            let parts = name.dropFirst(file.count + 1).split(separator: ".")
            guard parts.count == 3, let process = Int32(parts[0]), process > 0,
                kill(process, 0) != 0, errno == ESRCH
            else { continue }
            let remains = "\(folder)/\(name)"
            var status = stat()
            if stat(remains, &status) == 0, time(nil) - status.st_mtim.tv_sec > 60 {
                unlink(remains)
            }
        }
    }

    private init(path: String) throws(FileError) {
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG,
            status.st_mode & S_IFMT != S_IFDIR
        {
            self.path = path
            temporary = nil
            descriptor = open(path, O_WRONLY | O_CLOEXEC)
        } else {
            self.path = Self.target(of: path)
            let temporary =
                "\(self.path).\(getpid()).\(String(UInt64.random(in: 0...UInt64.max), radix: 36)).part"
            self.temporary = temporary
            descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        }
        guard descriptor >= 0 else { throw FileError(.create, path) }
    }

    /// Where a link leads to, or the path as it is.
    private static func target(of path: String) -> String {
        guard let real = realpath(path, nil) else { return path }
        defer { free(real) }
        return String(cString: real)
    }

    /// What stands before the last slash: `.` without one, `/` if nothing else does.
    private static func folder(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Adds bytes at the end.
    public func append(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
        var rest = bytes
        while !rest.isEmpty {
            let written = Foundation.write(descriptor, rest.baseAddress!, rest.count)
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { throw FileError(.write, path) }
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
    }

    private func commit() throws(FileError) {
        guard let temporary else { return }
        guard fsync(descriptor) == 0 else { throw FileError(.write, path) }
        guard rename(temporary, path) == 0 else { throw FileError(.rename, path) }
        synchronizeFolder()
    }

    /// Brings the new name to the disk. The file is complete without it, so a failure is ignored.
    private func synchronizeFolder() {
        let folder = open(Self.folder(of: path), O_RDONLY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }
}

/// An operation on a file that the operating system refused.
public struct FileError: Error, Equatable, CustomStringConvertible {
    public enum Operation: String, Sendable {
        case read, create, write, rename, remove
    }

    public let operation: Operation
    public let path: String
    /// The `errno` of the refusal.
    public let code: Int32

    /// With the `errno` of the call that has just failed.
    init(_ operation: Operation, _ path: String) {
        self.init(operation: operation, path: path, code: errno)
    }

    /// Why a file can not be read that something else has failed to read.
    public init(reading path: String) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            self.init(.read, path)
            return
        }
        defer { close(descriptor) }
        var status = stat()
        let isFolder = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
        self.init(operation: .read, path: path, code: isFolder ? EISDIR : EIO)
    }

    public init(operation: Operation, path: String, code: Int32) {
        self.operation = operation
        self.path = path
        self.code = code
    }

    public var description: String {
        let action =
            switch operation {
            case .read: "be read"
            case .create: "be created"
            case .write: "be written"
            case .rename: "be put in place"
            case .remove: "be removed"
            }
        return "\(path): can not \(action): \(reason)"
    }

    /// The operating system's text.
    public var reason: String { String(cString: strerror(code)) }
}
