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

/// Reads symbols with a prefix code, by one look-up each, or by two where codes are long.
package struct PrefixDecoder {
    /// Strings of so many bits are looked up first: 8 KB stay in the first cache.
    private static let mostFirstBits = 10

    /// `value << 4 | length` for every string of `firstBits` bits. Where longer codes begin with it,
    /// `place << 4` instead: `entries[place...]` belong to the bits that follow, up to `longest`.
    private let entries: [UInt64]
    private let firstBits: Int
    private let longest: Int

    /// `code` has to be complete or single.
    ///
    /// - Parameter value: what stands for a symbol in `read`, below 2^60; by default the symbol.
    package init(_ code: PrefixCode, value: (Int) -> UInt64 = { UInt64($0) }) {
        let longest = Int(code.lengths.max() ?? 0)
        let firstBits = min(longest, Self.mostFirstBits)
        var entries = [UInt64](
            repeating: code.single.map(value).map { $0 << 4 } ?? 0, count: 1 << firstBits)
        for (symbol, (bits, length)) in zip(code.codes, code.lengths).enumerated()
        where length > 0 {
            let (bits, length) = (Int(bits), Int(length))
            let entry = value(symbol) << 4 | UInt64(length)
            // The strings that begin with the code: in the first table, or in the one of its prefix.
            var (start, free) = (0, firstBits - length)
            if free < 0 {
                let prefix = bits >> -free
                if entries[prefix] == 0 {
                    entries[prefix] = UInt64(entries.count) << 4
                    entries += [UInt64](repeating: 0, count: 1 << (longest - firstBits))
                }
                free = longest - length
                start = Int(entries[prefix] >> 4) - prefix << (longest - firstBits)
            }
            let first = start + bits << free
            for i in first..<first + 1 << free { entries[i] = entry }
        }
        self.entries = entries
        self.firstBits = firstBits
        self.longest = longest
    }

    /// The value of the next symbol.
    @inline(__always)
    package func read(_ reader: inout BitReader) -> Int {
        var entry = entries[reader.peek(firstBits)]
        if entry & 15 == 0, longest > firstBits {
            let mask = 1 << (longest &- firstBits) &- 1
            entry = entries[Int(truncatingIfNeeded: entry &>> 4) &+ reader.peek(longest) & mask]
        }
        reader.skip(Int(truncatingIfNeeded: entry & 15))
        return Int(truncatingIfNeeded: entry &>> 4)
    }
}
