import PackedModel

/// What the codes of a tensor's nonzero weights stand for, as a tensor section stores it.
enum WeightValues {
    case levels([Int8])
    /// The half of each code from 1 on: few weights, or shared ones.
    case table([UInt16])
    /// Every code is 1, and each nonzero has a half of its own behind the entries.
    case planes(HalfPlanes)

    /// How many codes there are, without that of zero.
    var symbols: Int {
        switch self {
        case .levels(let levels): levels.count - 1
        case .table(let halves): halves.count
        case .planes: 1
        }
    }

    var areHalves: Bool { if case .levels = self { false } else { true } }

    /// Writes what stands before the entries.
    func write(to sink: inout some BitSink) {
        switch self {
        case .levels(let levels):
            LevelTable.smallest(levels).write(levels, to: &sink)
        case .table(let halves):
            sink.bits(halves.count, 8)
            for half in halves { sink.bits(Int(half), 16) }
        case .planes:
            sink.bits(0, 8)
        }
    }

    /// Reads a table of halves, or `nil` where each nonzero has one of its own.
    static func readTable(_ reader: inout BitReader) throws(ContainerError) -> [UInt16]? {
        let count = try reader.field("number of halves", 8)
        guard count > 0 else { return nil }
        try reader.require(16 * count, "halves")
        let table = (0..<count).map { _ in UInt16(reader.take(16)) }
        for half in table where !HalfPrecision.isNonzero(half) {
            throw .invalidNumber(
                section: reader.section, field: "half", found: HalfPrecision.value(half),
                expected: .nonzero)
        }
        return table
    }
}

/// The weights of a tensor with codes, whatever they are, in row-major order.
struct CodedWeights {
    let values: WeightValues
    let rows: ScannedWeights

    init(_ tensor: PackedTensor) {
        guard !tensor.halves.isEmpty else {
            values = .levels(tensor.levels)
            rows = ScannedWeights(tensor, codes: tensor.codes)
            return
        }
        let planes = HalfPlanes(fitting: tensor.halves)
        if let shared = Self.shared(tensor.halves),
            shared.bits < planes.tableBits + planes.byteBits
        {
            values = .table(shared.table)
            rows = ScannedWeights(tensor, codes: shared.codes)
        } else {
            values = .planes(planes)
            rows = ScannedWeights(
                tensor, codes: [UInt8](repeating: 1, count: tensor.halves.count),
                halves: tensor.halves)
        }
    }

    /// The distinct halves, ascending by their bits, with the code of each, unless there are more than
    /// 255; and the bits that table, code table and codes take.
    private static func shared(
        _ halves: [UInt16]
    ) -> (table: [UInt16], codes: [UInt8], bits: Int)? {
        var counts = [Int](repeating: 0, count: 1 << 16)
        for half in halves { counts[Int(half)] += 1 }
        let table = counts.indices.filter { counts[$0] > 0 }
        guard table.count < 256 else { return nil }
        var codeOfHalf = [UInt8](repeating: 0, count: 1 << 16)
        for (index, half) in table.enumerated() { codeOfHalf[half] = UInt8(index + 1) }
        let frequencies = table.map { counts[$0] }
        let code = PrefixCode(frequencies: frequencies)
        let bits =
            16 * table.count + CodeLengthTable.smallest(code, period: 0).bits
            + code.bits(frequencies)
        return (table.map { UInt16($0) }, halves.map { codeOfHalf[Int($0)] }, bits)
    }
}
