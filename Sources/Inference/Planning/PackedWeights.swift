import CIntegerKernels
import PackedModel

/// A layer ready to run: its weights in the layouts of the kernels, and what follows the sums.
struct PackedWeights: Sendable {
    /// For one sample; layers that read their whole input only.
    var vector: VectorWeights?
    /// For planes: other convolutions, and all layers of a batch.
    var planar: PlanarWeights?
    var epilogue: Epilogue
    var bound: Int

    /// Packs the layer of node `index`, if it has one.
    init?(
        node index: Int, of checked: CheckedModel, geometry: PlaneGeometry?, costs: cik_costs,
        preference: KernelPreference
    ) throws(EngineError) {
        let node = checked.model.nodes[index]
        guard let layer = node.operation.layer, let weights = checked.weights[index] else {
            return nil
        }
        let place = EngineError.Place.node(node.name)
        let input = checked.input(of: index).quantizer!
        bound = try accumulatorBound(of: weights, reading: input, at: place)
        let largest = weights.largestSum * Int(input.highest - input.lowest)
        epilogue = Epilogue(
            layer, weights: weights, input: input, bound: largest,
            rule: try checked.requantization(of: index))
        if checked.readsWholeInput(index) {
            vector = VectorWeights(
                weights, highest: input.highest - input.lowest, costs: costs,
                preference: preference)
        }
        if let geometry {
            planar = PlanarWeights(
                weights, geometry: geometry, highest: input.highest - input.lowest,
                bound: largest, costs: costs, preference: preference)
        }
    }

    var byteCount: Int { (vector?.byteCount ?? 0) + (planar?.byteCount ?? 0) }
}

extension VectorWeights {
    /// The kernel's name without its variant, and how it sees the weights.
    package var kernel: (name: String, layout: String) {
        switch self {
        case .sparse(let weights) where weights.isNarrow:
            ("u8_c4_spmv", "16 outputs, windows of \(weights.view.window), 4-bit codes")
        case .sparse(let weights):
            ("u8_s8_spmv", "16 outputs, windows of \(weights.view.window), 8-bit levels")
        case .dense: ("u8_s8_gemv", "rows, 8-bit levels")
        }
    }

    var isSparse: Bool { if case .sparse = self { true } else { false } }
}

extension PlanarWeights {
    var kernel: (name: String, layout: String) {
        switch self {
        case .fours: ("u6_s8_spmm", "fours of one level")
        case .sparse: ("u8_s8_spmm", "four by four")
        case .dense: ("u8_s8_gemm", "rows, 8-bit levels")
        case .depthwise: ("u8_s8_depthwise", "runs of four, 8-bit levels")
        }
    }

    var isSparse: Bool {
        switch self {
        case .fours, .sparse: true
        case .dense, .depthwise: false
        }
    }
}
