/// Writes the byte-aligned fields of Format.md.
struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    mutating func byte(_ value: Int) {
        bytes.append(UInt8(value))
    }

    mutating func varint(_ value: Int) {
        var rest = UInt32(value)
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func fixed(_ value: UInt32) {
        for shift in stride(from: 0, to: 32, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(shift)))
        }
    }

    mutating func float(_ value: Float) {
        fixed(value.bitPattern)
    }

    mutating func text(_ value: String) {
        varint(value.utf8.count)
        bytes.append(contentsOf: value.utf8)
    }

    mutating func append(_ other: [UInt8]) {
        bytes.append(contentsOf: other)
    }
}
