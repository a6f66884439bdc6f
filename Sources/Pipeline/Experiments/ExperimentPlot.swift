import Foundation

/// Test error by column or by size, with bars of one standard deviation: a line for each row, or
/// for each column through its rows.
struct ExperimentPlot {
    private struct Point {
        var x: Double
        var mean: Double
        var deviation: Double
        var label: String?
    }

    private struct Line {
        var name: String
        var points: [Point]
    }

    private let lines: [Line]
    /// Labels below the axis, by place.
    private let ticks: [(x: Double, text: String)]
    private let isLogarithmic: Bool
    private let xs: ClosedRange<Double>
    private let ys: ClosedRange<Double>
    private let caption: String

    private let frame = (left: 70.0, right: 560.0, top: 24.0, bottom: 360.0)
    private static let colors = [
        "#2b50c8", "#c2570c", "#0f8a7e", "#8a3fb0", "#b3243d", "#5d6b12", "#4c4c57",
    ]

    init(_ results: ExperimentResults) {
        let experiment = results.experiment
        func point(_ row: Int, _ column: Int, x: Double? = nil, label: String? = nil) -> Point? {
            guard let error = results.sample(row, column, ExperimentResults.error),
                let bytes = results.sample(row, column, ExperimentResults.bytes)
            else { return nil }
            return Point(
                x: x ?? bytes.mean, mean: 100 * error.mean,
                deviation: 100 * (error.deviation ?? 0), label: label)
        }
        let (rows, columns) = (experiment.rows, experiment.columns)
        isLogarithmic = experiment.plot == .size
        switch experiment.plot {
        case .columns:
            lines = rows.indices.map { row in
                // Side by side, so that bars do not hide each other.
                let shift = 0.24 * (Double(row) / Double(max(rows.count - 1, 1)) - 0.5)
                return Line(
                    name: rows[row],
                    points: columns.indices.compactMap { point(row, $0, x: Double($0) + shift) })
            }
            ticks = columns.enumerated().map { (Double($0), $1) }
            xs = -0.4...Double(columns.count - 1) + 0.4
            caption = "test error, %"
        case .size:
            lines = columns.indices.map { column in
                Line(
                    name: columns[column],
                    points: rows.indices.compactMap { point($0, column, label: rows[$0]) })
            }
            let sizes = lines.flatMap { $0.points.map(\.x) }
            let (low, high) = ((sizes.min() ?? 1) / 1.15, (sizes.max() ?? 10) * 1.3)
            xs = log10(low)...log10(high)
            ticks = [1, 2, 5].flatMap { digit in
                (0...9).map { Double(digit) * pow(10, Double($0)) }
            }.filter { $0 >= low && $0 <= high }
                .map { (log10($0), NumberText.size(Int($0))) }
            caption = "test error, %, by size of the file (log scale)"
        }
        let ends = lines.flatMap { line in
            line.points.flatMap { [$0.mean - $0.deviation, $0.mean + $0.deviation] }
        }
        let (low, high) = (ends.min() ?? 0, ends.max() ?? 1)
        let margin = max((high - low) * 0.06, 0.01)
        ys = max(low - margin, 0)...high + margin
    }

    var svg: Markup {
        Markup(
            "svg",
            [
                "xmlns": "http://www.w3.org/2000/svg", "viewBox": "0 0 760 400", "role": "img",
                "aria-label": caption,
            ],
            [Markup("style", [.raw(Self.style)])] + axes
                + lines.enumerated().flatMap {
                    draw($1, color: Self.colors[$0 % Self.colors.count])
                }
                + legend)
    }

    private static let style = """
        svg { background: #ffffff; }
        text { font: 13px system-ui, sans-serif; fill: #1d1d20; }
        .axis { font-size: 12px; fill: #6a6b73; }
        .grid { stroke: #e3e1db; stroke-width: 1; }
        """

    private func x(_ value: Double) -> Double {
        frame.left + (frame.right - frame.left) * (value - xs.lowerBound)
            / (xs.upperBound - xs.lowerBound)
    }

    private func x(_ point: Point) -> Double { x(isLogarithmic ? log10(point.x) : point.x) }

    private func y(_ value: Double) -> Double {
        frame.bottom - (frame.bottom - frame.top) * (value - ys.lowerBound)
            / (ys.upperBound - ys.lowerBound)
    }

    private var axes: [Markup] {
        let step = Self.tickStep(ys.upperBound - ys.lowerBound)
        let places = step >= 1 ? 0 : step >= 0.1 ? 1 : 2
        var marks: [Markup] = [.label(caption, "axis", x: frame.left, y: 14)]
        var value = (ys.lowerBound / step).rounded(.up) * step
        while value <= ys.upperBound {
            marks += [
                .line("grid", x1: frame.left, y1: y(value), x2: frame.right, y2: y(value)),
                .label(
                    NumberText.decimals(value, places), "axis", x: frame.left - 8,
                    y: y(value) + 4, anchor: "end"),
            ]
            value += step
        }
        return marks
            + ticks.map {
                .label($0.text, "axis", x: x($0.x), y: frame.bottom + 20, anchor: "middle")
            }
    }

    /// 1, 2 or 5 times a power of ten: about six steps in a range.
    private static func tickStep(_ range: Double) -> Double {
        let raw = max(range, 1e-9) / 6
        let power = pow(10, log10(raw).rounded(.down))
        return [1, 2, 5, 10].map { $0 * power }.first { $0 >= raw } ?? raw
    }

    private func draw(_ line: Line, color: String) -> [Markup] {
        let points = line.points.map { "\(Markup.place(x($0))),\(Markup.place(y($0.mean)))" }
        var marks = [
            Markup(
                "polyline",
                [
                    "points": points.joined(separator: " "), "fill": "none", "stroke": color,
                    "stroke-width": "1.8",
                ])
        ]
        for point in line.points {
            let place = Markup.place(x(point))
            marks += [
                Markup(
                    "line",
                    [
                        "x1": place, "x2": place,
                        "y1": Markup.place(y(point.mean - point.deviation)),
                        "y2": Markup.place(y(point.mean + point.deviation)), "stroke": color,
                    ]),
                Markup(
                    "circle",
                    ["cx": place, "cy": Markup.place(y(point.mean)), "r": "3.5", "fill": color]),
            ]
            if let label = point.label {
                marks.append(.label(label, "axis", x: x(point) + 7, y: y(point.mean) - 6))
            }
        }
        return marks
    }

    private var legend: [Markup] {
        lines.enumerated().flatMap { index, line in
            let y = frame.top + 12 + 22 * Double(index)
            let color = Self.colors[index % Self.colors.count]
            return [
                Markup(
                    "circle",
                    [
                        "cx": Markup.place(frame.right + 22), "cy": Markup.place(y - 4), "r": "4",
                        "fill": color,
                    ]),
                Markup.label(line.name, "", x: frame.right + 34, y: y),
            ]
        }
    }
}
