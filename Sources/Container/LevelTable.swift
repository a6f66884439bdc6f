/// How the levels behind the codes of a tensor are stored.
enum LevelTable {
    case grid
    case ascending(parameter: Int)
    case listed

    /// The form that stores `levels` in the fewest bits.
    static func smallest(_ levels: [Int8]) -> LevelTable {
        if isGrid(levels) { return .grid }
        guard levels.count > 2, zip(levels.dropFirst(), levels.dropFirst(2)).allSatisfy(<) else {
            return .listed
        }
        let forms = (0..<8).map { LevelTable.ascending(parameter: $0) } + [.listed]
        let sizes = forms.map { form in
            var counter = BitCounter()
            form.write(levels, to: &counter)
            return counter.count
        }
        return forms[sizes.indices.min { sizes[$0] < sizes[$1] } ?? 0]
    }

    private static func isGrid(_ levels: [Int8]) -> Bool {
        levels.indices.allSatisfy { Int(levels[$0]) == gridLevel($0) }
    }

    /// 0, 1, −1, 2, −2, ...
    private static func gridLevel(_ code: Int) -> Int {
        code & 1 == 1 ? code / 2 + 1 : -(code / 2)
    }

    /// The place of a nonzero level among all, −128 being the first.
    private static func rank(_ level: Int8) -> Int {
        level < 0 ? Int(level) + 128 : Int(level) + 127
    }

    func write(_ levels: [Int8], to sink: inout some BitSink) {
        sink.bits(levels.count - 1, 8)
        guard levels.count > 1 else { return }
        switch self {
        case .grid:
            sink.bits(0, 2)
        case .ascending(let parameter):
            sink.bits(1, 2)
            sink.bits(parameter, 3)
            var next = 0
            for level in levels.dropFirst() {
                sink.rice(LevelTable.rank(level) - next, parameter)
                next = LevelTable.rank(level) + 1
            }
        case .listed:
            sink.bits(2, 2)
            for level in levels.dropFirst() { sink.bits(Int(UInt8(bitPattern: level)), 8) }
        }
    }

    static func read(_ reader: inout BitReader) throws(ContainerError) -> [Int8] {
        let count = try reader.field("number of levels", 8)
        guard count > 0 else { return [0] }
        let form = try reader.field("level form", 2)
        switch form {
        case 0: return try readGrid(count, reader.section)
        case 1: return try readAscending(count, &reader)
        case 2: return try readListed(count, &reader)
        default:
            throw .reserved(section: reader.section, field: "level form", found: form)
        }
    }

    private static func readGrid(
        _ count: Int, _ section: FileSection
    ) throws(ContainerError) -> [Int8] {
        guard count < 255 else {
            throw .outOfRange(
                section: section, field: "number of grid levels", found: count, expected: 0...254)
        }
        return (0...count).map { Int8(gridLevel($0)) }
    }

    private static func readAscending(
        _ count: Int, _ reader: inout BitReader
    ) throws(ContainerError) -> [Int8] {
        let parameter = try reader.field("level parameter", 3)
        var levels: [Int8] = [0]
        var rank = -1
        for _ in 0..<count {
            let skipped = try reader.riceField("level", parameter, in: 0...max(253 - rank, 0))
            rank += 1 + skipped
            guard rank < 255 else {
                throw .outOfRange(
                    section: reader.section, field: "level", found: rank - 127, expected: -128...127
                )
            }
            levels.append(Int8(rank < 128 ? rank - 128 : rank - 127))
        }
        return levels
    }

    private static func readListed(
        _ count: Int, _ reader: inout BitReader
    ) throws(ContainerError) -> [Int8] {
        try reader.require(8 * count, "levels")
        var levels: [Int8] = [0]
        for _ in 0..<count {
            levels.append(Int8(bitPattern: UInt8(reader.take(8))))
        }
        try requireDistinct(levels, reader.section)
        return levels
    }

    /// Checks that no level occurs twice.
    static func requireDistinct(
        _ levels: [Int8], _ section: FileSection
    ) throws(ContainerError) {
        var seen = [Bool](repeating: false, count: 256)
        for level in levels {
            guard !seen[Int(level) + 128] else {
                throw .repeatedLevel(section: section, level: Int(level))
            }
            seen[Int(level) + 128] = true
        }
    }
}
