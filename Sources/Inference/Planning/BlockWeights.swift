import Synchronization

/// The weights of a layer that reads its whole input, packed for blocks of a batch: only when the first
/// block comes, and out of those for one sample, so that who runs single samples has them in memory once.
final class BlockWeights: Sendable {
    let choice: PlanarChoice
    private let vector: VectorWeights
    private let outputs, columns: Int
    private let highest: Int32
    private let bound: Int
    private let ranks: [Int]?
    private let packed = Mutex<PlanarWeights?>(nil)

    /// The arguments are those of ``PlanarWeights``.
    init(
        _ choice: PlanarChoice, of vector: VectorWeights, outputs: Int, columns: Int,
        highest: Int32, bound: Int, ranks: [Int]?
    ) {
        self.choice = choice
        self.vector = vector
        self.outputs = outputs
        self.columns = columns
        self.highest = highest
        self.bound = bound
        self.ranks = ranks
    }

    var weights: PlanarWeights {
        packed.withLock { packed in
            if let packed { return packed }
            let made = PlanarWeights(
                vector.rows(outputs: outputs, columns: columns), choice,
                geometry: PlaneGeometry(inputs: columns), highest: highest, bound: bound,
                ranks: ranks)
            packed = made
            return made
        }
    }
}
