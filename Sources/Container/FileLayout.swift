/// The first bytes of a file.
enum Header {
    static let magic: [UInt8] = [0x89, 0x53, 0x48, 0x4B]
    /// The newest version; all from 1 on are read.
    static let version: UInt8 = 3
    static let size = 5
}

package enum SectionKind: UInt8 {
    case metadata = 1
    case tensor = 2
}

/// Puts sections into a file, each with the checksum of everything before it.
package struct FileWriter {
    package private(set) var bytes: [UInt8]
    private var checksum = CRC32()

    /// - Parameter version: 1...3.
    package init(version: UInt8 = 1) {
        bytes = Header.magic + [version]
        checksum.update(bytes[...])
    }

    /// Appends a section and returns how many bytes it takes, all told.
    package mutating func append(_ kind: SectionKind, _ payload: [UInt8]) -> Int {
        let start = bytes.count
        bytes.append(kind.rawValue)
        var length = ByteWriter()
        length.varint(payload.count)
        bytes += length.bytes
        bytes += payload
        checksum.update(bytes[start...])
        var field = ByteWriter()
        field.fixed(checksum.value)
        bytes += field.bytes
        checksum.update(field.bytes[...])
        return bytes.count - start
    }

    /// How many bytes a section with a payload of `payload` bytes takes.
    static func sectionBytes(_ payload: Int) -> Int {
        var length = ByteWriter()
        length.varint(payload)
        return 1 + length.bytes.count + payload + 4
    }
}

/// Takes a file apart into sections, checking lengths and checksums.
struct FileReader {
    let bytes: [UInt8]
    private var checksum = CRC32()
    private(set) var next = 0

    /// Checks magic and version.
    init(_ bytes: [UInt8]) throws(ContainerError) {
        self.bytes = bytes
        let found = bytes.prefix(Header.magic.count)
        guard Header.magic.starts(with: found) else { throw .notAContainer(found: Array(found)) }
        guard bytes.count >= Header.size else {
            throw .truncated(
                section: .header, field: "magic and version", needed: Header.size,
                available: bytes.count)
        }
        guard (1...Header.version).contains(bytes[4]) else {
            throw .unsupportedVersion(found: bytes[4], supported: Header.version)
        }
        checksum.update(bytes[..<Header.size])
        next = Header.size
    }

    /// Reads the next section, which has to be of `kind`: where its payload is, as the named section.
    mutating func section(
        _ kind: SectionKind, _ name: FileSection
    ) throws(ContainerError) -> ByteReader {
        var reader = ByteReader(bytes, in: next..<bytes.count, section: name)
        let found = UInt8(try reader.byte("kind"))
        guard found == kind.rawValue else {
            throw .wrongSection(section: name, found: found, expected: kind.rawValue)
        }
        let length = try reader.varint("length")
        let payload = try reader.take(length, "payload")
        checksum.update(bytes[next..<payload.upperBound])
        let stored = try reader.fixed("checksum")
        guard stored == checksum.value else {
            throw .wrongChecksum(section: name, found: stored, expected: checksum.value)
        }
        checksum.update(bytes[payload.upperBound..<reader.next])
        next = reader.next
        return ByteReader(bytes, in: payload, section: name)
    }

    /// Checks that the file ends with the last section, whose name is given.
    func finish(_ last: FileSection) throws(ContainerError) {
        guard next == bytes.count else {
            throw .trailingBytes(section: last, count: bytes.count - next)
        }
    }
}
