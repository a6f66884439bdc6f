import CIntegerKernels
import PackedModel

/// A layer ready to run: its weights in the layouts of the kernels, and what follows the sums.
///
/// A class, so that a run passes it on without counting references to its parts.
final class PackedWeights: Sendable {
    /// What sums are made with.
    enum Kernels: Sendable {
        /// Layers that read their whole input: for one sample, and for blocks of a batch, if there are
        /// any.
        case vector(VectorWeights, blocks: BlockWeights?)
        /// Other convolutions.
        case planar(PlanarWeights, PlanarChoice)
    }

    let kernels: Kernels
    /// Those for one sample of a layer that reads its whole input: a run would count references to all
    /// that `kernels` holds.
    let vector: VectorWeights?
    let epilogue: Epilogue
    let bound: Int

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
            rule: try checked.requantization(of: index),
            isVector: checked.readsWholeInput(index))
        let highest = input.highest - input.lowest
        let epilogue = self.epilogue
        func choice(_ geometry: PlaneGeometry) -> PlanarChoice {
            PlanarChoice(
                weights, geometry: geometry, highest: highest, bound: largest, costs: costs,
                preference: preference)
        }
        if checked.readsWholeInput(index) {
            let vector = VectorWeights(
                weights, highest: highest, costs: costs, preference: preference)
            self.vector = vector
            kernels = .vector(
                vector,
                blocks: geometry.map {
                    BlockWeights(
                        choice($0), of: vector, outputs: weights.outputs,
                        columns: weights.columnCount,
                        highest: highest, bound: largest, before: epilogue)
                })
        } else {
            guard let geometry else {
                preconditionFailure("'\(node.name)' reads windows and has no planes")
            }
            let choice = choice(geometry)
            vector = nil
            kernels = .planar(
                PlanarWeights(
                    weights, choice, geometry: geometry, highest: highest, bound: largest,
                    before: epilogue),
                choice)
        }
    }

    /// The weights for planes.
    var planar: PlanarWeights {
        switch kernels {
        case .vector(_, let blocks): blocks!.weights
        case .planar(let weights, _): weights
        }
    }

    /// Which kernel runs over planes, for blocks of a batch at least.
    var blockChoice: PlanarChoice? {
        switch kernels {
        case .vector(_, let blocks): blocks?.choice
        case .planar(_, let choice): choice
        }
    }

    /// Weights that are in memory from the beginning.
    var byteCount: Int {
        switch kernels {
        case .vector(let weights, _): weights.byteCount
        case .planar(_, let choice): choice.byteCount
        }
    }

    /// Of the kernel for one sample.
    var isSparse: Bool {
        switch kernels {
        case .vector(let weights, _): weights.isSparse
        case .planar(_, let choice): choice.isSparse
        }
    }

    var kernel: (name: String, layout: String) {
        switch kernels {
        case .vector(let weights, _): weights.kernel
        case .planar(_, let choice): choice.kernel
        }
    }
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
