import Foundation

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
            try FileManager.default.createDirectory(
                atPath: self.stage(stage), withIntermediateDirectories: true)
        } catch {
            throw PipelineError.noFolder(path: self.stage(stage))
        }
    }
}
