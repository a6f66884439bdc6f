import Tensors

/// What came of an experiment: a table in Markdown, and a plot.
public struct ExperimentResults: Sendable {
    let experiment: Experiment
    /// For each cell; `nil` where training diverged.
    public let reports: [PipelineReport?]
    /// Of all stages, each counted once.
    let seconds: Double

    package init(_ experiment: Experiment, reports: [PipelineReport?], seconds: Double) {
        self.experiment = experiment
        self.reports = reports
        self.seconds = seconds
    }

    /// Writes `NAME.md` and `NAME.svg` into a folder.
    public func write(to folder: String) throws {
        try AtomicFile.write(Array(markdown.utf8), to: "\(folder)/\(experiment.name).md")
        try AtomicFile.write(
            Array((ExperimentPlot(self).svg.source + "\n").utf8),
            to: "\(folder)/\(experiment.name).svg")
    }

    public var markdown: String {
        let seeds = experiment.seeds.map(String.init).joined(separator: ", ")
        var text = """
            # \(TextTable.escaped(experiment.title))

            \(experiment.question)

            \(experiment.answer.map { "**Found:** \($0)\n\n" } ?? "")\
            Made by \(origin) in \(formatted(seconds: seconds)) of training. Mean ± standard deviation (n − 1) over the \
            seeds \(seeds), single values below; test error is on the whole test set, by which no \
            choice is made. Where training diverged there is a dash.

            ![Test error of each row and column](\(experiment.name).svg)

            """
        let tables: [(String, (PipelineReport) -> Double, (Double) -> String)] = [
            ("Test error, %", Self.error, NumberText.percent),
            (
                "File, bytes", Self.bytes,
                { NumberText.grouped(Int($0.rounded())) }
            ),
            ("Ratio", { $0.stages.last!.compressionRatio }, { NumberText.decimals($0, 1) }),
            (
                "Float network, test error, %", { 1 - $0.stages[0].accuracy.top1 },
                NumberText.percent
            ),
        ]
        for (title, value, number) in tables {
            text += "\n## \(title)\n\n" + table(value, number).markdown
        }
        return text
    }

    /// The command, and a link to the file where it is one of the repository's.
    private var origin: String {
        let file = "Pipelines/experiments/\(experiment.name).yaml"
        guard experiment.path == file || experiment.path.hasSuffix("/\(file)") else {
            return "`shrink experiment \(experiment.path)`"
        }
        return "`make experiment NAME=\(experiment.name)` from [\(file)](../../\(file))"
    }

    private func table(
        _ value: (PipelineReport) -> Double, _ number: (Double) -> String
    ) -> TextTable {
        var table = TextTable([.words("")] + experiment.columns.map { .numbers($0) })
        for (row, name) in experiment.rows.enumerated() {
            table.append(
                [name]
                    + experiment.columns.indices.map { column in
                        sample(row, column, value)?.text(number) ?? NumberText.none
                    })
        }
        return table
    }

    /// The values of the seeds that did not diverge, if there are any.
    func sample(
        _ row: Int, _ column: Int, _ value: (PipelineReport) -> Double
    ) -> Sample? {
        let values = zip(experiment.cells, reports).compactMap { cell, report in
            cell.row == row && cell.column == column ? report.map(value) : nil
        }
        return values.isEmpty ? nil : Sample(values)
    }

    static func error(_ report: PipelineReport) -> Double { 1 - report.stages.last!.accuracy.top1 }
    static func bytes(_ report: PipelineReport) -> Double {
        Double(report.stages.last!.bytes.stored)
    }
}
