/// Reports of one pipeline that differ in their seed and ended with the same stage.
struct SeedGroup: Sendable {
    let pipeline: String
    /// By seed; at least one, and each has a stage.
    let reports: [PipelineReport]

    /// Sorted by name. A report that is there twice counts once; one without stages does not count.
    static func groups(of reports: [PipelineReport]) -> [SeedGroup] {
        struct Key: Hashable {
            let pipeline: String
            let stage: String
        }
        var members: [Key: [PipelineReport]] = [:]
        for report in reports {
            guard let last = report.stages.last else { continue }
            let key = Key(pipeline: report.pipeline, stage: last.stage)
            if members[key]?.contains(report) != true { members[key, default: []].append(report) }
        }
        return members.sorted { ($0.key.pipeline, $0.key.stage) < ($1.key.pipeline, $1.key.stage) }
            .map { key, reports in
                SeedGroup(
                    pipeline: key.pipeline, reports: reports.sorted { $0.seed < $1.seed })
            }
    }

    static var columns: [TextTable.Column] {
        [
            .words("pipeline"), .words("seeds"), .numbers("test error, float %"),
            .numbers("test error, final %"), .numbers("bytes"), .numbers("ratio ×"),
            .numbers("weight bits"), .numbers("activation bits"), .numbers("engine agreement %"),
            .numbers("minutes"),
        ]
    }

    /// The notes of reports, each once, with the mark that stands for it.
    static func notes(of groups: [SeedGroup]) -> [(mark: String, note: String)] {
        var notes: [String] = []
        for note in groups.flatMap(\.reports).compactMap(\.note) where !notes.contains(note) {
            notes.append(note)
        }
        return notes.enumerated().map { (String(repeating: "†", count: $0 + 1), $1) }
    }

    /// - Parameter notes: a seed whose report has one of these is marked.
    func cells(notes: [(mark: String, note: String)]) -> [String] {
        [
            name,
            reports.map { report in
                "\(report.seed)" + (notes.first { $0.note == report.note }?.mark ?? "")
            }.joined(separator: ", "),
            sample { 1 - $0.stages[0].accuracy.top1 }.text(NumberText.percent),
            sample { 1 - $0.end.accuracy.top1 }.text(NumberText.percent),
            sample { Double($0.end.bytes.stored) }.text { NumberText.grouped(Int($0.rounded())) },
            sample { $0.end.compressionRatio }.text { NumberText.decimals($0, 1) },
            bits { $0.weightBits }, bits { $0.activationBits }, agreement,
            sample { $0.stages.reduce(0) { $0 + $1.seconds } / 60 }
                .text { NumberText.decimals($0, 1) },
        ]
    }

    /// A pipeline without a file yet says how far it is.
    private var name: String {
        let end = reports[0].end
        return end.engine == nil ? "\(pipeline) (up to \(end.stage))" : pipeline
    }

    private var agreement: String {
        let values = reports.compactMap { $0.engine?.agreement }
        guard values.count == reports.count else { return NumberText.none }
        return Sample(values).text(NumberText.agreement)
    }

    /// `3`, or where layers differ `3–8`.
    private func bits(_ value: (StageReport.Layer) -> Int?) -> String {
        let bits = reports.flatMap { $0.end.layers.compactMap(value) }
        guard let least = bits.min(), let most = bits.max() else { return NumberText.none }
        return least == most ? "\(least)" : "\(least)–\(most)"
    }

    private func sample(_ value: (PipelineReport) -> Double) -> Sample {
        Sample(reports.map(value))
    }
}

extension PipelineReport {
    /// The last stage that has run.
    fileprivate var end: StageReport { stages[stages.count - 1] }
}
