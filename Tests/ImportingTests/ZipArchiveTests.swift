import Importing
import Testing

private let fixtures = packageRoot + "/Fixtures/numpy/"

/// An archive that make.py wrote, with some bytes changed.
private struct Archive {
    let folder = TemporaryFolder()
    var bytes: [UInt8]
    var path: String { folder.path("x.npz") }

    init(_ name: String = "plain.npz") { bytes = contents(of: fixtures + name) }

    /// Where the `number`th record begins that starts with `PK` and two bytes.
    func place(of signature: [UInt8], _ number: Int = 0) -> Int {
        let pattern = Array("PK".utf8) + signature
        return bytes.indices.filter { bytes[$0...].starts(with: pattern) }[number]
    }

    /// The first record's member in the central directory.
    var entry: Int { place(of: [1, 2]) }
    var header: Int { place(of: [3, 4]) }
    var end: Int { place(of: [5, 6]) }

    mutating func set(_ place: Int, _ values: [UInt8]) {
        bytes.replaceSubrange(place..<place + values.count, with: values)
    }

    func load() throws(DataSetError) -> DataSet {
        folder.write(bytes, "x.npz")
        return try DataSetSource(archive: path).load(.train)
    }

    func error() -> ZipError? {
        do throws(DataSetError) {
            _ = try load()
            return nil
        } catch {
            guard case .archive(let error) = error else {
                Issue.record("\(error)")
                return nil
            }
            return error
        }
    }
}

@Test(arguments: ["stored.npz", "deflated.npz", "plain.npz", "piped.npz"])
func `every cut of an archive is an error`(name: String) {
    let whole = Archive(name)
    for length in whole.bytes.indices {
        var archive = whole
        archive.bytes = Array(whole.bytes[..<length])
        #expect(archive.error() == .noArchive(file: archive.path), "cut to \(length)")
    }
}

@Test func `a flipped bit of an archive is an error, or leaves the same data set`() throws {
    let whole = Archive("deflated.npz")
    let expected = try whole.load()
    for bit in 0..<whole.bytes.count * 8 {
        var archive = whole
        archive.bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        do throws(DataSetError) {
            #expect(try archive.load() == expected, "bit \(bit)")
        } catch {}
    }
}

@Test func `what an archive may have and this reader does not read is named`() {
    var archive = Archive()
    archive.set(archive.entry + 8, [1])
    #expect(archive.error() == .encrypted(file: archive.path, entry: "x_train.npy"))
    archive = Archive()
    archive.set(archive.entry + 10, [12])
    #expect(archive.error() == .unknownMethod(file: archive.path, entry: "x_train.npy", found: 12))
    for offset in [20, 24, 42] {
        archive = Archive()
        archive.set(archive.entry + offset, [0xff, 0xff, 0xff, 0xff])
        #expect(archive.error() == .zip64(file: archive.path))
    }
    archive = Archive()
    archive.set(archive.end + 8, [0xff, 0xff, 0xff, 0xff])
    #expect(archive.error() == .zip64(file: archive.path))
    archive = Archive()
    let locator = Array("PK".utf8) + [6, 7] + [UInt8](repeating: 0, count: 16)
    archive.bytes.insert(contentsOf: locator, at: archive.end)
    #expect(archive.error() == .zip64(file: archive.path))
    for place in [archive.entry + 34, Archive().end + 4] {
        archive = Archive()
        archive.set(place, [1])
        #expect(archive.error() == .severalDisks(file: archive.path))
    }
}

