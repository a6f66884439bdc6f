/// A line of the table.
struct Figures: CustomStringConvertible {
    var layer: String
    var contender: Contender
    var time: Time
    var baseline: Time

    static let head = row(
        "layer", "kernel", ["warm us", "x", "cold us", "x", "B/nonzero", "cold GB/s"])

    var description: String {
        let bytes = contender.memory.reduce(0) { $0 + $1.count }
        return Self.row(
            layer, contender.name,
            [
                rounded(time.warm), rounded(baseline.warm / time.warm), rounded(time.cold),
                rounded(baseline.cold / time.cold), rounded(contender.bytesPerNonzero),
                rounded(Double(bytes) / time.cold / 1000),
            ])
    }

    private static func row(_ layer: String, _ name: String, _ numbers: [String]) -> String {
        let cells = numbers.map { String(repeating: " ", count: max(10 - $0.count, 1)) + $0 }
        return padded(layer, to: 14) + padded(name, to: 40) + cells.joined()
    }

    private static func padded(_ text: String, to width: Int) -> String {
        text + String(repeating: " ", count: max(width - text.count, 1))
    }

    /// Two digits behind the point.
    private func rounded(_ number: Double) -> String {
        let hundredths = Int((number * 100).rounded())
        let fraction = hundredths % 100
        return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
    }
}
