import Foundation
import Importing
import Tensors

/// Runs the pipelines of an experiment below `build/experiments/NAME`. What is finished stays;
/// stages that pipelines have in common, such as the float training of one seed, run once.
public struct ExperimentRunner {
    public let experiment: Experiment
    let build: String
    let threads: Int
    let display: ProgressDisplay
    /// In the place of the one that a pipeline names.
    let source: DataSetSource?

    public init(
        _ experiment: Experiment, build: String = "build",
        threads: Int = ProcessInfo.processInfo.activeProcessorCount, source: DataSetSource? = nil,
        display: ProgressDisplay = ProgressDisplay()
    ) {
        self.experiment = experiment
        self.build = "\(build)/experiments/\(experiment.name)"
        self.threads = threads
        self.source = source
        self.display = display
    }

    /// Runs what has not run yet.
    /// - Returns: what came of each cell, in their order.
    @discardableResult
    public func run() throws -> ExperimentResults {
        try PipelineFolder.create(build)
        let files = try experiment.cells.map(file)
        var finished = finishedStages(files)
        for (index, file) in files.enumerated() {
            display.say("\(experiment.name) \(index + 1)/\(files.count): \(file.name)")
            try run(file, &finished)
        }
        return try results(files)
    }

    private func file(_ cell: Experiment.Cell) throws -> PipelineFile {
        let path = "\(build)/\(cell.name).yaml"
        try AtomicFile.write(Array(cell.yaml.utf8), to: path)
        return try PipelineFile(path: path)
    }

    private func folder(_ file: PipelineFile) -> PipelineFolder {
        PipelineFolder(build: build, pipeline: file.name)
    }

    // MARK: Stages

    /// A stage of a pipeline.
    private struct Place {
        let folder: PipelineFolder
        let stage: String
        /// What its result depends on; written when it has finished.
        let key: String

        var isFinished: Bool {
            FileManager.default.fileExists(atPath: folder.report(stage))
                && FileManager.default.contents(atPath: folder.settings(stage)) == Data(key.utf8)
        }
    }

    private func places(_ file: PipelineFile) -> [Place] {
        file.stages.enumerated().map {
            Place(folder: folder(file), stage: $1.name, key: file.key(ofStage: $0))
        }
    }

    private func finishedStages(_ files: [PipelineFile]) -> [String: Place] {
        var finished: [String: Place] = [:]
        for place in files.flatMap(places) where place.isFinished { finished[place.key] = place }
        return finished
    }

    private func run(_ file: PipelineFile, _ finished: inout [String: Place]) throws {
        let runner = try PipelineRunner(
            file, folder: folder(file), source: source, threads: threads, display: display)
        for place in places(file) where !place.isFinished {
            // The last stage leaves a model as well, and is quick.
            if let same = finished[place.key], place.stage != file.stages.last?.name {
                try link(same, to: place)
                continue
            }
            do {
                try runner.run(stage: place.stage)
            } catch let error as PipelineError {
                guard case .diverged = error else { throw error }
                return display.say("\(error)")
            }
            try AtomicFile.write(Array(place.key.utf8), to: place.folder.settings(place.stage))
            finished[place.key] = place
        }
    }

    /// Gives a stage the results of the same stage in another pipeline.
    private func link(_ same: Place, to place: Place) throws {
        try place.folder.create(place.stage)
        let paths = [
            (same.folder.checkpoint(same.stage), place.folder.checkpoint(place.stage)),
            (same.folder.report(same.stage), place.folder.report(place.stage)),
            (same.folder.settings(same.stage), place.folder.settings(place.stage)),
        ]
        for (source, target) in paths {
            try? FileManager.default.removeItem(atPath: target)
            try FileManager.default.linkItem(atPath: source, toPath: target)
        }
    }

    // MARK: Results

    private func results(_ files: [PipelineFile]) throws -> ExperimentResults {
        let reports = try files.map { file -> PipelineReport? in
            guard places(file).allSatisfy(\.isFinished) else { return nil }
            return try PipelineReport(file, folder: folder(file))
        }
        // A stage that several pipelines share has taken its time once.
        var seconds: [String: Double] = [:]
        for (file, report) in zip(files, reports) {
            for (index, stage) in (report?.stages ?? []).enumerated() {
                seconds[file.key(ofStage: index)] = stage.seconds
            }
        }
        return ExperimentResults(
            experiment, reports: reports, seconds: seconds.values.reduce(0, +))
    }
}
