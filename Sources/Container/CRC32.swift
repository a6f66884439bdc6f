/// The CRC-32 of zlib and PNG: polynomial `EDB88320`, reflected. Bytes are fed in any portions.
package struct CRC32 {
    private var register: UInt32 = 0xFFFF_FFFF

    package init() {}

    /// The checksum of all bytes fed so far.
    package var value: UInt32 { ~register }

    package mutating func update(_ bytes: ArraySlice<UInt8>) {
        var crc = register
        for byte in bytes {
            crc = CRC32.table[Int((crc ^ UInt32(byte)) & 0xFF)] ^ (crc >> 8)
        }
        register = crc
    }

    /// Entry `i` is the register after the byte `i`, from zero.
    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { crc, _ in (crc >> 1) ^ (crc & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
}
