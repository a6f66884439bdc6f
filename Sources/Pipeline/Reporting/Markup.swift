/// A piece of HTML or SVG in the syntax of XML; text and attributes are escaped.
struct Markup: Sendable {
    let source: String

    init(
        _ name: String, _ attributes: KeyValuePairs<String, String> = [:], _ content: [Markup] = []
    ) {
        let list = attributes.map { " \($0.key)=\"\(Self.escaped($0.value))\"" }.joined()
        source =
            content.isEmpty && Self.mayBeEmpty.contains(name)
            ? "<\(name)\(list)/>"
            : "<\(name)\(list)>" + content.map(\.source).joined() + "</\(name)>"
    }

    init(_ name: String, _ content: [Markup]) { self.init(name, [:], content) }

    private init(source: String) { self.source = source }

    static func text(_ text: String) -> Markup { Markup(source: escaped(text)) }

    /// Text that is markup already.
    static func raw(_ source: String) -> Markup { Markup(source: source) }

    static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }

    /// Elements that end themselves; in HTML others may not.
    private static let mayBeEmpty: Set<String> = ["meta", "rect", "line", "circle", "polyline"]
}

/// Shapes of a drawing, placed in the units of its `viewBox`.
extension Markup {
    static func rect(
        _ kind: String, x: Double, y: Double, width: Double, height: Double, radius: Double = 3
    ) -> Markup {
        Markup(
            "rect",
            [
                "class": kind, "x": place(x), "y": place(y), "width": place(max(width, 0)),
                "height": place(height), "rx": place(radius),
            ])
    }

    static func line(_ kind: String, x1: Double, y1: Double, x2: Double, y2: Double) -> Markup {
        Markup(
            "line",
            ["class": kind, "x1": place(x1), "y1": place(y1), "x2": place(x2), "y2": place(y2)])
    }

    static func circle(_ kind: String, x: Double, y: Double, radius: Double) -> Markup {
        Markup("circle", ["class": kind, "cx": place(x), "cy": place(y), "r": place(radius)])
    }

    /// - Parameter anchor: `start`, `middle` or `end`, which part of the text is at `x`.
    static func label(
        _ text: String, _ kind: String, x: Double, y: Double, anchor: String = "start"
    ) -> Markup {
        Markup(
            "text", ["class": kind, "x": place(x), "y": place(y), "text-anchor": anchor],
            [.text(text)])
    }

    static func place(_ value: Double) -> String { NumberText.decimals(value, 1) }
}
