import Foundation
import Importing
import Networks
import Pipeline
import Testing

@Suite struct `An experiment` {
    private let quick = """
        title: Two widths
        question: Are more bits better?
        seeds: [1, 2]
        pipeline:
          data: {set: digits, validation: 100}
          network: {architecture: digits-cnn}
          stages:
            train: {epochs: 1, batch-size: 32, learning-rate: 0.03}
            quantize: {weights: {bits: {first: 8, default: 4}}, activations: {bits: 8}}
            encode: {}
        rows:
          LSQ+: {}
          DoReFa: {stages.quantize.weights.method: dorefa}
        columns:
          4 bits: {}
          2 bits:
            stages.quantize.weights.bits.default: 2
            stages.quantize.train: {epochs: 1, learning-rate: 0.001}
        answer: With all seeds, yes.
        """

    private func experiment(_ folder: TemporaryFolder, _ text: String) throws -> Experiment {
        try Experiment(path: folder.file("quick.yaml", text))
    }

    private func runner(
        _ experiment: Experiment, _ folder: TemporaryFolder
    ) throws -> ExperimentRunner {
        ExperimentRunner(
            experiment, build: folder.path + "/build", threads: 1,
            source: try DataSetSource(named: "digits", fixtures: packageFolder + "/Fixtures"),
            display: ProgressDisplay(isSilent: true))
    }

