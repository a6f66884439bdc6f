/// The CRC-32 of zlib and PNG: polynomial `EDB88320`, reflected. Bytes are fed in any portions.
package struct CRC32 {
    private var register: UInt32 = 0xFFFF_FFFF

    package init() {}

    /// The checksum of all bytes fed so far.
    package var value: UInt32 { ~register }

    /// Takes eight bytes at a time ("slicing by 8", Kounavis & Berry 2008), then one by one.
    package mutating func update(_ bytes: ArraySlice<UInt8>) {
        let table = CRC32.table
        var crc = register
        let bytes = bytes.span
        var next = 0
        while next + 8 <= bytes.count {
            var slice: UInt32 = 0
            for i in 0..<4 {
                let low = Int(UInt8(truncatingIfNeeded: crc) ^ bytes[next + i])
                slice ^=
                    table[(7 - i) * 256 + low] ^ table[(3 - i) * 256 + Int(bytes[next + 4 + i])]
                crc >>= 8
            }
            crc = slice
            next += 8
        }
        for i in next..<bytes.count {
            crc = table[Int((crc ^ UInt32(bytes[i])) & 0xFF)] ^ (crc >> 8)
        }
        register = crc
    }

    /// Entry `256 · k + i` is the register after the byte `i` and `k` zeros, from zero.
    private static let table: [UInt32] = {
        var table = (0..<256).map { byte in
            (0..<8).reduce(UInt32(byte)) { crc, _ in (crc >> 1) ^ (crc & 1 == 1 ? 0xEDB8_8320 : 0) }
        }
        for place in 256..<8 * 256 {
            let crc = table[place - 256]
            table.append(table[Int(crc & 0xFF)] ^ (crc >> 8))
        }
        return table
    }()
}
