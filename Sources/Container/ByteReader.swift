/// Reads the byte-aligned fields of Format.md from part of an array, checking each length first.
package struct ByteReader {
    let section: FileSection
    let bytes: [UInt8]
    package private(set) var next: Int
    let end: Int

    package init(_ bytes: [UInt8], in range: Range<Int>, section: FileSection) {
        self.section = section
        self.bytes = bytes
        next = range.lowerBound
        end = range.upperBound
    }

    var remaining: Int { end - next }

    /// Steps over `count` bytes and returns where they are.
    package mutating func take(_ count: Int, _ field: String) throws(ContainerError) -> Range<Int> {
        guard count <= remaining else {
            throw .truncated(section: section, field: field, needed: count, available: remaining)
        }
        defer { next += count }
        return next..<next + count
    }

    package mutating func byte(_ field: String) throws(ContainerError) -> Int {
        Int(bytes[try take(1, field).lowerBound])
    }

    /// A byte whose bits in `reserved` have to be zero.
    mutating func flags(_ field: String, reserved: Int) throws(ContainerError) -> Int {
        let value = try byte(field)
        guard value & reserved == 0 else {
            throw .reserved(section: section, field: field, found: value)
        }
        return value
    }

    package mutating func varint(
        _ field: String, in range: ClosedRange<Int> = 0...Int(UInt32.max)
    ) throws(ContainerError) -> Int {
        var value = 0
        for shift in stride(from: 0, to: 35, by: 7) {
            let byte = try byte(field)
            value |= (byte & 0x7F) << shift
            guard byte < 0x80 else { continue }
            guard byte != 0 || shift == 0, value <= Int(UInt32.max) else { break }
            guard range.contains(value) else {
                throw .outOfRange(section: section, field: field, found: value, expected: range)
            }
            return value
        }
        throw .overlongNumber(section: section, field: field)
    }

    mutating func fixed(_ field: String) throws(ContainerError) -> UInt32 {
        try take(4, field).reversed().reduce(0) { $0 << 8 | UInt32(bytes[$1]) }
    }

    mutating func float(
        _ field: String, _ rule: NumberRule = .finite
    ) throws(ContainerError) -> Float {
        let value = Float(bitPattern: try fixed(field))
        guard rule.allows(value) else {
            throw .invalidNumber(section: section, field: field, found: value, expected: rule)
        }
        return value
    }

    /// `count` floats, or one that stands for them all if they are not `listed`.
    mutating func floats(
        _ field: String, _ rule: NumberRule, count: Int, listed: Bool, budget: inout MemoryBudget
    ) throws(ContainerError) -> [Float] {
        if listed {
            guard 4 * count <= remaining else {
                throw .truncated(
                    section: section, field: field, needed: 4 * count, available: remaining)
            }
        }
        try budget.charge(4 * count, section, field)
        guard listed else { return [Float](repeating: try float(field, rule), count: count) }
        var values: [Float] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try float(field, rule)) }
        return values
    }

    mutating func text(_ field: String) throws(ContainerError) -> String {
        let length = try varint(field)
        let range = try take(length, field)
        guard let text = String(validating: bytes[range], as: UTF8.self) else {
            throw .notText(section: section, field: field)
        }
        return text
    }

    /// Checks that everything has been read.
    func finish() throws(ContainerError) {
        guard remaining == 0 else { throw .trailingBytes(section: section, count: remaining) }
    }
}
