#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension TensorSummary {
    /// Describes a section of `bytes` bytes that holds a tensor as `plan` says.
    init(
        name: String, shape: [Int], plan: TensorPlan, values: WeightValues,
        statistics: WeightStatistics, bytes: Int, storedBody: Int, usesZstd: Bool, biasBytes: Int,
        candidates: [TensorPlan]
    ) {
        self.name = name
        self.shape = shape
        self.mode = plan.coding.mode
        scanOrder = plan.order
        self.usesZstd = usesZstd
        self.bytes = bytes
        framingBytes = bytes - storedBody
        bodyBytes = plan.bodyBytes
        parts = BodyParts(
            levelBits: plan.levelBits, countBits: plan.countBits, tableBits: plan.tableBits,
            gapBits: plan.gapBits, codeBits: plan.codeBits + plan.halfBits, pairBits: plan.pairBits,
            paddingBits: 8 * plan.bodyBytes - plan.bodyBits)
        self.biasBytes = biasBytes
        weights = statistics.weights.count
        nonzeros = statistics.nonzeros
        isHalf = values.areHalves
        levels = statistics.symbols + 1
        let fillers = statistics.fillers(plan.coding)
        self.fillers = fillers
        let mode = plan.coding.mode
        let entries = mode == .raw ? statistics.weights.count : statistics.nonzeros + fillers
        func average(_ bits: Int) -> Double? {
            entries == 0 || plan.pairBits > 0 ? nil : Double(bits) / Double(entries)
        }
        bitsPerNonzero = nonzeros == 0 ? nil : Double(8 * bytes) / Double(nonzeros)
        let hasPlanes = if case .planes = values { true } else { false }
        weightBitsCoded =
            hasPlanes
            ? Double(plan.halfBits) / Double(nonzeros) : average(plan.codeBits)
        indexBitsCoded = average(plan.gapBits)
        let codeBound =
            hasPlanes
            ? HalfPlanes.entropy(of: statistics.weights.halves) : entropyBits(statistics.codes)
        let bound = codeBound + entropyBits([nonzeros, weights - nonzeros])
        entropyBoundBytes = Int((bound / 8).rounded(.up))
        self.candidates = candidates.map {
            CodingCandidate(
                mode: $0.coding.mode, scanOrder: $0.order,
                bytes: FileWriter.sectionBytes(1 + $0.bodyBytes))
        }
    }
}

extension WeightStatistics {
    /// How many filler zeros `coding` needs.
    fileprivate func fillers(_ coding: TensorCoding) -> Int {
        guard case .relativeIndex(let bits, _, _) = coding else { return 0 }
        return relativeHistogram(bits).fillers
    }
}

/// `Σ f · log2(F / f)` over frequencies `f` of sum `F`: the bits that symbols of these frequencies
/// take at least.
func entropyBits(_ frequencies: [Int]) -> Double {
    let total = Double(frequencies.reduce(0, +))
    return frequencies.reduce(0) { bits, frequency in
        frequency == 0 ? bits : bits + Double(frequency) * log2(total / Double(frequency))
    }
}
