import CIntegerKernels
import PackedModel
import ThreadPool

/// A model prepared for the kernels of one variant: packed weights, programs, tables. It does not change.
final class PreparedNetwork: Sendable {
    /// Blocks are used while their arena takes no more than this.
    static let mostBlockBytes = 32 << 20
    /// A network whose single samples need more is refused.
    static let mostArenaBytes = 2 << 30

    let kernels: KernelSet
    let input: InputCodes
    /// All nodes, with the bytes of values that each reads and writes for a sample.
    let nodes: [(name: String, activationBytes: Int)]
    /// `[channels, 256]`
    let pixelTable: AlignedBuffer
    /// One for each node: of those with weights, and of the others.
    let layers: [PackedWeights?]
    let rules: [PackedRule?]
    /// For one sample, and for ``CIK_TILE`` samples side by side.
    let single: Program
    let block: Program?
    let outputCount: Int
    let plan: Plan
    /// For one sample; of each node's weights, and of all.
    let estimates: [Double]
    let estimatedNanoseconds: Double

    init(
        _ model: PackedModel, kernels: KernelSet, preference: KernelPreference,
        threads: ThreadPool
    ) throws(EngineError) {
        self.kernels = kernels
        let checked = try CheckedModel(model, threads: threads)
        input = InputCodes(model.input)
        pixelTable = AlignedBuffer(input.table())
        outputCount = checked.outputCount
        nodes = model.nodes.indices.map { index in
            let inputs = checked.inputs(of: index).reduce(0) { $0 + $1.count }
            return (model.nodes[index].name, inputs + checked.values[index + 1].count)
        }
        var geometries = checked.model.nodes.indices.map { Self.geometry(of: $0, in: checked) }
        single = Program(checked, geometries: geometries, lanes: 1)
        guard single.layout.byteCount <= Self.mostArenaBytes else {
            throw .memory(needed: single.layout.byteCount, limit: Self.mostArenaBytes)
        }
        let block = Program(checked, geometries: geometries, lanes: Int(CIK_TILE))
        self.block = block.layout.byteCount <= Self.mostBlockBytes ? block : nil
        // Without blocks a layer that reads its whole input needs no planes.
        for index in model.nodes.indices where self.block == nil && checked.readsWholeInput(index) {
            geometries[index] = nil
        }
        var rules: [PackedRule?] = []
        for index in model.nodes.indices {
            rules.append(try PackedRule(node: index, of: checked))
        }
        self.rules = rules
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
        plan = Plan(
            instructionSet: kernels.isa,
            layers: model.nodes.indices.compactMap { index in
                layers[index].map {
                    Plan.Layer(
                        $0, node: index, of: checked, kernels: kernels,
                        usesBlocks: block.layout.byteCount <= Self.mostBlockBytes)
                }
            },
            blockSize: self.block == nil ? 1 : block.lanes,
            arenaBytes: max(single.layout.byteCount, self.block?.layout.byteCount ?? 0))
        let values = model.nodes.indices.reduce(0) { sum, index in
            rules[index] == nil ? sum : sum + checked.values[index + 1].count
        }
        var layerEstimates = plan.layers.map(\.estimatedNanoseconds)[...]
        estimates = layers.map { $0 == nil ? 0 : layerEstimates.removeFirst() }
        estimatedNanoseconds = estimates.reduce(
            Double(values) * kernels.functions.costs.requantize, +)
    }

    /// What a planar layer sorts takes at most so much.
    var scratchBytes: Int { max(single.scratchBytes, block?.scratchBytes ?? 0) }

    private static func geometry(of index: Int, in checked: CheckedModel) -> PlaneGeometry? {
        let input = checked.input(of: index)
        if checked.readsWholeInput(index) { return PlaneGeometry(inputs: input.count) }
        guard case .convolution(_, let window) = checked.model.nodes[index].operation else {
            return nil
        }
        return PlaneGeometry(window, over: input, fill: checked.fill(of: index))
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
        let isSparse = packed.vector?.isSparse ?? packed.planar!.isSparse
        let (kernel, layout) = packed.vector?.kernel ?? packed.planar!.kernel
        name = checked.model.nodes[index].name
        self.kernel = "\(kernel)__\(kernels.isa)"
        self.layout = layout
        blockKernel = usesBlocks ? packed.planar.map { "\($0.kernel.name)__\(kernels.isa)" } : nil
        packedBytes = packed.byteCount
        kernelBytes = packed.vector?.byteCount ?? packed.planar!.byteCount
        blockKernelBytes = usesBlocks ? packed.planar?.byteCount : nil
        self.weights = weights.outputs * weights.columnCount
        nonzeros = weights.nonzeros
        positions = places
        accumulatorBound = packed.bound
        multiplyAdds = (isSparse ? nonzeros : self.weights) * places
        estimatedNanoseconds = Self.estimate(
            packed, places: places, outputs: output.channels, costs: kernels.functions.costs)
    }

    /// The sums by the costs of the chosen kernel, and the rounding of every result.
    private static func estimate(
        _ packed: PackedWeights, places: Int, outputs: Int, costs: cik_costs
    ) -> Double {
        let tiles = Double(roundedUp(places, to: 64) / 64)
        let sums: Double
        switch packed.vector {
        case .sparse(let vector): sums = vector.cost(costs)
        case .dense(let vector): sums = Double(vector.buffer.byteCount) * costs.gemv_weight
        case nil: sums = tiles * packed.planar!.cost(costs)
        }
        return sums + Double(outputs * places) * costs.requantize
    }
}
