/// A drawing with a row for each layer: where the bytes are, and how full the layer is.
///
/// A mark on a layer's bar is its entropy bound. A coding that uses where the nonzeros are can end
/// before the mark; tables, headers and whole bits take a bar beyond it.
struct LayerChart {
    private let stage: StageReport
    private let largest: Double

    private let bars = (left: 190.0, right: 540.0)
    private let density = (left: 700.0, right: 800.0)
    private let top = 40.0
    private let step = 34.0

    init(_ stage: StageReport) {
        self.stage = stage
        largest = Double(
            stage.layers.map { max($0.bytes, $0.entropyBoundBytes ?? 0) }
                .reduce(max(stage.bytesOutsideLayers, 1), max))
    }

    var svg: Markup {
        let height = top + step * Double(stage.layers.count + 1) + 8
        return Markup(
            "svg",
            [
                "viewBox": "0 0 880 \(Markup.place(height))", "role": "img",
                "aria-label": "Bytes and density of each layer",
            ],
            headings + stage.layers.enumerated().flatMap { layer($0.element, $0.offset) } + rest)
    }

    private var headings: [Markup] {
        var headings = [Markup.label("bytes", "axis", x: bars.left, y: 20)]
        if stage.layers.contains(where: { $0.entropyBoundBytes != nil }) {
            headings += [
                .line("mark", x1: bars.left + 58, y1: 7, x2: bars.left + 58, y2: 25),
                .label("order-0 entropy of the layer", "axis", x: bars.left + 66, y: 20),
            ]
        }
        return headings + [.label("weights kept", "axis", x: density.left, y: 20)]
    }

    private func layer(_ layer: StageReport.Layer, _ index: Int) -> [Markup] {
        let y = top + step * (Double(index) + 0.5)
        let kept = (density.right - density.left) * layer.density
        return bar(layer.name, bytes: layer.bytes, bound: layer.entropyBoundBytes, y: y) + [
            .rect("track", x: density.left, y: y - 5, width: 100, height: 10),
            .rect("kept", x: density.left, y: y - 5, width: max(kept, 1.5), height: 10, radius: 2),
            .label(
                NumberText.percent(layer.density) + " %", "value", x: 876, y: y + 5, anchor: "end"),
        ]
    }

    private var rest: [Markup] {
        let y = top + step * (Double(stage.layers.count) + 0.5)
        return bar("graph, scales, biases", bytes: stage.bytesOutsideLayers, bound: nil, y: y)
    }

    private func bar(_ name: String, bytes: Int, bound: Int?, y: Double) -> [Markup] {
        let scale = (bars.right - bars.left) / largest
        let share = NumberText.decimals(100 * Double(bytes) / Double(max(stage.bytes.stored, 1)), 1)
        let mark = bars.left + scale * Double(bound ?? 0)
        let end = max(bars.left + scale * Double(bytes), mark)
        let size = Markup("tspan", ["class": "strong"], [.text(NumberText.size(bytes))])
        var bar = [
            Markup.label(name, "name", x: bars.left - 14, y: y + 5, anchor: "end"),
            .rect(
                bound == nil ? "bar" : "bar last", x: bars.left, y: y - 9,
                width: scale * Double(bytes), height: 18, radius: 2),
            Markup(
                "text", ["class": "value", "x": Markup.place(end + 10), "y": Markup.place(y + 5)],
                [size, .text("  \(share) %")]),
        ]
        if bound != nil {
            bar.append(.line("mark", x1: mark, y1: y - 13, x2: mark, y2: y + 13))
        }
        return bar
    }
}
