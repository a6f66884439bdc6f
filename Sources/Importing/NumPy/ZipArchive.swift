import CZlib
import Foundation
import Tensors

/// A zip archive (PKWARE APPNOTE 6.3) of stored and deflated members, as `numpy.savez` writes them.
///
///     | header, content | header, content | ... | central directory | end of central directory |
///
/// Lengths and checksums are those of the central directory: headers may leave them open. Archives with
/// 64-bit lengths there, encrypted ones and ones in several parts are refused.
final class ZipArchive {
    private struct Entry {
        let method: Int
        let checksum: UInt32
        let packedLength: Int
        let length: Int
        /// Of the member's header.
        let place: Int
    }

    let path: String
    private let file: RandomAccessFile
    private var entries: [String: Entry] = [:]
    /// Where the central directory begins; members lie in front of it.
    private let directoryPlace: Int

    init(path: String) throws(ZipError) {
        self.path = path
        file = try RandomAccessFile(path: path)
        let start = try file.fields(
            .header, at: 0, count: min(file.length, PyTorchFile.prefixLength), end: file.length)
        if PyTorchFile.isBegun(by: start.bytes) { throw .pyTorch(file: path) }
        let end = try EndOfDirectory(of: file)
        directoryPlace = end.directoryPlace
        try readDirectory(end)
    }

    // MARK: The central directory

    private func readDirectory(_ end: EndOfDirectory) throws(ZipError) {
        let directory = try file.fields(
            .directory, at: end.directoryPlace, count: end.directoryLength, end: end.place)
        var position = 0
        for _ in 0..<end.entryCount {
            try checkRoom(46, at: position, in: directory, end)
            try directory.check(.directoryEntry, signature: 0x0201_4b50, at: position)
            let lengths = [28, 30, 32].map { directory.number(at: position + $0, bytes: 2) }
            try checkRoom(46 + lengths.reduce(0, +), at: position, in: directory, end)
            let name = directory.text(at: position + 46, count: lengths[0])
            try add(name, directory, at: position)
            position += 46 + lengths.reduce(0, +)
        }
        guard position == end.directoryLength else {
            throw .trailingDirectory(
                file: path, found: end.directoryLength, expected: position)
        }
    }

    private func checkRoom(
        _ length: Int, at position: Int, in directory: Fields, _ end: EndOfDirectory
    ) throws(ZipError) {
        guard position + length <= directory.bytes.count else {
            throw .outOfBounds(
                file: path, part: .directoryEntry, start: end.directoryPlace + position,
                length: length, end: end.place)
        }
    }

    private func add(_ name: String, _ directory: Fields, at position: Int) throws(ZipError) {
        func number(_ offset: Int, _ bytes: Int) -> Int {
            directory.number(at: position + offset, bytes: bytes)
        }
        let entry = Entry(
            method: number(10, 2), checksum: UInt32(number(16, 4)), packedLength: number(20, 4),
            length: number(24, 4), place: number(42, 4))
        if number(8, 2) & 1 != 0 { throw .encrypted(file: path, entry: name) }
        guard number(34, 2) == 0 else { throw .severalDisks(file: path) }
        guard ![entry.packedLength, entry.length, entry.place].contains(0xffff_ffff) else {
            throw .zip64(file: path)
        }
        guard entries.updateValue(entry, forKey: name) == nil else {
            throw .duplicateEntry(file: path, entry: name)
        }
    }

    // MARK: Members

    /// A member's content, whose checksum is right.
    func contents(of name: String) throws(ZipError) -> [UInt8] {
        guard let entry = entries[name] else {
            throw .missingEntry(file: path, entry: name, known: entries.keys.sorted())
        }
        let packed = try packedContents(of: name, entry)
        let content: [UInt8]
        switch entry.method {
        case 0:
            guard packed.count == entry.length else {
                throw .wrongLength(
                    file: path, entry: name, found: packed.count, expected: entry.length)
            }
            content = packed
        case 8: content = try inflate(packed, name, entry)
        default: throw .unknownMethod(file: path, entry: name, found: entry.method)
        }
        let checksum = UInt32(crc32_z(0, content, content.count))
        guard checksum == entry.checksum else {
            throw .wrongChecksum(
                file: path, entry: name, found: checksum, expected: entry.checksum)
        }
        return content
    }

    private func packedContents(
        of name: String, _ entry: Entry
    ) throws(ZipError) -> [UInt8] {
        let header = try file.fields(.header, at: entry.place, count: 30, end: directoryPlace)
        try header.check(.header, signature: 0x0403_4b50, at: 0)
        let nameLength = header.number(at: 26, bytes: 2)
        let rest = nameLength + header.number(at: 28, bytes: 2)
        let names = try file.fields(
            .header, at: entry.place + 30, count: rest, end: directoryPlace)
        let found = names.text(at: 0, count: nameLength)
        guard found == name else { throw .differentName(file: path, entry: name, found: found) }
        return try file.fields(
            .content, at: entry.place + 30 + rest, count: entry.packedLength,
            end: directoryPlace
        ).bytes
    }

