/// A drawing with a row for each layer: where the bytes are, and how full the layer is.
///
/// A layer's bar is dark up to its entropy bound and light for what the coding takes beyond it.
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
            max(stage.layers.map(\.bytes).max() ?? 1, stage.bytesOutsideLayers, 1))
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
                .rect("bar last", x: bars.left + 54, y: 10, width: 12, height: 12),
                .label("entropy bound", "axis", x: bars.left + 72, y: 20),
                .rect("bar", x: bars.left + 172, y: 10, width: 12, height: 12),
                .label("above it: tables, headers, whole bits", "axis", x: bars.left + 190, y: 20),
            ]
        }
        return headings + [.label("weights kept", "axis", x: density.left, y: 20)]
    }

    private func layer(_ layer: StageReport.Layer, _ index: Int) -> [Markup] {
        let y = top + step * (Double(index) + 0.5)
        let bound = min(layer.entropyBoundBytes ?? layer.bytes, layer.bytes)
        let kept = (density.right - density.left) * layer.density
        return bar(layer.name, bytes: layer.bytes, dark: bound, y: y) + [
            .rect("track", x: density.left, y: y - 5, width: 100, height: 10),
            .rect("kept", x: density.left, y: y - 5, width: max(kept, 1.5), height: 10, radius: 2),
            .label(
                NumberText.percent(layer.density) + " %", "value", x: 876, y: y + 5, anchor: "end"),
        ]
    }

    private var rest: [Markup] {
        let y = top + step * (Double(stage.layers.count) + 0.5)
        return bar("graph, scales, biases", bytes: stage.bytesOutsideLayers, dark: 0, y: y)
    }

    private func bar(_ name: String, bytes: Int, dark: Int, y: Double) -> [Markup] {
        let scale = (bars.right - bars.left) / largest
        let share = NumberText.decimals(100 * Double(bytes) / Double(max(stage.bytes.stored, 1)), 1)
        let end = bars.left + scale * Double(bytes)
        return [
            .label(name, "name", x: bars.left - 14, y: y + 5, anchor: "end"),
            .rect("bar", x: bars.left, y: y - 9, width: scale * Double(bytes), height: 18),
            .rect("bar last", x: bars.left, y: y - 9, width: scale * Double(dark), height: 18),
            Markup(
                "text", ["class": "value", "x": Markup.place(end + 10), "y": Markup.place(y + 5)],
                [
                    Markup("tspan", ["class": "strong"], [.text(NumberText.size(bytes))]),
                    .text("  \(share) %"),
                ]),
        ]
    }
}
