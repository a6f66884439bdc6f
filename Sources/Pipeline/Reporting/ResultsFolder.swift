import Foundation

/// The reports that the repository keeps of runs: one file for each pipeline and seed, so that a run
/// adds or replaces its own figures and leaves those of others.
public struct ResultsFolder: Sendable {
    let path: String

    public init(path: String) { self.path = path }

    /// Puts a report in the place of an earlier one of that pipeline and seed.
    ///
    /// Of the layers only those of the last stage are kept: nothing else is shown of them.
    /// - Returns: `false` for a run that is not done while one that is has a report here; that stays.
    public func keep(_ report: PipelineReport) throws -> Bool {
        let file = "\(path)/\(report.pipeline)-seed\(report.seed).json"
        if report.engine == nil, FileManager.default.fileExists(atPath: file),
            try PipelineReport(contentsOf: file).engine != nil
        {
            return false
        }
        var kept = report
        for index in kept.stages.indices.dropLast() { kept.stages[index].layers = [] }
        try PipelineFolder.create(path)
        try kept.write(to: file)
        return true
    }

    /// All reports, by the names of their files.
    public func reports() throws -> [PipelineReport] {
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: path)
            .filter { $0.hasSuffix(".json") }.sorted()
            .map { try PipelineReport(contentsOf: "\(path)/\($0)") }
    }
}
