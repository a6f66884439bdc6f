/// What stands in the body of a tensor section.
struct TensorBody {
    var coding: TensorCoding
    var values: WeightValues
    /// Of halves each nonzero has its own here, whether or not it has in the file.
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

    /// - Parameters:
    ///   - number: of the coding mode.
    ///   - areHalves: whether weights are halves, not levels.
    mutating func read(
        number: Int, areHalves: Bool, budget: inout MemoryBudget
    ) throws(ContainerError) -> TensorBody {
        guard areHalves else {
            let levels = try LevelTable.read(&reader)
            var body = try readCodes(number, symbols: levels.count - 1, &budget)
            body.values = .levels(levels)
            return try finished(body)
        }
        let table = try WeightValues.readTable(&reader)
        var body = try readCodes(number, symbols: table?.count ?? 1, &budget)
        let nonzeros = body.weights.gaps.count
        if let table {
            try budget.charge(2 * nonzeros, reader.section, "halves")
            body.values = .table(table)
            body.weights.halves = body.weights.codes.map { table[Int($0) - 1] }
        } else if nonzeros > 0 {
            body.weights.halves = try HalfPlanes.read(
                count: nonzeros, from: &reader, budget: &budget)
            body.values = .planes(HalfPlanes(fitting: body.weights.halves))
        }
        return try finished(body)
    }

    /// Checks that nothing is left.
    private mutating func finished(_ body: TensorBody) throws(ContainerError) -> TensorBody {
        var body = body
        body.bits = reader.position
        try reader.finish(body.weights.gaps.isEmpty ? "number of nonzeros" : "weights")
        return body
    }

    private mutating func readCodes(
        _ number: Int, symbols: Int, _ budget: inout MemoryBudget
    ) throws(ContainerError) -> TensorBody {
        if number == 0 { return try readRaw(symbols, &budget) }
        let nonzeros = try reader.field(
            "number of nonzeros", width(count), in: 0...(symbols == 0 ? 0 : count))
        guard nonzeros > 0 else { return body(.packed(gapBits: 0), [], []) }
        let coding = try TensorCoding.readTables(
            number: number, lines: order == .rowMajor ? outputs : inner,
            length: order == .rowMajor ? inner : outputs, symbols: symbols, from: &reader,
            budget: &budget)
        try budget.charge(5 * nonzeros, reader.section, "weights")
        var gaps = [UInt32](repeating: 0, count: nonzeros)
        var codes = [UInt8](repeating: 0, count: nonzeros)
        var checks = EntryChecks(within: count)
        var gapList = gaps.mutableSpan
        var codeList = codes.mutableSpan
        readEntries(coding, symbols, &gapList, &codeList, &checks)
        try reader.require(0, "weights")
        try checks.check(symbols, reader.section)
        return body(coding, gaps, codes)
    }

    /// A body whose values and end are not known yet.
    private func body(
        _ coding: TensorCoding, _ gaps: [UInt32], _ codes: [UInt8]
    ) -> TensorBody {
        let weights = ScannedWeights(
            order: order, outputs: outputs, inner: inner, gaps: gaps, codes: codes)
        return TensorBody(coding: coding, values: .levels([0]), weights: weights, bits: 0)
    }

    /// A code for every weight.
    private mutating func readRaw(
        _ symbols: Int, _ budget: inout MemoryBudget
    ) throws(ContainerError) -> TensorBody {
        let bits = width(symbols)
        try reader.require(bits * count, "weights")
        var counting = reader
        var nonzeros = 0
        for _ in 0..<(bits == 0 ? 0 : count) where counting.take(bits) != 0 { nonzeros += 1 }
        try budget.charge(5 * nonzeros, reader.section, "weights")

        var gaps: [UInt32] = []
        var codes: [UInt8] = []
        gaps.reserveCapacity(nonzeros)
        codes.reserveCapacity(nonzeros)
        var checks = EntryChecks(within: count)
        var gap = 0
        for _ in 0..<(bits == 0 ? 0 : count) {
            let code = reader.take(bits)
            if code == 0 {
                gap += 1
            } else {
                _ = checks.allows(gap, code)
                gaps.append(UInt32(gap))
                codes.append(UInt8(code))
                gap = 0
            }
        }
        try checks.check(symbols, reader.section)
        return body(.raw, gaps, codes)
    }