    @Test func `has a pipeline for each row, column and seed`() throws {
        let folder = try TemporaryFolder()
        let experiment = try experiment(folder, quick)
        #expect(experiment.rows == ["LSQ+", "DoReFa"])
        #expect(experiment.columns == ["4 bits", "2 bits"])
        #expect(
            experiment.cells.map(\.name) == [
                "4-bits-lsq-seed1", "4-bits-dorefa-seed1", "2-bits-lsq-seed1",
                "2-bits-dorefa-seed1", "4-bits-lsq-seed2", "4-bits-dorefa-seed2",
                "2-bits-lsq-seed2", "2-bits-dorefa-seed2",
            ])
        let last = try PipelineFile(path: folder.file("last.yaml", experiment.cells[7].yaml))
        #expect(last.seed == 2 && last.stages.map(\.name) == ["train", "quantize", "encode"])
        let expected = try PipelineFile(
            path: folder.file(
                "expected.yaml",
                """
                seed: 2
                method: Two widths
                data: {set: digits, validation: 100}
                network: {architecture: digits-cnn}
                stages:
                  train: {epochs: 1, batch-size: 32, learning-rate: 0.03}
                  quantize:
                    weights: {bits: {first: 8, default: 2}, method: dorefa}
                    activations: {bits: 8}
                    train: {epochs: 1, learning-rate: 0.001}
                  encode: {}
                """))
        #expect(last.key(ofStage: 2) == expected.key(ofStage: 2))
    }

    @Test func `runs what has not run yet, and what cells share once`() throws {
        let folder = try TemporaryFolder()
        let experiment = try experiment(folder, quick)
        let results = try runner(experiment, folder).run()
        #expect(results.reports.count == 8 && !results.reports.contains { $0 == nil })
        for report in results.reports.compactMap({ $0 }) {
            #expect(try #require(report.engine).agreement >= 0.995)
        }
        // The float training of a seed is one file in all four folders.
        let build = folder.path + "/build/experiments/quick"
        func modified(_ path: String) throws -> Date? {
            try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date
        }
        func links(_ cell: String) throws -> Int? {
            try FileManager.default.attributesOfItem(
                atPath: "\(build)/\(cell)/train/checkpoint.safetensors")[.referenceCount] as? Int
        }
        #expect(try links("4-bits-lsq-seed1") == 4 && links("2-bits-dorefa-seed2") == 4)
        // A second run does only what is missing.
        let kept = "\(build)/4-bits-lsq-seed1/quantize/report.json"
        let lost = "\(build)/2-bits-lsq-seed1/encode/report.json"
        let before = try modified(kept)
        try FileManager.default.removeItem(atPath: lost)
        let again = try runner(experiment, folder).run()
        #expect(try modified(kept) == before)
        #expect(FileManager.default.fileExists(atPath: lost))
        for (old, new) in zip(results.reports, again.reports) {
            #expect(old?.stages.last?.accuracy == new?.stages.last?.accuracy)
        }
        try checkPages(results, folder)
    }

    /// Figures in the table are those of the reports; the page of results links to it.
    private func checkPages(_ results: ExperimentResults, _ folder: TemporaryFolder) throws {
        let pages = folder.path + "/pages"
        try FileManager.default.createDirectory(
            atPath: pages, withIntermediateDirectories: true)
        try results.write(to: pages)
        let page = try String(contentsOfFile: pages + "/quick.md", encoding: .utf8)
        #expect(
            page.hasPrefix(
                "# Two widths\n\nAre more bits better?\n\n**Found:** With all seeds, yes.\n\nMade by "
            ))
        let reports = results.reports.compactMap { $0 }
        let errors = [reports[0], reports[4]].map { 100 * (1 - $0.stages.last!.accuracy.top1) }
        let mean = String(format: "%.2f", (errors[0] + errors[1]) / 2)
        let deviation = String(
            format: "%.2f", abs(errors[0] - errors[1]) / 2.0.squareRoot())
        let single = errors.map { String(format: "%.2f", $0) }.joined(separator: ", ")
        #expect(page.contains("| LSQ+ | \(mean) ± \(deviation)<br>\(single) |"))
        let plot = try String(contentsOfFile: pages + "/quick.svg", encoding: .utf8)
        #expect(plot.hasPrefix("<svg xmlns=\"http://www.w3.org/2000/svg\""))
        #expect(plot.components(separatedBy: "<polyline").count == 3)
        #expect(plot.contains(">DoReFa</text>") && plot.contains(">2 bits</text>"))
        let resultsPath = folder.path + "/RESULTS.md"
        let none = ResultsFolder(path: folder.path + "/none")
        try ResultsPage.write(none, experiments: pages, to: resultsPath)
        let overview = try String(contentsOfFile: resultsPath, encoding: .utf8)
        #expect(overview.contains("- [Two widths](\(pages)/quick.md): Are more bits better?"))
    }

    /// The plot and the page of an experiment whose cells all have a report, none of which has run.
    private func pages(
        _ folder: TemporaryFolder, _ experiment: Experiment,
        bytes: (Experiment.Cell) -> Int = { _ in 1000 }
    ) throws -> (plot: String, page: String) {
        let reports = try experiment.cells.map { cell in
            var report = try sampleReport(seed: cell.seed)
            report.stages[1].bytes.stored = bytes(cell)
            report.stages[1].accuracy.top1 -= 0.001 * Double(cell.row)
            return report
        }
        try ExperimentResults(experiment, reports: reports, seconds: 1).write(to: folder.path)
        func text(_ ending: String) throws -> String {
            try String(
                contentsOfFile: "\(folder.path)/\(experiment.name).\(ending)", encoding: .utf8)
        }
        return try (text("svg"), text("md"))
    }

    @Test func `draws no two lines alike, and room for the longest name`() throws {
        let folder = try TemporaryFolder()
        let name = "a row whose name is longer than what there is room for beside most plots"
        let rows = (1...13).map { "  row \($0): {}" }.joined(separator: "\n") + "\n  \(name): {}"
        let plot = try pages(
            folder, experiment(folder, quick.replacingOccurrences(of: "  LSQ+: {}", with: rows))
        ).plot
        let lines = plot.components(separatedBy: "<polyline ").dropFirst().map { line in
            String(line.prefix { $0 != ">" }.drop { $0 != "#" })
        }
        #expect(lines.count == 15 && Set(lines).count == 15)
        let box = try #require(plot.firstMatch(of: /viewBox="0 0 ([0-9.]+) ([0-9.]+)"/))
        // At least half of the font's 13 units a letter, behind x = 602; 15 names below each other.
        #expect(try #require(Double(box.1)) > 602 + 6.5 * Double(name.count))
        #expect(try #require(Double(box.2)) > 24 + 22 * 15)
    }

    @Test func `labels sizes and points such that all can be read`() throws {
        let folder = try TemporaryFolder()
        let text = "plot: size\n" + quick
        // The columns have the same points. From 15 to 32 KB there is one size of 1, 2 or 5 times a
        // power of ten.
        let plot = try pages(folder, experiment(folder, text)) { 17_000 + 8000 * $0.row }.plot
        let labels = plot.matches(
            of: /<text class="axis" x="([0-9.]+)" y="([0-9.]+)"[^>]*>([^<]+)</)
        #expect(labels.count { $0.3.hasSuffix(" KB") } >= 3)
        let points = labels.filter { $0.3 == "LSQ+" || $0.3 == "DoReFa" }
            .map { (Double($0.1)!, Double($0.2)!) }
        #expect(points.count == 4)
        for (index, a) in points.enumerated() {
            for b in points[..<index] { #expect(abs(a.0 - b.0) > 25 || abs(a.1 - b.1) >= 10) }
        }
    }

    @Test func `links to its file only where the page does find it`() throws {
        let folder = try TemporaryFolder()
        let own = try pages(folder, experiment(folder, quick)).page
        #expect(own.contains("Made by `shrink experiment \(folder.path)/quick.yaml` in "))
        let shipped = try Experiment(path: packageFolder + "/Pipelines/experiments/rate.yaml")
        #expect(
            try pages(folder, shipped).page.contains(
                "[Pipelines/experiments/rate.yaml](../../Pipelines/experiments/rate.yaml) in "))
    }

    private static let errors: [(String, String, String)] = [
        ("title: Two widths\n", "", "quick.yaml:1: key 'title' is missing"),
        (
            "seeds: [1, 2]", "seeds: [one]",
            "quick.yaml:3: seeds[0] is 'one', expected a whole number in 0...\(Int.max)"
        ),
        (
            "  DoReFa:", "  lsq:",
            "quick.yaml:1: the file is a mapping, expected rows and columns whose names differ in "
                + "letters or digits"
        ),
        (
            "  LSQ+: {}", "  LSQ+: 3",
            "quick.yaml:12: rows.LSQ+ is '3', expected a mapping of keys to values"
        ),
        (
            "weights.method: dorefa", "weights.method: doref",
            "quick.yaml:13: stages.quantize.weights.method is 'doref', expected one of lsq, lsq+, "
                + "llsq, lg-lsq, ewgs, dorefa"
        ),
        (
            "weights.method: dorefa", "weights.metod: dorefa",
            "quick.yaml:13: unknown key 'metod' in stages.quantize.weights; known: bits, budget, "
                + "choices, method, initialization, narrow, per-channel, delta, oscillations, "
                + "rounding, discretization, step-gradient, probe"
        ),
        (
            "bits.default: 2", "bits.default: 1",
            "quick.yaml:17: stages.quantize.weights.bits.default is '1', expected a whole number in "
                + "2...8"
        ),
        (
            "stages.quantize.train: {epochs: 1,", "stages.quantize.train: {epoch: 1,",
            "quick.yaml:18: unknown key 'epoch' in stages.quantize.train; known: epochs, batch-size, "
                + "optimizer, momentum, nesterov, learning-rate, schedule, warm-up, weight-decay, "
                + "shift, flip, label-smoothing, distillation, temperature"
        ),
        (
            "seeds: [1, 2]", "seeds: [1, 1]",
            "quick.yaml:3: seeds is a list, expected seeds that differ from one another"
        ),
        (
            "architecture: digits-cnn", "architecture: digits",
            "quick.yaml:6: network.architecture is 'digits', expected one of "
                + Architecture.allCases.map(\.rawValue).joined(separator: ", ")
        ),
    ]

    @Test(arguments: errors)
    func `that is wrong is refused with file and line`(
        old: String, new: String, message: String
    ) throws {
        let folder = try TemporaryFolder()
        do {
            _ = try experiment(folder, quick.replacingOccurrences(of: old, with: new))
            Issue.record("no error")
        } catch {
            let text = "\(error)".replacingOccurrences(of: folder.path + "/", with: "")
            #expect(text == message)
        }
    }

    static let shipped = try! FileManager.default.contentsOfDirectory(
        atPath: packageFolder + "/Pipelines/experiments"
    ).filter { $0.hasSuffix(".yaml") }.sorted()

    @Test(arguments: shipped) func `that comes with the project is right`(name: String) throws {
        let folder = try TemporaryFolder()
        let experiment = try Experiment(path: packageFolder + "/Pipelines/experiments/" + name)
        for cell in experiment.cells {
            let file = try PipelineFile(path: folder.file("\(cell.name).yaml", cell.yaml))
            #expect(file.stages.last?.kind == .encode)
        }
        // What comes before the first quantization runs for several rows of a column and a seed.
        var keys: [String: Set<String>] = [:]
        for cell in experiment.cells {
            let file = try PipelineFile(path: folder.file("\(cell.name).yaml", cell.yaml))
            let first = try #require(file.stages.firstIndex { $0.kind == .quantize })
            keys["\(cell.column) \(cell.seed)", default: []].insert(file.key(ofStage: first - 1))
        }
        #expect(keys.count == experiment.columns.count * experiment.seeds.count)
        #expect(keys.values.allSatisfy { $0.count <= max(1, experiment.rows.count / 2) })
        // The first lines say how long it takes.
        let text = try String(contentsOfFile: experiment.path, encoding: .utf8)
        let head = text.split(separator: "\n").prefix { $0.hasPrefix("#") }.joined()
        #expect(head.contains(" minutes"))
    }
}
