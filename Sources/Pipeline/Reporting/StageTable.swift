extension PipelineReport {
    /// A row for each stage: its size, and what is left of the accuracy.
    var stageTable: TextTable {
        var table = TextTable([
            .words("stage"), .numbers("size"), .numbers("bytes"), .numbers("ratio"),
            .numbers("nonzeros"), .numbers("%"), .numbers("validation %"), .numbers("test %"),
            .numbers("change"), .numbers("time"),
        ])
        for (index, stage) in stages.enumerated() {
            let change = stage.accuracy.top1 - stages[0].accuracy.top1
            table.append([
                stage.stage, NumberText.size(stage.bytes.stored),
                NumberText.grouped(stage.bytes.stored), NumberText.ratio(stage.compressionRatio),
                NumberText.grouped(stage.parameters.nonzero),
                NumberText.percent(stage.parameters.density),
                stage.validation.map { NumberText.percent($0.top1) } ?? NumberText.none,
                NumberText.percent(stage.accuracy.top1),
                index == 0 ? NumberText.none : NumberText.points(change),
                formatted(seconds: stage.seconds),
            ])
        }
        return table
    }
}

extension StageReport.Parameters {
    var density: Double { Double(nonzero) / Double(max(total, 1)) }
}

extension StageReport {
    /// One line for a stage that is done.
    package func summary(total: Int, number: Int) -> String {
        let facts = [
            "\(NumberText.size(bytes.stored)) (\(NumberText.ratio(compressionRatio)))",
            "\(NumberText.percent(parameters.density)) % nonzero",
            validation.map { "validation \(NumberText.percent($0.top1)) %" },
            "test \(NumberText.percent(accuracy.top1)) %",
            calibration?.sentence,
            formatted(seconds: seconds),
        ]
        return "[\(number)/\(total)] \(stage): "
            + facts.compactMap { $0 }.joined(separator: ", ")
    }
}

extension StageReport.Calibration {
    var sentence: String {
        let added = [
            equalization ? "channels equalized" : nil, biasCorrection ? "biases corrected" : nil,
        ]
        return
            (["calibrated on \(NumberText.grouped(images)) images by \(name)"]
            + added.compactMap { $0 }).joined(separator: ", ")
    }

    private var name: String { method + (percentile.map { " \($0)" } ?? "") }
}
