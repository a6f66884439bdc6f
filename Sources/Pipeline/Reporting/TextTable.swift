/// A table of text, which a terminal, a Markdown file and a web page show alike.
package struct TextTable: Sendable, Equatable {
    package enum Alignment: Sendable { case leading, trailing }

    package struct Column: Sendable, Equatable {
        var title: String
        var alignment: Alignment

        /// A column of words.
        package static func words(_ title: String) -> Column {
            Column(title: title, alignment: .leading)
        }
        /// A column of numbers, which end in one line.
        package static func numbers(_ title: String) -> Column {
            Column(title: title, alignment: .trailing)
        }
    }

    let columns: [Column]
    private(set) var rows: [[String]] = []
    private(set) var total: [String]?

    package init(_ columns: [Column]) { self.columns = columns }

    package mutating func append(_ cells: [String]) {
        check(cells)
        rows.append(cells)
    }

    /// A last row below a rule.
    package mutating func close(withTotal cells: [String]) {
        check(cells)
        total = cells
    }

    private func check(_ cells: [String]) {
        precondition(
            cells.count == columns.count, "\(cells.count) cells in a table of \(columns.count)")
    }

    /// Columns that line up, two spaces apart; no space ends a line.
    ///
    /// - Parameter usesColor: whether the header is bold.
    package func text(usesColor: Bool) -> String {
        let header = columns.map(\.title)
        let lines = [header] + rows + (total.map { [$0] } ?? [])
        let widths = columns.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        let rule = widths.map { String(repeating: "─", count: $0) }.joined(separator: "  ")
        let title = line(header, widths)
        var text = [usesColor ? "\u{1B}[1m\(title)\u{1B}[0m" : title, rule]
        text += rows.map { line($0, widths) }
        if let total { text += [rule, line(total, widths)] }
        return text.map { $0 + "\n" }.joined()
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        var line = ""
        for (column, cell) in cells.enumerated() {
            let padding = String(repeating: " ", count: widths[column] - cell.count)
            line += column > 0 ? "  " : ""
            line += columns[column].alignment == .leading ? cell + padding : padding + cell
        }
        while line.last == " " { line.removeLast() }
        return line
    }

    /// The total is bold.
    package var markdown: String {
        let rules = columns.map { $0.alignment == .leading ? ":--" : "--:" }
        var lines = [columns.map { Self.escaped($0.title) }, rules]
        lines += rows.map { $0.map(Self.escaped) }
        if let total { lines.append(total.map { "**\(Self.escaped($0))**" }) }
        return lines.map { "| " + $0.joined(separator: " | ") + " |\n" }.joined()
    }

    /// Text that Markdown shows as it is inside a table's cell; a line break becomes `<br>`.
    package static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "\n": escaped += "<br>"
            case "<": escaped += "&lt;"
            case "&": escaped += "&amp;"
            case "|", "\\", "*", "_", "`", "[", "]": escaped += "\\\(character)"
            default: escaped.append(character)
            }
        }
        return escaped
    }

    /// A `table` element; cells of numbers have the class `number`.
    package var html: String {
        let head = Markup("tr", row(columns.map(\.title), "th"))
        let body = rows.map { Markup("tr", row($0, "td")) }
        var parts = [Markup("thead", [head]), Markup("tbody", body)]
        if let total { parts.append(Markup("tfoot", [Markup("tr", row(total, "td"))])) }
        return Markup("table", parts).source
    }

    private func row(_ cells: [String], _ name: String) -> [Markup] {
        zip(columns, cells).map { column, cell in
            let isNumber = column.alignment == .trailing
            return Markup(name, isNumber ? ["class": "number"] : [:], [.text(cell)])
        }
    }
}
