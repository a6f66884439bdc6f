extension PipelineReport {
    /// One page that needs nothing from elsewhere: the numbers of `tables`, and drawings of them.
    public func html() -> String {
        let head = Markup(
            "head",
            [
                Markup("meta", ["charset": "utf-8"]),
                Markup(
                    "meta",
                    ["name": "viewport", "content": "width=device-width, initial-scale=1"]),
                Markup("title", [.text("\(pipeline) · shrink")]),
                Markup("style", [.raw(PageStyle.css)]),
            ])
        let main = Markup("main", [pageHeader, facts] + sections)
        let page = Markup("html", ["lang": "en"], [head, Markup("body", [main])])
        return "<!DOCTYPE html>\n\(page.source)\n"
    }

    private var pageHeader: Markup {
        // Without a method of its own it has the pipeline's name.
        var lines = ["seed \(seed) · \(time) for all stages"]
        if method != pipeline { lines.insert(method, at: 0) }
        let title = Markup(
            "div",
            [Markup("h1", [.text(pipeline)])] + lines.map { Markup("p", [.text($0)]) })
        guard let last = stages.last else { return Markup("header", [title]) }
        let drawing = ScaleDrawing(before: last.bytes.float32, after: last.bytes.stored)
        return Markup("header", [title, drawing.svg])
    }

    private var time: String { formatted(seconds: stages.reduce(0) { $0 + $1.seconds }) }

    /// The few numbers that one asks for first.
    private var facts: Markup {
        guard let first = stages.first, let last = stages.last else { return Markup("div", []) }
        var facts = [
            Self.fact(
                NumberText.ratio(last.compressionRatio), "smaller than 32-bit floats"),
            Self.fact(
                NumberText.size(last.bytes.stored),
                "of \(NumberText.size(last.bytes.float32)), "
                    + "\(NumberText.percent(last.parameters.density)) % nonzero"),
            Self.fact(
                NumberText.percent(last.accuracy.top1) + " %",
                "test accuracy, "
                    + "\(NumberText.points(last.accuracy.top1 - first.accuracy.top1)) points"),
        ]
        if let engine {
            facts.append(
                Self.fact(
                    engine.speed + " µs",
                    "a sample (\(engine.isa)), \(NumberText.agreement(engine.agreement)) % agreement"
                ))
        }
        return Markup("div", ["class": "facts"], facts)
    }

    private static func fact(_ value: String, _ meaning: String) -> Markup {
        Markup(
            "div", ["class": "fact"],
            [Markup("strong", [.text(value)]), Markup("span", [.text(meaning)])])
    }

    private var sections: [Markup] {
        guard let last = stages.last else { return [] }
        var sections = [
            Self.section(
                "Stage by stage",
                "The size after encode is the file's, with all it holds; before, it is what the "
                    + "network would take if it were encoded now." + calibrations,
                [SizeChart(stages).svg, .raw(stageTable.html)]),
            Self.section(
                "Layers after \(last.stage)",
                "Where the \(NumberText.grouped(last.bytes.stored)) bytes are. "
                    + StageReport.layerLegend.map { "\($0)." }.joined(separator: " "),
                [LayerChart(last).svg, .raw(last.layerTable.html)]),
        ]
        if let engine {
            sections.append(
                Self.section(
                    "Engine",
                    engine.sentence + (engine.explanation.map { ". \($0)" } ?? ""), []))
        }
        return sections
    }

    private var calibrations: String {
        stages.compactMap { stage in
            stage.calibration.map { " \(stage.stage): \($0.sentence), without labels." }
        }.joined()
    }

    private static func section(_ title: String, _ text: String, _ content: [Markup]) -> Markup {
        Markup(
            "section",
            [Markup("h2", [.text(title)]), Markup("p", [.text(text)])]
                + content.map { Markup("div", ["class": "wide"], [$0]) })
    }
}
