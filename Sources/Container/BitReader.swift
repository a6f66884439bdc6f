/// Reads bits from part of an array: the first bit is the most significant one of the first byte.
///
/// Behind the end it delivers zeros and remembers that it did: loops over millions of symbols check
/// once, at their end. Fields whose value sizes something are read with `field`, which checks.
package struct BitReader {
    let section: FileSection
    private let bytes: [UInt8]
    private let start: Int
    private let end: Int
    /// The next byte to load; beyond `end` when zeros were delivered.
    private var next: Int
    /// The next `available` bits at the top, zeros below.
    private var buffer: UInt64 = 0
    private var available = 0

    package init(_ bytes: [UInt8], in range: Range<Int>, section: FileSection) {
        self.section = section
        self.bytes = bytes
        start = range.lowerBound
        next = start
        end = range.upperBound
    }

    /// How many bits have been read.
    package var position: Int { 8 * (next - start) - available }
    /// How many bits are left; negative if zeros behind the end were read.
    package var remaining: Int { 8 * (end - start) - position }

    /// Makes at least 32 bits available.
    @inline(__always)
    private mutating func refill() {
        guard available <= 32 else { return }
        var word: UInt32 = 0
        if next &+ 4 <= end {
            word = UInt32(
                bigEndian: bytes.span.bytes.unsafeLoadUnaligned(
                    fromByteOffset: next, as: UInt32.self))
        } else {
            for i in next..<next + 4 { word = word << 8 | UInt32(i < end ? bytes[i] : 0) }
        }
        buffer |= UInt64(word) &<< UInt64(32 &- available)
        available &+= 32
        next &+= 4
    }

    /// The next `count` bits, which stay; `count` is 0...32.
    @inline(__always)
    mutating func peek(_ count: Int) -> Int {
        refill()
        return Int(truncatingIfNeeded: (buffer &>> 1) &>> UInt64(63 &- count))
    }

    /// Steps over `count` bits that were peeked at.
    @inline(__always)
    mutating func skip(_ count: Int) {
        buffer = buffer &<< UInt64(count)
        available &-= count
    }

    /// The next `count` bits; `count` is 0...32.
    @inline(__always)
    package mutating func take(_ count: Int) -> Int {
        defer { skip(count) }
        return peek(count)
    }

    /// A number written with `BitSink.rice`; 2^31 or more only where the file is damaged.
    package mutating func takeRice(_ parameter: Int) -> Int {
        var quotient = 0
        while true {
            refill()
            let ones = min((~buffer).leadingZeroBitCount, 31)
            let isLast = ones < 31
            skip(isLast ? ones + 1 : ones)
            quotient += ones
            if isLast || quotient >= 1 << 31 { break }
        }
        return min(quotient, 1 << 31) << parameter | take(parameter)
    }

    /// The next `count` bits, which have to be there and in `range`.
    mutating func field(
        _ name: String, _ count: Int, in range: ClosedRange<Int>? = nil
    ) throws(ContainerError) -> Int {
        try require(count, name)
        let value = take(count)
        if let range, !range.contains(value) {
            throw .outOfRange(section: section, field: name, found: value, expected: range)
        }
        return value
    }

    /// A Rice-coded number, which has to be there and in `range`.
    mutating func riceField(
        _ name: String, _ parameter: Int, in range: ClosedRange<Int>
    ) throws(ContainerError) -> Int {
        let value = takeRice(parameter)
        try require(0, name)
        guard range.contains(value) else {
            throw .outOfRange(section: section, field: name, found: value, expected: range)
        }
        return value
    }

    /// Checks that `count` bits are left.
    package func require(_ count: Int, _ field: String) throws(ContainerError) {
        guard count <= remaining else {
            throw .truncated(section: section, field: field, needed: count, available: remaining)
        }
    }

    /// Checks that only zero bits, fewer than eight, are left.
    package mutating func finish(_ field: String) throws(ContainerError) {
        try require(0, field)
        let left = remaining
        guard left < 8 else { throw .trailingBytes(section: section, count: left / 8) }
        guard take(left) == 0 else { throw .trailingBits(section: section, field: field) }
    }
}
