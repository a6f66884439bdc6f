/// What stands in the body of a tensor section.
struct TensorBody {
    var coding: TensorCoding
    var levels: [Int8]
    var weights: ScannedWeights
    /// The bits of the body without those that fill up its last byte.
    var bits: Int
}

/// Reads the body of a tensor section.
struct TensorReader {
    private var reader: BitReader
    private let order: ScanOrder
    private let outputs: Int
    private let inner: Int

    private var count: Int { outputs * inner }

    init(_ reader: BitReader, order: ScanOrder, outputs: Int, inner: Int) {
        self.reader = reader
        self.order = order
        self.outputs = outputs
        self.inner = inner
    }

    /// - Parameter number: of the coding mode.
    mutating func read(
        number: Int, budget: inout MemoryBudget
    ) throws(ContainerError) -> TensorBody {
        let levels = try LevelTable.read(&reader)
        if number == 0 { return try readRaw(levels, &budget) }
        let symbols = levels.count - 1
        let nonzeros = try reader.field(
            "number of nonzeros", width(count), in: 0...(symbols == 0 ? 0 : count))
        guard nonzeros > 0 else {
            let bits = reader.position
            try reader.finish("number of nonzeros")
            return body(.packed(gapBits: 0), levels, Entries(capacity: 0, within: count), bits)
        }
        let coding = try TensorCoding.readTables(
            number: number, lines: order == .rowMajor ? outputs : inner,
            length: order == .rowMajor ? inner : outputs, symbols: symbols, from: &reader,
            budget: &budget)
        try budget.charge(5 * nonzeros, reader.section, "weights")
        var entries = Entries(capacity: nonzeros, within: count)
        readEntries(coding, symbols, nonzeros, &entries)
        try reader.require(0, "weights")
        try entries.check(symbols, reader.section)
        let bits = reader.position
        try reader.finish("weights")
        return body(coding, levels, entries, bits)
    }

    private func body(
        _ coding: TensorCoding, _ levels: [Int8], _ entries: Entries, _ bits: Int
    ) -> TensorBody {
        let weights = ScannedWeights(
            order: order, outputs: outputs, inner: inner, gaps: entries.gaps, codes: entries.codes)
        return TensorBody(coding: coding, levels: levels, weights: weights, bits: bits)
    }

    /// A code for every weight.
    private mutating func readRaw(
        _ levels: [Int8], _ budget: inout MemoryBudget
    ) throws(ContainerError) -> TensorBody {
        let bits = width(levels.count - 1)
        try reader.require(bits * count, "weights")
        var counting = reader
        var nonzeros = 0
        for _ in 0..<(bits == 0 ? 0 : count) where counting.take(bits) != 0 { nonzeros += 1 }
        try budget.charge(5 * nonzeros, reader.section, "weights")

        var entries = Entries(capacity: nonzeros, within: count)
        var gap = 0
        for _ in 0..<(bits == 0 ? 0 : count) {
            let code = reader.take(bits)
            if code == 0 {
                gap += 1
            } else {
                _ = entries.append(gap, code)
                gap = 0
            }
        }
        try entries.check(levels.count - 1, reader.section)
        let position = reader.position
        try reader.finish("weights")
        return body(.raw, levels, entries, position)
    }

    /// Reads until there are `nonzeros` entries or a position lies outside.
    private mutating func readEntries(
        _ coding: TensorCoding, _ symbols: Int, _ nonzeros: Int, _ entries: inout Entries
    ) {
        switch coding {
        case .raw:
            break
        case .packed(let gapBits):
            let codeBits = width(symbols - 1)
            for _ in 0..<nonzeros {
                let gap = reader.take(gapBits)
                guard entries.append(gap, reader.take(codeBits) + 1) else { return }
            }
        case .relativeIndex(let bits, let gaps, let codes):
            readRelative(bits, PrefixDecoder(gaps), PrefixDecoder(codes), nonzeros, &entries)
        case .gapClasses(let scheme, let gaps, let codes):
            let gapDecoder = PrefixDecoder(gaps) { scheme.part($0) }
            let codeDecoder = PrefixDecoder(codes)
            for _ in 0..<nonzeros {
                let part = gapDecoder.read(&reader)
                let gap = part &>> 5 &+ reader.take(part & 31)
                guard entries.append(gap, codeDecoder.read(&reader) &+ 1) else { return }
            }
        case .joint(let scheme, let pairs):
            let decoder = pairDecoder(scheme, pairs, symbols)
            for _ in 0..<nonzeros {
                let pair = decoder.read(&reader)
                let gap = pair &>> 13 &+ reader.take((pair &>> 8) & 31)
                guard entries.append(gap, pair & 0xFF) else { return }
            }
        case .lineClasses(let lines, let scheme, let firsts, let codes):
            let codeDecoder = codes.map { PrefixDecoder($0) }
            let decoders = firsts.map {
                pairDecoder(scheme, $0, codeDecoder == nil ? symbols : 1)
            }
            for _ in 0..<nonzeros {
                let pair = decoders[lines.of(entries.next)].read(&reader)
                let gap = pair &>> 13 &+ reader.take((pair &>> 8) & 31)
                let code = codeDecoder.map { $0.read(&reader) &+ 1 } ?? pair & 0xFF
                guard entries.append(gap, code) else { return }
            }
        case .rice(let gapParameter, let codeParameter):
            let codeBits = width(symbols - 1)
            for _ in 0..<nonzeros {
                let gap = reader.takeRice(gapParameter)
                let code = codeParameter.map { reader.takeRice($0) } ?? reader.take(codeBits)
                guard entries.append(gap, min(code, 255) + 1) else { return }
            }
        }
    }

