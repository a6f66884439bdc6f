import ArgumentParser
import Foundation
import Pipeline

struct Plan: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a pipeline's stages as make targets.",
        discussion: """
            Writes build/PIPELINE/stages.mk, and settings.txt for each stage whose settings changed, \
            so that make runs only what has to run again; prints where. `make pipeline` calls it.

            EXAMPLE
              shrink plan Pipelines/digits.yaml
              make -f build/digits/stages.mk SHRINK=.build/release/shrink
            """)

    @OptionGroup var options: PipelineOptions

    func run() throws {
        print(try MakePlan(options.file(), build: options.build, seed: options.seed).write())
    }
}

struct Report: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what a pipeline's stages did to size and accuracy.",
        discussion: """
            Prints a table of the stages and one of the layers, and writes \
            build/PIPELINE/report.html.

            EXAMPLE
              shrink report Pipelines/digits.yaml
              shrink report Pipelines/digits.yaml --json
            """)

    @OptionGroup var options: PipelineOptions

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let file = try options.file()
        let folder = options.folder(file)
        let report = try PipelineReport(file, folder: folder)
        let outdated = file.outdatedStages(of: report)
        if !outdated.isEmpty {
            let text =
                "note: \(outdated.joined(separator: ", ")) ran with other settings than "
                + "\(file.path) has now; 'make pipeline' runs what has to run again\n"
            FileHandle.standardError.write(Data(text.utf8))
        }
        if json { return print(try jsonText(report), terminator: "") }
        print(report.tables(usesColor: Terminal.usesColor), terminator: "")
        try report.writePage(to: folder.page)
        print("\nThe same with pictures: \(folder.page)")
    }
}

struct Results: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Keep the reports of pipelines, and show all that are kept in one Markdown page.",
        discussion: """
            A report takes the place of an earlier one of the same pipeline and seed. What other runs \
            have left stays.

            EXAMPLE
              shrink results build/*/report.json --output RESULTS.md
            """)

    @Argument(help: "report.json files of pipelines.")
    var reports: [String] = []

    @Option(help: "The folder that keeps the reports of all runs.")
    var folder = "Results"

    @Option(name: .shortAndLong, help: "The page to write.")
    var output = OutputFile(argument: "RESULTS.md")

    @Option(help: "The folder with pages of experiments, to link to.")
    var experiments = "docs/experiments"

    func validate() throws { try output.validate() }

    func run() throws {
        let folder = ResultsFolder(path: folder)
        // All are read before the first is kept: a wrong path changes nothing.
        for report in try reports.map(PipelineReport.init(contentsOf:))
        where try !folder.keep(report) {
            print("\(report.pipeline), seed \(report.seed): not done; the earlier result stays")
        }
        guard try !folder.reports().isEmpty else {
            throw CommandError(
                "\(self.folder): no reports there and none given; \(output) stays as it is")
        }
        try ResultsPage.write(folder, experiments: experiments, to: output.path)
    }
}
