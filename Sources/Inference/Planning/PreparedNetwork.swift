import CIntegerKernels
import PackedModel
import ThreadPool

/// A model prepared for the kernels of one variant: packed weights, programs, tables. It does not change.
final class PreparedNetwork: Sendable {
    /// Blocks are used while their arena and what they keep take no more than this.
    static let mostBlockBytes = 32 << 20
    /// Nanoseconds for a byte of weights that comes from memory: FC6 of VGG-16 with 90 % zeros takes 0.81 ms
    /// for 16.9 MB on a Zen 4.
    private static let costOfColdByte = 0.05
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
    /// For one sample, and for ``CIK_TILE`` samples side by side: the whole network, or its last layers.
    let single: Program
    let block: Program?
    let lastLayers: LastLayers?
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
        var directTiles = DirectWindow.mostTilesOfAll
        let windows = checked.model.nodes.indices.map {
            Self.directWindow(
                of: $0, in: checked, kernels.functions.costs, preference, &directTiles)
        }
        let borders = ValueBorders(checked, rules: rules)
        var geometries = checked.model.nodes.indices.map {
            Self.geometry(of: $0, in: checked, direct: windows[$0], borders)
        }
        let single = Program(
            checked, geometries: geometries, borders: borders, rules: rules, lanes: 1)
        guard single.byteCount <= Self.mostArenaBytes else {
            throw .memory(needed: single.byteCount, limit: Self.mostArenaBytes)
        }
        self.single = single.readied()
        let block = Program(
            checked, geometries: geometries, borders: borders, rules: rules,
            lanes: Int(CIK_TILE))
        let blockFits = block.byteCount <= mostWholeBytes
        let firstOfLast = LastLayers.first(in: checked, mostBytes: Self.mostBlockBytes)
        // Without blocks a layer that reads its whole input needs no planes.
        for index in model.nodes.indices
        where !blockFits && index < firstOfLast ?? .max && checked.readsWholeInput(index) {
            geometries[index] = nil
        }
        let packed = threads.map(
            model.nodes.count, cost: { checked.weights[$0]?.nonzeros ?? 0 }
        ) { [geometries] index in
            Result { () throws(EngineError) in
                try PackedWeights(
                    node: index, of: checked, geometry: geometries[index],
                    costs: kernels.functions.costs, preference: preference)
            }
        }
        var layers: [PackedWeights?] = []
        for layer in packed { layers.append(try layer.get()) }
        self.layers = layers
        let values = checked.values.dropFirst().map(\.count)
        func cost(_ program: Program, from first: Int = 0) -> Double {
            program.nanoseconds(
                from: first, layers, values: values, costs: kernels.functions.costs)
        }
        /// From how many samples on a block costs less than they do alone.
        func least(together: Double, alone: Double) -> Int {
            leastInBlock ?? max(Int((together / alone).rounded(.up)), 1)
        }
        var leastTogether =
            blockFits ? least(together: cost(block), alone: cost(single)) : .max
        let usesBlocks = leastTogether <= block.lanes
        self.block = usesBlocks ? block.readied() : nil
        var lastLayers: LastLayers?
        if !usesBlocks, let first = firstOfLast {
            let last = LastLayers(
                checked, from: first, single: single, geometries: geometries, borders: borders,
                rules: rules)
            // From one sample to the next their weights leave the caches.
            let bytes = layers[first...].reduce(0) { $0 + ($1?.byteCount ?? 0) }
            leastTogether = least(
                together: cost(last.program) + last.sortingCost,
                alone: max(cost(single, from: first), Double(bytes) * Self.costOfColdByte))
            let byteCount = single.layout.byteCount + last.byteCount
            if leastTogether <= last.program.lanes, last.byteCount <= Self.mostBlockBytes,
                byteCount <= Self.mostArenaBytes
            {
                lastLayers = last
            }
        }
        self.lastLayers = lastLayers
        let firstTogether = usesBlocks ? 0 : lastLayers == nil ? .max : firstOfLast!
        plan = Plan(
            instructionSet: kernels.isa,
            layers: model.nodes.indices.compactMap { index in
                layers[index].map {
                    Plan.Layer(
                        $0, node: index, of: checked, kernels: kernels,
                        usesBlocks: index >= firstTogether)
                }
            },
            blockSize: firstTogether < .max ? block.lanes : 1,
            leastInBlock: firstTogether < .max ? leastTogether : 1,
            arenaBytes: max(
                roundedUp(single.layout.byteCount, to: 64) + (lastLayers?.byteCount ?? 0),
                self.block?.layout.byteCount ?? 0))
        let roundedValues = model.nodes.indices.reduce(0) { sum, index in
            rules[index] == nil ? sum : sum + values[index]
        }
        var layerEstimates = plan.layers.map(\.estimatedNanoseconds)[...]
        estimates = layers.map { $0 == nil ? 0 : layerEstimates.removeFirst() }
        estimatedNanoseconds = estimates.reduce(
            Double(roundedValues) * kernels.functions.costs.requantize, +)
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

    var leastInBlock: Int { plan.leastInBlock }

    /// What a planar layer sorts takes at most so much.
    var scratchBytes: Int {
        max(single.scratchBytes, block?.scratchBytes ?? 0, lastLayers?.program.scratchBytes ?? 0)
    }

    /// Where the last layers begin in an arena, behind what a single sample needs.
    var lastLayersOffset: Int { roundedUp(single.layout.byteCount, to: 64) }

    /// How a depthwise layer reads values as they stand, if its kernel can and that pays.
    private static func directWindow(
        of index: Int, in checked: CheckedModel, _ costs: cik_costs, _ preference: KernelPreference,
        _ directTiles: inout Int
    ) -> DirectWindow? {
        guard case .convolution(_, let window) = checked.model.nodes[index].operation,
            !checked.readsWholeInput(index)
        else { return nil }
        let (input, output) = (checked.input(of: index).planes, checked.values[index + 1])
        // The kernel makes bytes.
        guard window.groups > 1, window.groups == input.channels,
            window.groups == output.planes.channels, output.quantizer != nil, preference != .sparse,
            let direct = DirectWindow(
                window, over: [input.height, input.width],
                output: [output.planes.height, output.planes.width], fill: checked.fill(of: index)),
            direct.tiles <= directTiles, direct.cost(costs) < costs.depthwise_weight
        else { return nil }
        directTiles -= direct.tiles
        return direct
    }

    private static func geometry(
        of index: Int, in checked: CheckedModel, direct: DirectWindow?, _ borders: ValueBorders
    ) -> PlaneGeometry? {
        let input = checked.input(of: index)
        if checked.readsWholeInput(index) { return PlaneGeometry(inputs: input.count) }
        guard case .convolution(_, let window) = checked.model.nodes[index].operation else {
            return nil
        }
        if let border = borders.ofReading[index] {
            return PlaneGeometry(window, over: input, border: border)
        }
        var geometry = PlaneGeometry(
            window, over: input, fill: checked.fill(of: index),
            nonzeros: checked.weights[index]!.nonzeros,
            leastRowStride: borders.ofWriting[index]?.rowStride ?? 0)
        geometry.direct = direct.map { DirectTiles($0) }
        return geometry
    }
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
            packed, places: places, outputs: output.channels, costs: kernels.functions.costs)
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