    /// Fills both lists, or stops at a position that lies outside.
    private mutating func readEntries(
        _ coding: TensorCoding, _ symbols: Int, _ gaps: inout MutableSpan<UInt32>,
        _ codes: inout MutableSpan<UInt8>, _ checks: inout EntryChecks
    ) {
        switch coding {
        case .raw:
            break
        case .packed(let gapBits):
            let codeBits = width(symbols - 1)
            for i in gaps.indices {
                let gap = reader.take(gapBits)
                let code = reader.take(codeBits) + 1
                guard checks.allows(gap, code) else { return }
                put(gap, code, &gaps, &codes, at: i)
            }
        case .relativeIndex(let bits, let gapCode, let codeCode):
            let decoders = (PrefixDecoder(gapCode), PrefixDecoder(codeCode))
            readRelative(bits, decoders.0, decoders.1, &gaps, &codes, &checks)
        case .gapClasses(let scheme, let gapCode, let codeCode):
            let gapDecoder = PrefixDecoder(gapCode) { scheme.part($0) }
            let codeDecoder = PrefixDecoder(codeCode)
            for i in gaps.indices {
                let part = gapDecoder.read(&reader)
                let gap = part &>> 5 &+ reader.take(part & 31)
                let code = codeDecoder.read(&reader) &+ 1
                guard checks.allows(gap, code) else { return }
                put(gap, code, &gaps, &codes, at: i)
            }
        case .joint(let scheme, let pairs):
            let decoder = pairDecoder(scheme, pairs, symbols)
            for i in gaps.indices {
                let pair = decoder.read(&reader)
                let gap = pair &>> 13 &+ reader.take((pair &>> 8) & 31)
                guard checks.allows(gap, pair & 0xFF) else { return }
                put(gap, pair & 0xFF, &gaps, &codes, at: i)
            }
        case .lineClasses(let lines, let scheme, let firsts, let codeCode):
            let codeDecoder = codeCode.map { PrefixDecoder($0) }
            let decoders = firsts.map {
                pairDecoder(scheme, $0, codeDecoder == nil ? symbols : 1)
            }
            for i in gaps.indices {
                let pair = decoders[lines.of(checks.next)].read(&reader)
                let gap = pair &>> 13 &+ reader.take((pair &>> 8) & 31)
                let code = codeDecoder.map { $0.read(&reader) &+ 1 } ?? pair & 0xFF
                guard checks.allows(gap, code) else { return }
                put(gap, code, &gaps, &codes, at: i)
            }
        case .rice(let gapParameter, let codeParameter):
            let codeBits = width(symbols - 1)
            for i in gaps.indices {
                let gap = reader.takeRice(gapParameter)
                let code = codeParameter.map { reader.takeRice($0) } ?? reader.take(codeBits)
                guard checks.allows(gap, min(code, 255) + 1) else { return }
                put(gap, min(code, 255) + 1, &gaps, &codes, at: i)
            }
        }
    }

    /// Writes entry `index`; what does not fit is an error that `EntryChecks` has seen.
    @inline(__always)
    private func put(
        _ gap: Int, _ code: Int, _ gaps: inout MutableSpan<UInt32>,
        _ codes: inout MutableSpan<UInt8>, at index: Int
    ) {
        gaps[index] = UInt32(truncatingIfNeeded: gap)
        codes[index] = UInt8(truncatingIfNeeded: code)
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
        _ bits: Int, _ gapDecoder: PrefixDecoder, _ codeDecoder: PrefixDecoder,
        _ gaps: inout MutableSpan<UInt32>, _ codes: inout MutableSpan<UInt8>,
        _ checks: inout EntryChecks
    ) {
        let largest = 1 << bits - 1
        var filled = 0
        var index = 0
        while index < gaps.count {
            let gap = gapDecoder.read(&reader)
            let code = codeDecoder.read(&reader)
            if code > 0 {
                guard checks.allows(filled + gap, code) else { return }
                put(filled + gap, code, &gaps, &codes, at: index)
                index += 1
                filled = 0
            } else {
                filled += largest + 1
                // Zeros behind the end must not be followed for ever.
                guard checks.allowsFiller(gap, largest: largest, filled), reader.remaining >= 0
                else {
                    return
                }
            }
        }
    }
}

/// The checks of nonzeros as they are read; they cost nothing beside decoding.
private struct EntryChecks {
    /// The position behind the last nonzero.
    private(set) var next = 0
    private let count: Int
    private var largestCode = 0
    /// The first position outside of the tensor that was met.
    private var outside: Int?
    /// A filler's gap that is not the largest, and the largest.
    private var shortFiller: (found: Int, expected: Int)?

    init(within count: Int) { self.count = count }

    /// Goes on by a nonzero, or returns `false` if it lies outside of the tensor. `gap` is below
    /// 2^63 − 2^31.
    @inline(__always)
    mutating func allows(_ gap: Int, _ code: Int) -> Bool {
        let position = next &+ gap
        guard position < count else {
            outside = position
            return false
        }
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
