import Foundation
import Tensors

/// Where a pipeline's results are: `build/<pipeline>/<stage>/...`.
public struct PipelineFolder: Sendable, Equatable {
    public let root: String

    /// - Parameter seed: a seed from the command line, which gets a folder of its own.
    public init(build: String = "build", pipeline: String, seed: UInt64? = nil) {
        root = "\(build)/\(pipeline)" + (seed.map { "-seed\($0)" } ?? "")
    }

    public var model: String { "\(root)/model.shrink" }
    public var report: String { "\(root)/report.json" }
    public var page: String { "\(root)/report.html" }
    public var makefile: String { "\(root)/stages.mk" }

    public func stage(_ name: String) -> String { "\(root)/\(name)" }
    public func settings(_ stage: String) -> String { "\(root)/\(stage)/settings.txt" }
    /// Its date is that of the latest change in a folder of data.
    public func data(_ stage: String) -> String { "\(root)/\(stage)/data.txt" }
    public func checkpoint(_ stage: String) -> String { "\(root)/\(stage)/checkpoint.safetensors" }
    /// A training in the middle.
    public func partial(_ stage: String) -> String { "\(root)/\(stage)/partial.safetensors" }
    public func report(_ stage: String) -> String { "\(root)/\(stage)/report.json" }

    func create(_ stage: String) throws {
        do {
            try Self.create(self.stage(stage))
        } catch {
            throw PipelineError.noFolder(path: error.path, reason: error.reason)
        }
    }

    /// Makes a folder, and those that it is in, where they are not there yet.
    public static func create(_ path: String) throws(FileError) {
        if isFolder(path) { return }
        if let slash = path.lastIndex(of: "/"), slash > path.startIndex {
            try create(String(path[..<slash]))
        }
        guard mkdir(path, 0o777) != 0 else { return }
        let code = errno
        // Another process may have been faster.
        guard code == EEXIST, isFolder(path) else {
            throw FileError(operation: .create, path: path, code: code)
        }
    }

    private static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
            && isFolder.boolValue
    }

    /// Takes a file away, if it is there.
    static func remove(_ path: String) throws(FileError) {
        guard unlink(path) != 0, errno != ENOENT else { return }
        throw FileError(operation: .remove, path: path, code: errno)
    }
}
