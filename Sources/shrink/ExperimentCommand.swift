import ArgumentParser
import Foundation
import Pipeline

struct ExperimentCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "experiment",
        abstract: "Run a grid of pipelines, and write a table and a plot.",
        discussion: """
            Runs below build/experiments/NAME what has not run yet; a run that was killed goes on. \
            Writes NAME.md and NAME.svg.

            EXAMPLE
              shrink experiment Pipelines/experiments/rate.yaml
            """)

    @Argument(help: "The experiment file.")
    var file: String

    @Option(help: "The folder for results.")
    var build = "build"

    @Option(name: .shortAndLong, help: "The folder for the table and the plot.")
    var output = "docs/experiments"

    @Option(help: "Threads to work on. Results do not depend on it. (default: all cores)")
    var threads: Int?

    func validate() throws {
        if let threads, threads < 1 {
            throw ValidationError("--threads wants at least 1, not \(threads)")
        }
    }

    func run() throws {
        let runner = ExperimentRunner(
            try Experiment(path: file), build: build,
            threads: threads ?? ProcessInfo.processInfo.activeProcessorCount)
        let results = try runner.run()
        try PipelineFolder.create(output)
        try results.write(to: output)
        print("\(output)/\(runner.experiment.name).md")
    }
}
