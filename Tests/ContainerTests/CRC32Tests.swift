import Container
import Testing

struct CRC32Tests {
    @Test func `the check value of zlib's CRC-32 comes out`() {
        var crc = CRC32()
        crc.update(Array("123456789".utf8)[...])
        #expect(crc.value == 0xCBF4_3926)
    }

    @Test func `portions give the checksum of the whole`() {
        let bytes = (0..<100).map { UInt8($0 * 7 % 256) }
        var whole = CRC32()
        whole.update(bytes[...])
        for cut in 0...100 {
            var parts = CRC32()
            parts.update(bytes[..<cut])
            parts.update(bytes[cut...])
            #expect(parts.value == whole.value)
        }
    }

    @Test func `no bytes have the checksum zero`() {
        #expect(CRC32().value == 0)
    }
}
