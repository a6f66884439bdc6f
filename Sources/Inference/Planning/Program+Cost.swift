import CIntegerKernels

extension Program {
    /// What a byte costs that an operation without weights writes, in nanoseconds.
    static var byteCost: Double { 0.1 }

    /// What a step over planes takes besides, in nanoseconds: calls, rows of small planes. It tells how many
    /// small samples a block is worth: for the digits 9 µs each instead of 4.
    private static var startCost: Double { 600 }

    /// The same of a layer that reads its whole input, one sample at a time.
    private static var vectorStartCost: Double { 80 }

    /// What a step takes that makes so many bytes.
    fileprivate func nanoseconds(
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

/// What programs of a network take by the costs of the kernels, in nanoseconds: good for choices, not for
/// promises.
struct ProgramCosts {
    let layers: [PackedWeights?]
    /// Of each node's result, for one sample.
    let values: [Int]
    let kernels: cik_costs

    /// For the nodes from `first` on.
    func of(_ program: Program, from first: Int = 0) -> Double {
        zip(program.steps, program.nodes).reduce(0) { sum, step in
            if step.1 < first { return sum }
            let bytes = Double(values[step.1] * program.lanes)
            return sum
                + program.nanoseconds(of: step.0, bytes: bytes, layers[step.1], kernels)
        }
    }

    /// The same if the weights have left the caches since the sample before.
    func ofColdWeights(_ program: Program, from first: Int) -> Double {
        let bytes = layers[first...].reduce(0) { $0 + ($1?.byteCount ?? 0) }
        return max(of(program, from: first), Double(bytes) * Self.costOfColdByte)
    }

    /// FC6 of VGG-16 with 90 % zeros takes 0.81 ms for 16.9 MB on a Zen 4.
    private static let costOfColdByte = 0.05
}
