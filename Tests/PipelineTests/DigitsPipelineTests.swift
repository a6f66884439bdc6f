import Foundation
import Importing
import Pipeline
import Testing

@Suite struct `The pipeline that make runs` {
    /// What the README promises of it.
    @Test func `makes the digits at least 25 times smaller and loses at most half a point`() throws
    {
        let folder = try TemporaryFolder()
        let file = try PipelineFile(path: packageFolder + "/Pipelines/digits.yaml")
        let results = PipelineFolder(build: folder.path, pipeline: "digits")
        let runner = try PipelineRunner(
            file, folder: results,
            source: DataSetSource(named: "digits", fixtures: packageFolder + "/Fixtures"),
            threads: 2, display: ProgressDisplay(isSilent: true))
        for stage in file.stages { try runner.run(stage: stage.name) }
        let report = try PipelineReport(contentsOf: results.report)
        let last = try #require(report.stages.last)
        let engine = try #require(report.engine)
        #expect(last.compressionRatio >= 25)
        #expect(engine.top1 >= 0.96)
        #expect(abs(engine.top1 - report.stages[0].accuracy.top1) <= 0.005)
        let attributes = try FileManager.default.attributesOfItem(atPath: results.model)
        #expect(attributes[.size] as? Int == last.bytes.stored)
    }
}
