import CIntegerKernels

/// What samples of a batch run side by side, ``CIK_TILE`` of them, from so many on that it pays.
enum Together: Sendable {
    case nothing
    /// All layers.
    case all(Program, least: Int)
    /// The last ones.
    case lastLayers(LastLayers, least: Int)

    /// What costs least and fits memory.
    ///
    /// - Parameters:
    ///   - single: the program for one sample.
    ///   - block: that for a block, if it fits memory.
    ///   - firstOfLast: the first node of the last layers, if there are any.
    ///   - least: from how many samples on a block is used, whatever it costs.
    init(
        _ layouts: Layouts, single: Program, block: Program?, firstOfLast: Int?,
        _ costs: ProgramCosts, least: Int?
    ) {
        self = .nothing
        /// From how many samples on a block costs less than they do alone.
        func found(together: Double, alone: Double) -> Int {
            least ?? max(Int((together / alone).rounded(.up)), 1)
        }
        if let block {
            let least = found(together: costs.of(block), alone: costs.of(single))
            if least <= block.lanes {
                self = .all(block.readied(), least: least)
                return
            }
        }
        guard let firstOfLast else { return }
        let last = LastLayers(layouts, from: firstOfLast, single: single)
        let least = found(
            together: costs.of(last.program) + last.sortingCost,
            alone: costs.ofColdWeights(single, from: firstOfLast))
        if least <= last.program.lanes, last.byteCount <= PreparedNetwork.mostBlockBytes,
            single.layout.byteCount + last.byteCount <= PreparedNetwork.mostArenaBytes
        {
            self = .lastLayers(last, least: least)
        }
    }

    /// From so many samples on; 1 if nothing runs side by side.
    var least: Int {
        switch self {
        case .nothing: 1
        case .all(_, let least), .lastLayers(_, let least): least
        }
    }

    /// Samples of a full block, or 1.
    var samples: Int { program?.lanes ?? 1 }

    /// The first node that runs so.
    var firstNode: Int {
        switch self {
        case .nothing: .max
        case .all: 0
        case .lastLayers(let last, _): last.first
        }
    }

    var scratchBytes: Int { program?.scratchBytes ?? 0 }

    /// Of an arena that serves single samples, too.
    func arenaBytes(single: Program) -> Int {
        switch self {
        case .nothing: single.layout.byteCount
        case .all(let block, _): max(single.layout.byteCount, block.layout.byteCount)
        case .lastLayers(let last, _): roundedUp(single.layout.byteCount, to: 64) + last.byteCount
        }
    }

    private var program: Program? {
        switch self {
        case .nothing: nil
        case .all(let block, _): block
        case .lastLayers(let last, _): last.program
        }
    }
}
