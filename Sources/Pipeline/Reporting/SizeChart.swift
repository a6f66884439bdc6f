import Foundation

/// A drawing with a row for each stage: a bar of its size on a log scale, dots for its accuracies.
///
///     stage   ┃▇▇▇▇▇▇▇▇▇▇▇▇▇ 1.07 MB  1.0×     ·  ○ ●   98.36 %
struct SizeChart {
    private let stages: [StageReport]
    private let smallest: Double
    private let largest: Double
    private let accuracies: ClosedRange<Double>

    private let bars = (left: 130.0, right: 500.0)
    private let dots = (left: 680.0, right: 800.0)
    private let top = 44.0
    private let step = 46.0
    private var bottom: Double { top + step * Double(stages.count) }

    init(_ stages: [StageReport]) {
        self.stages = stages
        let sizes = stages.map { Double(max($0.bytes.stored, 1)) }
        largest = sizes.max() ?? 1
        // The power of ten below the smallest size, so that its bar has a length.
        smallest = pow(10, (log10(sizes.min() ?? 1) - 0.15).rounded(.down))
        let shares = stages.flatMap { [$0.accuracy.top1] + ($0.validation.map { [$0.top1] } ?? []) }
        accuracies = (shares.min() ?? 0)...(shares.max() ?? 1)
    }

    var svg: Markup {
        let height = bottom + 34
        return Markup(
            "svg",
            [
                "viewBox": "0 0 880 \(Markup.place(height))", "role": "img",
                "aria-label": "Size and accuracy after each stage",
            ],
            headings + grid + stages.indices.flatMap(row) + [path])
    }

    private var headings: [Markup] {
        var headings = [
            Markup.label("stored size, log scale", "axis", x: bars.left, y: 22),
            .circle("dot", x: dots.left - 6, y: 18, radius: 5),
            .label("test", "axis", x: dots.left + 6, y: 22),
        ]
        if stages.contains(where: { $0.validation != nil }) {
            headings += [
                .circle("ring", x: dots.left + 50, y: 18, radius: 4.5),
                .label("validation", "axis", x: dots.left + 61, y: 22),
            ]
        }
        return headings
    }

    /// Powers of ten, and the least and the best accuracy.
    private var grid: [Markup] {
        var lines: [Markup] = []
        var power = smallest
        while power <= largest {
            let x = barEnd(power)
            lines += [
                .line("grid", x1: x, y1: top - 8, x2: x, y2: bottom),
                .label(Self.tick(power), "axis", x: x, y: bottom + 20, anchor: "middle"),
            ]
            power *= 10
        }
        for share in Set([accuracies.lowerBound, accuracies.upperBound]).sorted() {
            let text = NumberText.percent(share)
            lines.append(
                .label(text, "axis", x: dotPlace(share), y: bottom + 20, anchor: "middle"))
        }
        return lines
    }

    private func row(_ index: Int) -> [Markup] {
        let stage = stages[index]
        let y = top + step * (Double(index) + 0.5)
        let end = barEnd(Double(max(stage.bytes.stored, 1)))
        let isLast = index == stages.count - 1
        let kind = isLast ? "bar last" : "bar"
        let ratio = Markup(
            "tspan", ["class": "strong"], [.text(NumberText.ratio(stage.compressionRatio))])
        var row: [Markup] = [
            .label(stage.stage, "name", x: bars.left - 14, y: y + 5, anchor: "end"),
            .rect(kind, x: bars.left, y: y - 13, width: end - bars.left, height: 26),
            Markup(
                "text", ["class": "value", "x": Markup.place(end + 10), "y": Markup.place(y + 5)],
                [ratio, .text("  " + NumberText.size(stage.bytes.stored))]),
            .line("grid", x1: dots.left - 12, y1: y, x2: dots.right + 4, y2: y),
        ]
        if let validation = stage.validation {
            row.append(.circle("ring", x: dotPlace(validation.top1), y: y, radius: 4.5))
        }
        row += [
            .circle("dot", x: dotPlace(stage.accuracy.top1), y: y, radius: 5),
            .label(
                NumberText.percent(stage.accuracy.top1) + " %", isLast ? "value strong" : "value",
                x: 876, y: y + 5, anchor: "end"),
        ]
        return row
    }

    /// The way of the test accuracy from stage to stage.
    private var path: Markup {
        let points = stages.indices.map { index in
            let y = top + step * (Double(index) + 0.5)
            return Markup.place(dotPlace(stages[index].accuracy.top1)) + "," + Markup.place(y)
        }
        return Markup("polyline", ["class": "path", "points": points.joined(separator: " ")])
    }

    private func barEnd(_ bytes: Double) -> Double {
        guard largest > smallest else { return bars.right }
        let share = log(bytes / smallest) / log(largest / smallest)
        return bars.left + (bars.right - bars.left) * share
    }

    private func dotPlace(_ share: Double) -> Double {
        let width = accuracies.upperBound - accuracies.lowerBound
        guard width > 0 else { return (dots.left + dots.right) / 2 }
        return dots.left + (dots.right - dots.left) * (share - accuracies.lowerBound) / width
    }

    /// `1 KB`, `100 KB`, `10 MB`
    private static func tick(_ bytes: Double) -> String {
        let units = ["B", "KB", "MB", "GB"]
        let power = Int(log10(bytes).rounded())
        let unit = min(power / 3, units.count - 1)
        return "\(Int(pow(10, Double(power - 3 * unit)).rounded())) \(units[unit])"
    }
}