@Test func `members that are not where the directory says are an error`() {
    var archive = Archive()
    archive.set(archive.entry + 42, [1])
    #expect(
        archive.error()
            == .wrongSignature(
                file: archive.path, part: .header, place: 1, found: 0x1404_034b,
                expected: 0x0403_4b50))
    archive = Archive()
    archive.set(archive.entry + 42, [0, 0, 0, 0x7f])
    #expect(
        archive.error()
            == .outOfBounds(
                file: archive.path, part: .header, start: 0x7f00_0000, length: 30,
                end: archive.entry))
    archive = Archive()
    archive.set(archive.entry + 20, [0, 0, 0, 0x7f])
    #expect(
        archive.error()
            == .outOfBounds(
                file: archive.path, part: .content, start: archive.header + 41,
                length: 0x7f00_0000, end: archive.entry))
    archive = Archive()
    archive.set(archive.header + 30, [UInt8(ascii: "z")])
    #expect(
        archive.error()
            == .differentName(file: archive.path, entry: "x_train.npy", found: "z_train.npy"))
    archive = Archive()
    archive.set(archive.entry + 46, [UInt8(ascii: "y")])
    #expect(archive.error() == .duplicateEntry(file: archive.path, entry: "y_train.npy"))
    archive = Archive()
    archive.set(archive.entry + 46, [UInt8(ascii: "z")])
    #expect(
        archive.error()
            == .missingEntry(
                file: archive.path, entry: "x_train.npy",
                known: ["x_test.npy", "y_test.npy", "y_train.npy", "z_train.npy"]))
}

@Test func `a directory of another length than its members is an error`() {
    var archive = Archive()
    let length = Int(archive.bytes[archive.end + 12])
    archive.set(archive.end + 8, [3, 0, 3, 0])
    guard case .trailingDirectory(_, length, let expected) = archive.error() else {
        Issue.record("three of four members")
        return
    }
    #expect(expected < length)
    archive = Archive()
    archive.set(archive.end + 8, [5, 0, 5, 0])
    guard case .outOfBounds(_, .directoryEntry, _, 46, _) = archive.error() else {
        Issue.record("five of four members")
        return
    }
}

@Test func `lengths and checksums that do not fit the content are errors`() {
    var archive = Archive()
    let length =
        Int(archive.bytes[archive.entry + 24]) + Int(archive.bytes[archive.entry + 25]) << 8
    archive.set(archive.entry + 24, [UInt8(length & 0xff) &- 1])
    #expect(
        archive.error()
            == .wrongLength(
                file: archive.path, entry: "x_train.npy", found: nil, expected: length - 1))
    archive = Archive()
    archive.set(archive.entry + 24, [UInt8(length & 0xff) &+ 1])
    #expect(
        archive.error()
            == .wrongLength(
                file: archive.path, entry: "x_train.npy", found: length, expected: length + 1))
    archive = Archive()
    archive.set(archive.entry + 24, [0, 0, 0, 0x7f])
    guard
        case .implausibleLength(_, "x_train.npy", 0x7f00_0000, let largest) = archive.error()
    else {
        Issue.record("no error for 2 GiB out of a few bytes")
        return
    }
    #expect(largest < 1_000_000)
    archive = Archive()
    archive.set(archive.entry + 16, [archive.bytes[archive.entry + 16] ^ 1])
    guard case .wrongChecksum(_, "x_train.npy", let found, let expected) = archive.error() else {
        Issue.record("no error for a wrong checksum")
        return
    }
    #expect(found ^ expected == 1)
}

@Test func `files that are no archives are errors`() {
    let folder = TemporaryFolder()
    for (name, bytes) in [("empty", []), ("text", Array("no archive".utf8))] as [(String, [UInt8])]
    {
        let path = folder.write(bytes, name)
        #expect(throws: DataSetError.archive(.noArchive(file: path))) {
            try DataSetSource(archive: path).load(.train)
        }
    }
    #expect(
        throws: DataSetError.archive(
            .unreadable(file: folder.path("none"), reason: "No such file or directory"))
    ) { try DataSetSource(archive: folder.path("none")).load(.train) }
    folder.write([], "folder/file")
    #expect(throws: DataSetError.self) {
        try DataSetSource(archive: folder.path("folder")).load(.train)
    }
}

@Test func `a file of PyTorch is told from an archive of arrays`() {
    // A member's header: 22 bytes of other fields, the lengths of its name and of what follows.
    let name = Array("x/data.pkl".utf8)
    let header: [UInt8] = [0x50, 0x4b, 3, 4] + [UInt8](repeating: 0, count: 22)
    var archive = Archive()
    archive.bytes = header + [UInt8(name.count), 0, 0, 0] + name
    #expect(archive.error() == .pyTorch(file: archive.path))
}
