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

    /// Up to where the longest name reaches, and the lowest.
    private var size: (width: Double, height: Double) {
        let longest = lines.map { Self.width(of: $0.name, fontSize: 13) }.max() ?? 0
        return (
            max(760, frame.right + 42 + longest + 10),
            max(400, frame.top + 24 + 22 * Double(lines.count))
        )
    }

    /// A little more than most fonts without serifs take.
    private static func width(of text: String, fontSize: Double) -> Double {
        0.58 * fontSize * Double(text.count)
    }

    private static let colors = [
        "#2b50c8", "#c2570c", "#0f8a7e", "#8a3fb0", "#b3243d", "#5d6b12", "#4c4c57",
    ]
    /// Of the lines that come when all colours are taken.
    private static let dashes = ["none", "7 4", "2 3"]

    /// No two of 21 lines look alike.
    private static func stroke(ofLine index: Int) -> (color: String, dashes: String) {
        (colors[index % colors.count], dashes[index / colors.count % dashes.count])
    }

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
            ticks = Self.sizes(from: low, to: high).map { (log10($0), NumberText.size(Int($0))) }
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
                "xmlns": "http://www.w3.org/2000/svg",
                "viewBox": "0 0 \(Markup.place(size.width)) \(Markup.place(size.height))",
                "role": "img", "aria-label": caption,
            ],
            [Markup("style", [.raw(Self.style)])] + axes
                + lines.enumerated().flatMap { draw($1, index: $0) } + labels + legend)
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

    /// Round sizes within a range, three to nine of them: the coarsest steps that give three.
    private static func sizes(from low: Double, to high: Double) -> [Double] {
        let steps: [[Double]] = [
            [1, 2, 5], (1...9).map { Double($0) }, (10...99).map { Double($0) / 10 },
        ]
        var sizes: [Double] = []
        for digits in steps {
            sizes = (0...9).flatMap { power in digits.map { $0 * pow(10, Double(power)) } }
                .filter { $0 >= low && $0 <= high }
            if sizes.count >= 3 { break }
        }
        let stride = (sizes.count + 8) / 9
        return sizes.enumerated().filter { $0.offset.isMultiple(of: max(stride, 1)) }.map(\.element)
    }

    private func draw(_ line: Line, index: Int) -> [Markup] {
        let (color, dashes) = Self.stroke(ofLine: index)
        let points = line.points.map { "\(Markup.place(x($0))),\(Markup.place(y($0.mean)))" }
        var marks = [
            Markup(
                "polyline",
                [
                    "points": points.joined(separator: " "), "fill": "none", "stroke": color,
                    "stroke-width": "1.8", "stroke-dasharray": dashes,
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
        }
        return marks
    }

    /// A label beside each point that has one, on the first side where no other label is.
    private var labels: [Markup] {
        var taken: [(x: ClosedRange<Double>, y: ClosedRange<Double>)] = []
        var marks: [Markup] = []
        for point in lines.flatMap(\.points) {
            guard let label = point.label else { continue }
            let width = Self.width(of: label, fontSize: 12)
            let (px, py) = (x(point), y(point.mean))
            let places = [-6.0, 16, -20, 30].flatMap {
                [(px + 7, py + $0), (px - 7 - width, py + $0)]
            }
            let free = places.first { place in
                place.0 >= frame.left
                    && !taken.contains {
                        $0.x.overlaps(place.0...place.0 + width)
                            && $0.y.overlaps(place.1 - 11...place.1 + 2)
                    }
            }
            let place = free ?? places[0]
            taken.append((place.0...place.0 + width, place.1 - 11...place.1 + 2))
            marks.append(.label(label, "axis", x: place.0, y: place.1))
        }
        return marks
    }

    private var legend: [Markup] {
        lines.enumerated().flatMap { index, line in
            let y = frame.top + 12 + 22 * Double(index)
            let (color, dashes) = Self.stroke(ofLine: index)
            let (left, right) = (frame.right + 10, frame.right + 34)
            return [
                Markup(
                    "line",
                    [
                        "x1": Markup.place(left), "x2": Markup.place(right),
                        "y1": Markup.place(y - 4), "y2": Markup.place(y - 4), "stroke": color,
                        "stroke-width": "1.8", "stroke-dasharray": dashes,
                    ]),
                Markup(
                    "circle",
                    [
                        "cx": Markup.place((left + right) / 2), "cy": Markup.place(y - 4),
                        "r": "3.5", "fill": color,
                    ]),
                Markup.label(line.name, "", x: frame.right + 42, y: y),
            ]
        }
    }
}
