import CIntegerKernels

extension Program {
    /// What a byte costs that an operation without weights writes, in nanoseconds.
    static var byteCost: Double { 0.1 }

    /// What a step over planes takes besides, in nanoseconds: calls, rows of small planes. It tells how many
    /// small samples a block is worth: for the digits 9 µs each instead of 4.
    private static var startCost: Double { 600 }

    /// The same of a layer that reads its whole input, one sample at a time.
    private static var vectorStartCost: Double { 80 }

    /// What a run takes by the costs of the kernels, in nanoseconds: good for choices, not for promises.
    ///
    /// - Parameters:
    ///   - first: the first node that counts.
    ///   - values: of each node's result, for one sample.
    func nanoseconds(
        from first: Int = 0, _ layers: [PackedWeights?], values: [Int], costs: cik_costs
    ) -> Double {
        zip(steps, nodes).reduce(0) { sum, step in
            if step.1 < first { return sum }
            let bytes = Double(values[step.1] * lanes)
            return sum + nanoseconds(of: step.0, bytes: bytes, layers[step.1], costs)
        }
    }

    private func nanoseconds(
        of step: Step, bytes: Double, _ layer: PackedWeights?, _ costs: cik_costs
    ) -> Double {
        switch (step, layer?.kernels) {
        case (.vector, .vector(let weights, _)?):
            return Self.vectorStartCost + weights.cost(costs) + bytes * costs.requantize
        case (.planar(let planar), _?):
            return Self.startCost + bytes * costs.requantize
                + Double(planar.keptBytes.tiles)
                * layer!.blockChoice!.cost(costs, inBlock: lanes > 1)
        default: return Self.startCost + bytes * Self.byteCost
        }
    }
}