    /// A decoder whose values are the smallest gap of a class, the number of extra bits (5 bits) and
    /// the code (8 bits), for symbols `class · symbols + code − 1`.
    private func pairDecoder(
        _ scheme: GapScheme, _ pairs: PrefixCode, _ symbols: Int
    ) -> PrefixDecoder {
        PrefixDecoder(pairs) { pair in
            scheme.part(pair / symbols) << 8 | UInt64(pair % symbols + 1)
        }
    }

    /// A filler, code 0, makes the gap longer and has to have the largest gap itself.
    private mutating func readRelative(
        _ bits: Int, _ gaps: PrefixDecoder, _ codes: PrefixDecoder, _ nonzeros: Int,
        _ entries: inout Entries
    ) {
        let largest = 1 << bits - 1
        var filled = 0
        while entries.gaps.count < nonzeros {
            let gap = gaps.read(&reader)
            let code = codes.read(&reader)
            if code > 0 {
                guard entries.append(filled + gap, code) else { return }
                filled = 0
            } else {
                filled += largest + 1
                // Zeros behind the end must not be followed for ever.
                guard entries.allowsFiller(gap, largest: largest, filled), reader.remaining >= 0
                else {
                    return
                }
            }
        }
    }
}

/// Nonzeros as they are read, with the checks that cost nothing beside decoding.
private struct Entries {
    private(set) var gaps: [UInt32] = []
    private(set) var codes: [UInt8] = []
    /// The position behind the last nonzero.
    private(set) var next = 0
    private let count: Int
    private var largestCode = 0
    /// The first position outside of the tensor that was met.
    private var outside: Int?
    /// A filler's gap that is not the largest, and the largest.
    private var shortFiller: (found: Int, expected: Int)?

    init(capacity: Int, within count: Int) {
        self.count = count
        gaps.reserveCapacity(capacity)
        codes.reserveCapacity(capacity)
    }

    /// Adds a nonzero, or returns `false` if it lies outside of the tensor. `gap` is below 2^63 − 2^31.
    @inline(__always)
    mutating func append(_ gap: Int, _ code: Int) -> Bool {
        let position = next &+ gap
        guard position < count else {
            outside = position
            return false
        }
        gaps.append(UInt32(truncatingIfNeeded: gap))
        codes.append(UInt8(truncatingIfNeeded: code))
        largestCode = max(largestCode, code)
        next = position &+ 1
        return true
    }

    /// Whether a filler may stand here that makes `filled` zeros since the last nonzero.
    mutating func allowsFiller(_ gap: Int, largest: Int, _ filled: Int) -> Bool {
        if gap != largest { shortFiller = (gap, largest) }
        if next + filled >= count { outside = next + filled }
        return gap == largest && outside == nil
    }

    func check(_ symbols: Int, _ section: FileSection) throws(ContainerError) {
        if let (found, expected) = shortFiller {
            throw .outOfRange(
                section: section, field: "gap of a filler", found: found,
                expected: expected...expected)
        }
        if let outside {
            throw .outOfRange(
                section: section, field: "position", found: outside, expected: 0...count - 1)
        }
        guard largestCode <= symbols else {
            throw .outOfRange(
                section: section, field: "code", found: largestCode, expected: 0...symbols)
        }
    }
}

extension GapScheme {
    /// The smallest gap of a class, and in the low 5 bits the number of its extra bits.
    fileprivate func part(_ classIndex: Int) -> UInt64 {
        UInt64(first(classIndex)) << 5 | UInt64(extraBits(classIndex))
    }
}
