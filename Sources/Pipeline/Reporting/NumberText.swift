import Foundation

/// How numbers are written in all reports.
package enum NumberText {
    /// Where there is no value.
    package static let none = "–"

    /// `43.2×`
    package static func ratio(_ value: Double) -> String { decimals(value, 1) + "×" }

    /// A share in percent without its sign: `98.42` for 0.9842.
    package static func percent(_ share: Double) -> String { decimals(100 * share, 2) }

    /// As `percent`, but only what is complete is 100.
    package static func agreement(_ share: Double) -> String {
        let text = percent(share)
        return share < 1 && text == "100.00" ? "> 99.99" : text
    }

    /// A difference of shares in points, with its sign: `−0.06`, `+0.12`, `0.00`.
    package static func points(_ difference: Double) -> String {
        let text = percent(abs(difference))
        if text == "0.00" { return text }
        return (difference < 0 ? "−" : "+") + text
    }

    /// `1,066,440`
    package static func grouped(_ value: Int) -> String {
        var text = ""
        for (place, digit) in String(value.magnitude).reversed().enumerated() {
            if place > 0, place.isMultiple(of: 3) { text.append(",") }
            text.append(digit)
        }
        return (value < 0 ? "−" : "") + String(text.reversed())
    }

    /// Three digits of a size, with 1 KB = 1000 bytes: `812 B`, `26.1 KB`, `1.07 MB`.
    package static func size(_ bytes: Int) -> String {
        var value = Double(bytes)
        for unit in ["B", "KB", "MB", "GB"] {
            // What would be rounded to 1000 belongs to the next unit.
            guard value >= 999.5, unit != "GB" else {
                let places = unit == "B" || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
                return decimals(value, places) + " " + unit
            }
            value /= 1000
        }
        return grouped(bytes) + " B"
    }

    /// A count in millions, or in thousands below 0.1 million: `1.07 million`, `3.2 thousand`.
    package static func large(_ count: Int) -> String {
        if count < 100_000 { return decimals(Double(count) / 1e3, 1) + " thousand" }
        return decimals(Double(count) / 1e6, count < 100_000_000 ? 2 : 0) + " million"
    }

    /// Numbers of channels, `[0.5, 0.4]`; of many features one, or the first ones.
    package static func list(_ values: [Float]) -> String {
        if values.count <= 8 { return "\(values)" }
        if values.allSatisfy({ $0 == values[0] }) { return "\(values[0]) each" }
        let first = values.prefix(4).map { "\($0)" }.joined(separator: ", ")
        return "[\(first), ... \(values.count) numbers]"
    }

    /// What pixels are multiplied by, as a fraction where it is one: `1/255`, `1/127.5`, `1`.
    package static func scale(_ scale: Float) -> String {
        let halves = (2 / scale).rounded()
        guard scale < 1, halves < 131_072, 2 / halves == scale else { return "\(scale)" }
        return "1/\(bits(Double(halves) / 2))"
    }

    /// A whole number as such, else one decimal: `6`, `5.3`.
    package static func bits(_ value: Double) -> String {
        value == value.rounded() ? String(Int(value)) : decimals(value, 1)
    }

    package static func decimals(_ value: Double, _ places: Int) -> String {
        String(format: "%.\(places)f", value)
    }
}
