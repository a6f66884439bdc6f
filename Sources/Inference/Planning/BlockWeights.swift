import Synchronization

/// The weights of a layer that reads its whole input, packed for blocks of a batch: only when the first
/// block comes, and out of those for one sample, so that who runs single samples has them in memory once.
final class BlockWeights: Sendable {
    let choice: PlanarChoice
    private let vector: VectorWeights
    private let outputs, columns: Int
    private let highest: Int32
    private let bound: Int
    private let epilogue: Epilogue
    private let packed = Mutex<PlanarWeights?>(nil)

    /// `vector` are the weights for one sample; `highest` is the largest byte read, `bound` the largest
    /// accumulator, and `epilogue` what follows.
    init(
        _ choice: PlanarChoice, of vector: VectorWeights, outputs: Int, columns: Int,
        highest: Int32, bound: Int, before epilogue: Epilogue
    ) {
        self.choice = choice
        self.vector = vector
        self.outputs = outputs
        self.columns = columns
        self.highest = highest
        self.bound = bound
        self.epilogue = epilogue
    }

    var weights: PlanarWeights {
        packed.withLock { packed in
            if let packed { return packed }
            let made = PlanarWeights(
                vector.rows(outputs: outputs, columns: columns), choice,
                geometry: PlaneGeometry(inputs: columns), highest: highest, bound: bound,
                before: epilogue)
            packed = made
            return made
        }
    }
}
