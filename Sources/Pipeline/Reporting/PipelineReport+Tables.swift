extension PipelineReport {
    /// What a terminal shows of a pipeline: its stages, its layers, and the engine.
    ///
    /// - Parameter usesColor: whether headers are bold; for a terminal without `NO_COLOR`.
    public func tables(usesColor: Bool) -> String {
        guard let last = stages.last else { return "\(pipeline): no stage has run\n" }
        var text = "\(pipeline), seed \(seed): \(method)\n\n"
        text += stageTable.text(usesColor: usesColor)
        for stage in stages {
            if let calibration = stage.calibration {
                text += "\n\(stage.stage): \(calibration.sentence)\n"
            }
        }
        text += "\nlayers after \(last.stage)\n\n" + last.layerTable.text(usesColor: usesColor)
        if let engine { text += "\n\(engine.sentence)\n" }
        return text
    }
}

extension StageReport.Engine {
    var sentence: String {
        "engine (\(isa)): test \(NumberText.percent(top1)) %, "
            + "agrees with the fake-quantized network on "
            + "\(NumberText.agreement(agreement)) %\(inFloat), \(speed) µs/sample"
    }

    /// Says where the roundings of `Float` change what the network predicts.
    private var inFloat: String {
        guard let agreementInFloat else { return "" }
        let text = NumberText.agreement(agreementInFloat)
        return text == NumberText.agreement(agreement) ? "" : " (with sums in Float: \(text) %)"
    }

    /// Microseconds for a sample; two digits where there is less than one.
    var speed: String {
        NumberText.decimals(microsecondsPerSample, microsecondsPerSample < 1 ? 2 : 1)
    }
}
