/// Values of one quantity from several runs.
package struct Sample: Sendable, Equatable {
    package let values: [Double]

    /// - Precondition: there is a value.
    package init(_ values: [Double]) {
        precondition(!values.isEmpty, "a sample without values")
        self.values = values
    }

    /// `Σ x / n`
    package var mean: Double { values.reduce(0, +) / Double(values.count) }

    /// `√(Σ (x − mean)² / (n − 1))`; `nil` for a single value.
    package var deviation: Double? {
        guard values.count > 1 else { return nil }
        let mean = mean
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        return (squares / Double(values.count - 1)).squareRoot()
    }

    /// `1.58`, or for several values `1.58 ± 0.04` and below it `1.55, 1.58, 1.61`.
    package func text(_ number: (Double) -> String) -> String {
        guard let deviation else { return number(mean) }
        let single = values.map(number).joined(separator: ", ")
        return "\(number(mean)) ± \(number(deviation))\n\(single)"
    }
}
