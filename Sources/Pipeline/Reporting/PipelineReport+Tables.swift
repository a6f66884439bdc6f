extension PipelineReport {
    /// What a terminal shows of a pipeline: its stages, its layers, and the engine.
    ///
    /// - Parameter usesColor: whether headers are bold; for a terminal without `NO_COLOR`.
    public func tables(usesColor: Bool) -> String {
        guard let last = stages.last else { return "\(pipeline): no stage has run\n" }
        // Without a method of its own it has the pipeline's name.
        var text = "\(pipeline), seed \(seed)\(method == pipeline ? "" : ": \(method)")\n\n"
        text += stageTable.text(usesColor: usesColor)
        for stage in stages {
            if let calibration = stage.calibration {
                text += "\n\(stage.stage): \(calibration.sentence)\n"
            }
        }
        text += "\nlayers after \(last.stage)\n\n" + last.layerTable.text(usesColor: usesColor)
        text += "\n" + StageReport.layerLegend.joined(separator: "\n") + "\n"
        if let engine {
            text += "\n\(engine.sentence)\n"
            if let explanation = engine.explanation { text += explanation + "\n" }
        }
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
        differingAgreement.map { " (with sums in Float: \($0) %)" } ?? ""
    }

    /// What the two figures are, where there are two.
    var explanation: String? {
        differingAgreement.map { _ in
            "The first agreement is with the network computed exactly; the second is with its forward "
                + "pass in Float, by which the stages before encode are measured, and whose sums are "
                + "rounded: now and then to another code, so that accuracies differ, too."
        }
    }

    private var differingAgreement: String? {
        guard let agreementInFloat else { return nil }
        let text = NumberText.agreement(agreementInFloat)
        return text == NumberText.agreement(agreement) ? nil : text
    }

    /// Microseconds for a sample; two digits where there is less than one.
    var speed: String {
        NumberText.decimals(microsecondsPerSample, microsecondsPerSample < 1 ? 2 : 1)
    }
}
