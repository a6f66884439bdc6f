/// A canonical prefix code: a code length for each symbol.
///
/// Shorter codes come first, those of a length in the order of their symbols.
package struct PrefixCode: Equatable {
    package static let longest = 15

    /// 1...15, or 0 for a symbol that does not occur.
    package var lengths: [UInt8]
    /// The only symbol that occurs, whose code has no bits; `lengths` are zeros then.
    package var single: Int?

    /// The optimal code for symbols of these frequencies.
    package init(frequencies: [Int]) {
        lengths = limitedCodeLengths(frequencies, limit: PrefixCode.longest)
        let first = frequencies.firstIndex { $0 > 0 }
        single = first == frequencies.lastIndex { $0 > 0 } ? first : nil
    }

    package init(lengths: [UInt8]) {
        self.lengths = lengths
    }

    init(single: Int, of count: Int) {
        lengths = [UInt8](repeating: 0, count: count)
        self.single = single
    }

    /// Whether a code exists for `symbol`.
    func contains(_ symbol: Int) -> Bool {
        lengths[symbol] > 0 || single == symbol
    }

    /// `Σ frequency · length`.
    func bits(_ frequencies: [Int]) -> Int {
        zip(frequencies, lengths).reduce(0) { $0 + $1.0 * Int($1.1) }
    }

    /// The code of each symbol, in the low bits.
    package var codes: [UInt16] {
        var next = firstCodes
        return lengths.map { length in
            guard length > 0 else { return 0 }
            defer { next[Int(length)] += 1 }
            return UInt16(next[Int(length)])
        }
    }

    /// For each length the code of its first symbol.
    private var firstCodes: [Int] {
        var counts = [Int](repeating: 0, count: PrefixCode.longest + 1)
        for length in lengths where length > 0 { counts[Int(length)] += 1 }
        var code = 0
        return (0...PrefixCode.longest).map { length in
            code = length == 0 ? 0 : (code + counts[length - 1]) << 1
            return code
        }
    }
}

/// Writes symbols with a prefix code.
package struct PrefixEncoder {
    /// `code << 4 | length` a symbol.
    private let entries: [UInt32]

    package init(_ code: PrefixCode) {
        entries = zip(code.codes, code.lengths).map { UInt32($0) << 4 | UInt32($1) }
    }

    @inline(__always)
    package func write(_ symbol: Int, to writer: inout BitWriter) {
        let entry = entries[symbol]
        writer.bits(Int(entry >> 4), Int(entry & 15))
    }
}

/// Reads symbols with a prefix code, by one look-up each.
package struct PrefixDecoder {
    /// `value << 4 | length` for every string of `longest` bits.
    private let entries: [UInt64]
    private let longest: Int

    /// `code` has to be complete or single.
    ///
    /// - Parameter value: what stands for a symbol in `read`, below 2^60; by default the symbol.
    package init(_ code: PrefixCode, value: (Int) -> UInt64 = { UInt64($0) }) {
        let longest = Int(code.lengths.max() ?? 0)
        var entries = [UInt64](
            repeating: code.single.map(value).map { $0 << 4 } ?? 0, count: 1 << longest)
        for (symbol, (bits, length)) in zip(code.codes, code.lengths).enumerated()
        where length > 0 {
            let free = longest - Int(length)
            let first = Int(bits) << free
            let entry = value(symbol) << 4 | UInt64(length)
            for i in first..<first + 1 << free { entries[i] = entry }
        }
        self.entries = entries
        self.longest = longest
    }

    /// The value of the next symbol.
    @inline(__always)
    package func read(_ reader: inout BitReader) -> Int {
        let entry = entries[reader.peek(longest)]
        reader.skip(Int(truncatingIfNeeded: entry & 15))
        return Int(truncatingIfNeeded: entry &>> 4)
    }
}