    /// Inflates a deflate stream (RFC 1951).
    private func inflate(
        _ packed: [UInt8], _ name: String, _ entry: Entry
    ) throws(ZipError) -> [UInt8] {
        // 258 bytes of content take at least 2 bits, so memory stays in proportion to the file.
        let largest = min(packed.count * 1032, NumPyArray.largestLength + 1 << 16)
        guard entry.length <= largest else {
            throw .implausibleLength(
                file: path, entry: name, found: entry.length, largest: largest)
        }
        // On the heap, because zlib remembers the address.
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // 15 is the largest window; the minus sign says that there is no header.
        let start = inflateInit2_(
            stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        precondition(start == Z_OK, "zlib does not start: status \(start)")
        defer {
            inflateEnd(stream)
            stream.deallocate()
        }
        var (status, produced) = (Z_OK, 0)
        // One byte more than there should be shows content that is too long.
        let content = [UInt8](unsafeUninitializedCapacity: entry.length + 1) { output, count in
            packed.withUnsafeBufferPointer { input in
                stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                stream.pointee.avail_in = UInt32(input.count)
                stream.pointee.next_out = output.baseAddress
                stream.pointee.avail_out = UInt32(entry.length + 1)
                status = CZlib.inflate(stream, Z_FINISH)
            }
            produced = entry.length + 1 - Int(stream.pointee.avail_out)
            count = produced
        }
        let reason = stream.pointee.msg.map { String(cString: $0) }
        let unused = stream.pointee.avail_in
        guard produced <= entry.length else {
            throw .wrongLength(file: path, entry: name, found: nil, expected: entry.length)
        }
        guard status == Z_STREAM_END, unused == 0 else {
            throw .damaged(
                file: path, entry: name,
                reason: reason
                    ?? (status == Z_STREAM_END
                        ? "\(unused) bytes behind its end" : "it stops early"))
        }
        guard produced == entry.length else {
            throw .wrongLength(file: path, entry: name, found: produced, expected: entry.length)
        }
        return content
    }
}

/// The record that ends an archive and says where its directory is.
private struct EndOfDirectory {
    /// Where it begins itself.
    let place: Int
    let entryCount: Int
    let directoryPlace: Int
    let directoryLength: Int

    private static let length = 22
    private static let longestComment = 0xffff
    private static let signature: [UInt8] = [0x50, 0x4b, 0x05, 0x06]
    private static let zip64Signature: [UInt8] = [0x50, 0x4b, 0x06, 0x07]
    /// Of the record that stands in front of this one in archives with 64-bit lengths.
    private static let zip64Length = 20

    init(of file: RandomAccessFile) throws(ZipError) {
        let tailLength = min(file.length, Self.length + Self.longestComment + Self.zip64Length)
        let tailPlace = file.length - tailLength
        let tail = try file.fields(
            .directory, at: tailPlace, count: tailLength, end: file.length)
        // From the end: a comment may follow, which has to fill the rest of the file.
        let start = stride(from: tailLength - Self.length, through: 0, by: -1).first { start in
            tail.bytes[start...].starts(with: Self.signature)
                && start + Self.length + tail.number(at: start + 20, bytes: 2) == tailLength
        }
        guard let start else { throw .noArchive(file: file.path) }
        place = tailPlace + start
        entryCount = tail.number(at: start + 10, bytes: 2)
        directoryLength = tail.number(at: start + 12, bytes: 4)
        directoryPlace = tail.number(at: start + 16, bytes: 4)
        let isZip64 =
            entryCount == 0xffff || directoryLength == 0xffff_ffff
            || directoryPlace == 0xffff_ffff
            || start >= Self.zip64Length
                && tail.bytes[(start - Self.zip64Length)...].starts(with: Self.zip64Signature)
        if isZip64 { throw .zip64(file: file.path) }
        let disks = [4, 6].map { tail.number(at: start + $0, bytes: 2) }
        guard disks == [0, 0], tail.number(at: start + 8, bytes: 2) == entryCount else {
            throw .severalDisks(file: file.path)
        }
    }
}

/// Bytes of an archive with numbers, which are little-endian.
private struct Fields {
    let file: String
    let place: Int
    let bytes: [UInt8]

    func number(at position: Int, bytes count: Int) -> Int {
        bytes[position..<position + count].reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    func text(at position: Int, count: Int) -> String {
        String(decoding: bytes[position..<position + count], as: UTF8.self)
    }

    func check(_ part: ZipError.Part, signature: UInt32, at position: Int) throws(ZipError) {
        let found = UInt32(number(at: position, bytes: 4))
        guard found == signature else {
            throw .wrongSignature(
                file: file, part: part, place: place + position, found: found,
                expected: signature)
        }
    }
}

/// A file that is read here and there.
private final class RandomAccessFile {
    let path: String
    let length: Int
    private let descriptor: Int32

    init(path: String) throws(ZipError) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        length = descriptor < 0 ? -1 : Int(lseek(descriptor, 0, SEEK_END))
        guard length >= 0 else { throw .unreadable(file: path, reason: systemReason()) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// A part that has to end at `end` or before.
    func fields(
        _ part: ZipError.Part, at place: Int, count: Int, end: Int
    ) throws(ZipError) -> Fields {
        guard place <= end, count <= end - place else {
            throw .outOfBounds(file: path, part: part, start: place, length: count, end: end)
        }
        var (done, failure) = (0, false)
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            while done < count {
                let found = pread(
                    descriptor, buffer.baseAddress! + done, count - done, off_t(place + done))
                if found < 0 && errno == EINTR { continue }
                failure = found < 0
                if found <= 0 { break }
                done += found
            }
            initialized = done
        }
        if failure { throw .unreadable(file: path, reason: systemReason()) }
        // The file has become shorter since it was opened.
        guard done == count else {
            throw .outOfBounds(
                file: path, part: part, start: place, length: count, end: place + done)
        }
        return Fields(file: path, place: place, bytes: bytes)
    }
}
