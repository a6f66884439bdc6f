/// How a sparsity over all layers is spread over them, from their shapes alone.
public enum LayerAllocation: Sendable {
    /// The same density for every layer.
    case uniform
    /// Erdős–Rényi-kernel: the density of a layer grows with the sum of its sizes over their product,
    /// so that small layers stay denser (Evci et al. 2020, arXiv 1911.11134, section 3).
    case erdosRenyiKernel

    /// The density of each layer, such that `density` of all weights stay.
    ///
    /// - Parameters:
    ///   - shapes: of the weights, such as `[inputs, outputs]` or `[height, width, channels, outputs]`.
    ///   - isDense: layers that keep all of their weights, whatever the others then have to give.
    public func densities(of shapes: [[Int]], to density: Double, isDense: [Bool]) -> [Double] {
        precondition((0...1).contains(density), "a density lies in 0...1, not \(density)")
        precondition(shapes.count == isDense.count)
        let counts = shapes.map { Double($0.reduce(1, *)) }
        let wanted = density * counts.reduce(0, +)
        let weights = zip(shapes, counts).map { shape, count in
            self == .uniform ? 1 : Double(shape.reduce(0, +)) / count
        }
        // A layer whose share is more than all of it is dense; the others then share what is left.
        var isFull = isDense
        while true {
            let full = counts.indices.reduce(0) { isFull[$1] ? $0 + counts[$1] : $0 }
            let rest = counts.indices.reduce(0) {
                isFull[$1] ? $0 : $0 + weights[$1] * counts[$1]
            }
            let factor = rest > 0 ? max(wanted - full, 0) / rest : 0
            let result = counts.indices.map { isFull[$0] ? 1 : factor * weights[$0] }
            guard let index = result.indices.first(where: { result[$0] > 1 }) else { return result }
            for other in result.indices where result[other] >= result[index] {
                isFull[other] = true
            }
        }
    }
}
