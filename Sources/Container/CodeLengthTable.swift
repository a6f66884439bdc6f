/// How the lengths of a prefix code are stored. Writers take the form with the fewest bits.
package enum CodeLengthTable: Equatable {
    case single
    case dense
    case sparse(parameter: Int)
    case predicted(parameter: Int, holes: Bool)

    /// The form that stores `code` in the fewest bits, and their number.
    ///
    /// - Parameter period: how many symbols before one the symbol stands whose length predicts its
    ///   own; 0 for the last that occurs.
    package static func smallest(_ code: PrefixCode, period: Int) -> (
        form: CodeLengthTable, bits: Int
    ) {
        if code.single != nil { return (.single, single.bits(code, period: period)) }
        var forms: [CodeLengthTable] = [.dense]
        forms += (0...8).map { .sparse(parameter: $0) }
        let used = code.lengths.prefix(occurring(code))
        forms += (0...2).map { .predicted(parameter: $0, holes: used.contains(0)) }
        let sizes = forms.map { $0.bits(code, period: period) }
        let best = sizes.indices.min { sizes[$0] < sizes[$1] } ?? 0
        return (forms[best], sizes[best])
    }

    package func bits(_ code: PrefixCode, period: Int) -> Int {
        var counter = BitCounter()
        write(code, period: period, to: &counter)
        return counter.count
    }

    /// How many symbols there are up to the last that occurs.
    private static func occurring(_ code: PrefixCode) -> Int {
        (code.lengths.lastIndex { $0 > 0 } ?? -1) + 1
    }

    package func write(_ code: PrefixCode, period: Int, to sink: inout some BitSink) {
        let alphabet = code.lengths.count
        let used = CodeLengthTable.occurring(code)
        switch self {
        case .single:
            sink.bits(0, 2)
            sink.bits(code.single ?? 0, width(alphabet - 1))
        case .dense:
            sink.bits(1, 2)
            sink.bits(used, width(alphabet))
            for length in code.lengths.prefix(used) { sink.bits(Int(length), 4) }
        case .sparse(let parameter):
            let occurring = code.lengths.indices.filter { code.lengths[$0] > 0 }
            sink.bits(2, 2)
            sink.bits(occurring.count, width(alphabet))
            sink.bits(parameter, 4)
            var next = 0
            for symbol in occurring {
                sink.rice(symbol - next, parameter)
                sink.bits(Int(code.lengths[symbol]), 4)
                next = symbol + 1
            }
        case .predicted(let parameter, let holes):
            sink.bits(3, 2)
            sink.bits(used, width(alphabet))
            sink.bits(parameter, 2)
            sink.bits(holes ? 1 : 0, 1)
            var prediction = LengthPrediction(period: period)
            for symbol in 0..<used {
                let length = Int(code.lengths[symbol])
                if holes { sink.bits(length > 0 ? 1 : 0, 1) }
                guard length > 0 else { continue }
                sink.rice(zigzag(length - prediction(symbol, code.lengths)), parameter)
                prediction.last = length
            }
        }
    }

    /// Reads the code of an alphabet of `alphabet` symbols, which `name` means in errors.
    package static func read(
        _ name: String, alphabet: Int, period: Int, from reader: inout BitReader,
        budget: inout MemoryBudget
    ) throws(ContainerError) -> PrefixCode {
        try budget.charge(alphabet, reader.section, name)
        let form = try reader.field("\(name) form", 2)
        if form == 0 {
            let symbol = try reader.field(
                "\(name) symbol", width(alphabet - 1), in: 0...alphabet - 1)
            return PrefixCode(single: symbol, of: alphabet)
        }
        let count = try reader.field("\(name) size", width(alphabet), in: 1...alphabet)
        var lengths = [UInt8](repeating: 0, count: alphabet)
        switch form {
        case 1: try readDense(name, count, &lengths, &reader)
        case 2: try readSparse(name, count, &lengths, &reader)
        default: try readPredicted(name, count, period, &lengths, &reader)
        }
        try requireComplete(lengths, name, reader.section)
        return PrefixCode(lengths: lengths)
    }

    private static func readDense(
        _ name: String, _ count: Int, _ lengths: inout [UInt8], _ reader: inout BitReader
    ) throws(ContainerError) {
        try reader.require(4 * count, name)
        for symbol in 0..<count { lengths[symbol] = UInt8(reader.take(4)) }
    }

    private static func readSparse(
        _ name: String, _ count: Int, _ lengths: inout [UInt8], _ reader: inout BitReader
    ) throws(ContainerError) {
        let parameter = try reader.field("\(name) parameter", 4)
        try reader.require(5 * count, name)
        var symbol = -1
        for _ in 0..<count {
            let most = lengths.count - 2 - symbol
            guard most >= 0 else {
                throw .outOfRange(
                    section: reader.section, field: "\(name) size", found: count,
                    expected: 0...lengths.count)
            }
            symbol += 1 + (try reader.riceField("\(name) symbol", parameter, in: 0...most))
            lengths[symbol] = UInt8(try reader.field("\(name) length", 4, in: 1...15))
        }
    }

    private static func readPredicted(
        _ name: String, _ count: Int, _ period: Int, _ lengths: inout [UInt8],
        _ reader: inout BitReader
    ) throws(ContainerError) {
        let parameter = try reader.field("\(name) parameter", 2)
        let holes = try reader.field("\(name) holes", 1) == 1
        try reader.require(count, name)
        var prediction = LengthPrediction(period: period)
        for symbol in 0..<count {
            if holes, try reader.field(name, 1) == 0 { continue }
            let difference = unzigzag(try reader.riceField(name, parameter, in: 0...63))
            let length = prediction(symbol, lengths) + difference
            guard (1...PrefixCode.longest).contains(length) else {
                throw .outOfRange(
                    section: reader.section, field: "\(name) length", found: length,
                    expected: 1...PrefixCode.longest)
            }
            lengths[symbol] = UInt8(length)
            prediction.last = length
        }
    }

    /// Checks that every bit string begins with exactly one code.
    private static func requireComplete(
        _ lengths: [UInt8], _ name: String, _ section: FileSection
    ) throws(ContainerError) {
        let full = 1 << PrefixCode.longest
        let sum = lengths.reduce(0) { $1 == 0 ? $0 : $0 + full >> Int($1) }
        if sum < full {
            throw .incompleteCode(section: section, field: name, found: sum, expected: full)
        }
        if sum > full {
            throw .oversubscribedCode(section: section, field: name, found: sum, expected: full)
        }
    }
}

/// The length that a symbol's is expected to be near to.
private struct LengthPrediction {
    let period: Int
    var last = 4

    init(period: Int) {
        self.period = period
    }

    func callAsFunction(_ symbol: Int, _ lengths: [UInt8]) -> Int {
        if period > 0, symbol >= period, lengths[symbol - period] > 0 {
            return Int(lengths[symbol - period])
        }
        return last
    }
}

/// Signed numbers as natural ones: 0, −1, 1, −2, 2, ... as 0, 1, 2, 3, 4, ...
func zigzag(_ value: Int) -> Int {
    value < 0 ? -2 * value - 1 : 2 * value
}

/// The inverse of `zigzag`.
func unzigzag(_ value: Int) -> Int {
    value & 1 == 1 ? -(value >> 1) - 1 : value >> 1
}
