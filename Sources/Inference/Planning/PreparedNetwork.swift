import CIntegerKernels
import PackedModel
import ThreadPool

/// A model prepared for the kernels of one variant: packed weights, programs, tables. It does not change.
final class PreparedNetwork: Sendable {
    /// Blocks are used while their arena and what they keep take no more than this.
    static let mostBlockBytes = 32 << 20
    /// A network whose single samples need more is refused.
    static let mostArenaBytes = 2 << 30

    let kernels: KernelSet
    let input: InputCodes
    /// All nodes, with the bytes of values that each reads and writes for a sample.
    let nodes: [(name: String, activationBytes: Int)]
    /// `[channels, 256]`, unless those are too many.
    let pixelTable: AlignedBuffer?
    /// One for each node: of those with weights, and of the others.
    let layers: [PackedWeights?]
    let rules: [PackedRule?]
    /// For one sample.
    let single: Program
    /// For samples of a batch.
    let together: Together
    let outputCount: Int
    let plan: Plan
    /// For one sample; of each node's weights, and of all.
    let estimates: [Double]
    let estimatedNanoseconds: Double

    init(
        _ model: PackedModel, kernels: KernelSet, preference: KernelPreference,
        leastInBlock: Int? = nil, mostWholeBytes: Int = mostBlockBytes, threads: ThreadPool
    ) throws(EngineError) {
        self.kernels = kernels
        let checked = try CheckedModel(model, threads: threads)
        input = InputCodes(model.input)
        pixelTable = input.table().map { AlignedBuffer($0) }
        outputCount = checked.outputCount
        nodes = model.nodes.indices.map { index in
            let inputs = checked.inputs(of: index).reduce(0) { $0 + $1.count }
            return (model.nodes[index].name, inputs + checked.values[index + 1].count)
        }
        try Self.checkTables(of: model)
        var rules: [PackedRule?] = []
        for index in model.nodes.indices {
            rules.append(try PackedRule(node: index, of: checked))
        }
        self.rules = rules
        var layouts = Layouts(
            checked, rules: rules, costs: kernels.costs, preference: preference)
        let single = layouts.program(lanes: 1)
        guard single.byteCount <= Self.mostArenaBytes else {
            throw .memory(needed: single.byteCount, limit: Self.mostArenaBytes)
        }
        self.single = single.readied()
        let block = layouts.program(lanes: Int(CIK_TILE))
        let blockFits = block.byteCount <= mostWholeBytes
        let firstOfLast = LastLayers.first(in: checked, mostBytes: Self.mostBlockBytes)
        if !blockFits { layouts.dropPlanesOfWholeInputs(before: firstOfLast ?? .max) }
        let layers = try Self.packed(layouts, kernels, preference, threads)
        self.layers = layers
        let values = checked.values.dropFirst().map(\.count)
        let costs = ProgramCosts(
            layers: layers, values: values, kernels: kernels.costs)
        together = Together(
            layouts, single: single, block: blockFits ? block : nil, firstOfLast: firstOfLast,
            costs, least: leastInBlock)
        let firstTogether = together.firstNode
        plan = Plan(
            instructionSet: kernels.isa,
            layers: model.nodes.indices.compactMap { index in
                layers[index].map {
                    Plan.Layer(
                        $0, node: index, of: checked, kernels: kernels,
                        usesBlocks: index >= firstTogether)
                }
            },
            blockSize: together.samples, leastInBlock: together.least,
            arenaBytes: together.arenaBytes(single: single))
        let roundedValues = model.nodes.indices.reduce(0) { sum, index in
            rules[index] == nil ? sum : sum + values[index]
        }
        var layerEstimates = plan.layers.map(\.estimatedNanoseconds)[...]
        estimates = layers.map { $0 == nil ? 0 : layerEstimates.removeFirst() }
        estimatedNanoseconds = estimates.reduce(
            Double(roundedValues) * kernels.costs.requantize, +)
    }

    /// The weights of all layers, packed by all threads.
    private static func packed(
        _ layouts: Layouts, _ kernels: KernelSet, _ preference: KernelPreference,
        _ threads: ThreadPool
    ) throws(EngineError) -> [PackedWeights?] {
        let checked = layouts.checked
        let packed = threads.map(
            checked.model.nodes.count, cost: { checked.weights[$0]?.nonzeros ?? 0 }
        ) { index in
            Result { () throws(EngineError) in
                try PackedWeights(
                    node: index, of: checked, geometry: layouts.geometries[index],
                    costs: kernels.costs, preference: preference)
            }
        }
        var layers: [PackedWeights?] = []
        for layer in packed { layers.append(try layer.get()) }
        return layers
    }

    /// Throws for a model whose layers have so many outputs and columns that their tables would take
    /// more than an engine's share: files hold those in next to nothing.
    static func checkTables(of model: PackedModel) throws(EngineError) {
        let needed = model.nodes.reduce(0) { sum, node in
            guard let shape = node.operation.layer?.weights.shape else { return sum }
            return sum + bytesOfOutput * shape[0] + 4 * shape[1...].reduce(1, *)
        }
        guard needed <= mostTableBytes else {
            throw .memory(needed: needed, limit: mostTableBytes)
        }
    }

    /// Of the rules by which sums of an output become bytes, about.
    private static let bytesOfOutput = 128
    private static let mostTableBytes = 512 << 20

    /// What a planar layer sorts takes at most so much.
    var scratchBytes: Int { max(single.scratchBytes, together.scratchBytes) }

    /// Where the last layers begin in an arena, behind what a single sample needs.
    var lastLayersOffset: Int { roundedUp(single.layout.byteCount, to: 64) }
}

extension Plan.Layer {
    fileprivate init(
        _ packed: PackedWeights, node index: Int, of checked: CheckedModel, kernels: KernelSet,
        usesBlocks: Bool
    ) {
        let weights = checked.weights[index]!
        let output = checked.values[index + 1].planes
        let places = output.height * output.width
        let block = usesBlocks ? packed.blockChoice : nil
        node = index
        name = checked.model.nodes[index].name
        kernel = "\(packed.kernel.name)__\(kernels.isa)"
        layout = packed.kernel.layout
        blockKernel = block.map { "\($0.blockKernel.name)__\(kernels.isa)" }
        packedBytes = packed.byteCount
        blockKernelBytes = block?.byteCount
        self.weights = weights.outputs * weights.columnCount
        nonzeros = weights.nonzeros
        positions = places
        accumulatorBound = packed.bound
        multiplyAdds = (packed.isSparse ? nonzeros : self.weights) * places
        estimatedNanoseconds = Self.estimate(
            packed, places: places, outputs: output.channels, costs: kernels.costs)
    }

    /// The sums by the costs of the chosen kernel, and the rounding of every result.
    private static func estimate(
        _ packed: PackedWeights, places: Int, outputs: Int, costs: cik_costs
    ) -> Double {
        let tiles = Double(roundedUp(places, to: 64) / 64)
        let sums: Double
        switch packed.kernels {
        case .vector(let weights, _): sums = weights.cost(costs)
        case .planar(_, let choice): sums = tiles * choice.cost(costs)
        }
        return sums + Double(outputs * places) * costs.requantize
    }
}
