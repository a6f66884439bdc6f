/// Values of one quantity from several runs.
struct Sample: Sendable, Equatable {
    let values: [Double]

    /// - Precondition: there is a value.
    init(_ values: [Double]) {
        precondition(!values.isEmpty, "a sample without values")
        self.values = values
    }

    /// `Σ x / n`
    var mean: Double { values.reduce(0, +) / Double(values.count) }

    /// `√(Σ (x − mean)² / (n − 1))`; `nil` for a single value.
    var deviation: Double? {
        guard values.count > 1 else { return nil }
        let mean = mean
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        return (squares / Double(values.count - 1)).squareRoot()
    }

    /// `1.58`, or for several values `1.58 ± 0.04` and below it `1.55, 1.58, 1.61`.
    func text(_ number: (Double) -> String) -> String {
        guard let deviation else { return number(mean) }
        let single = values.map(number).joined(separator: ", ")
        return "\(number(mean)) ± \(number(deviation))\n\(single)"
    }
}
