import Foundation
import Tensors
import Testing

private func content(_ path: String) -> [UInt8]? {
    FileManager.default.contents(atPath: path).map(Array.init)
}

private func siblings(_ path: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(
        atPath: (path as NSString).deletingLastPathComponent)
}

@Test func `an atomic write replaces the file and leaves nothing beside it`() throws {
    let path = temporaryPath("file")
    defer { removeFolder(of: path) }
    for bytes in [[1, 2, 3], [], [UInt8](repeating: 7, count: 1 << 20)] as [[UInt8]] {
        try AtomicFile.write(bytes, to: path)
        #expect(content(path) == bytes)
        #expect(try siblings(path) == ["file"])
    }
}

@Test func `a write that fails midway leaves the old file and nothing beside it`() throws {
    let path = temporaryPath("file")
    defer { removeFolder(of: path) }
    try AtomicFile.write([1, 2, 3], to: path)
    let failure = FileError(operation: .write, path: path, code: ENOSPC)
    #expect(throws: failure) {
        try AtomicFile.write(to: path) { file throws(FileError) in
            try [4, 5].withUnsafeBufferPointer { bytes throws(FileError) in
                try file.append(UnsafeRawBufferPointer(bytes))
            }
            throw failure
        }
    }
    #expect(content(path) == [1, 2, 3])
    #expect(try siblings(path) == ["file"])
}

@Test func `a write to a folder that is not there is an error`() {
    let folder = temporaryPath("missing")
    defer { removeFolder(of: folder) }
    let path = folder + "/file"
    #expect(throws: FileError(operation: .create, path: path, code: ENOENT)) {
        try AtomicFile.write([1], to: path)
    }
    #expect(
        "\(FileError(operation: .create, path: "a/b", code: ENOENT))"
            == "a/b: can not be created: No such file or directory")
}

@Test func `a write over a folder is an error and leaves nothing beside it`() throws {
    let path = temporaryPath("folder")
    defer { removeFolder(of: path) }
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    #expect(throws: FileError(operation: .rename, path: path, code: EISDIR)) {
        try AtomicFile.write([1], to: path)
    }
    #expect(try siblings(path) == ["folder"])
}

@Test func `a write through a link replaces what the link leads to`() throws {
    let (path, link) = (temporaryPath("target"), temporaryPath("link"))
    defer { removeFolder(of: path); removeFolder(of: link) }
    try AtomicFile.write([1, 2, 3], to: path)
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
    try AtomicFile.write([4], to: link)
    #expect(content(path) == [4])
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == path)
    #expect(try siblings(path) == ["target"])
}

@Test func `a write to a device goes to the device and tells when that is full`() {
    #expect(throws: Never.self) { try AtomicFile.write([1], to: "/dev/null") }
    #expect(throws: FileError(operation: .write, path: "/dev/full", code: ENOSPC)) {
        try AtomicFile.write([1], to: "/dev/full")
    }
    var status = stat()
    #expect(stat("/dev/full", &status) == 0 && status.st_mode & S_IFMT == S_IFCHR)
}

@Test func `what killed writers have left is removed, and nothing else`() throws {
    let path = temporaryPath("file")
    defer { removeFolder(of: path) }
    let gone = Process()
    gone.executableURL = URL(fileURLWithPath: "/bin/true")
    try gone.run()
    gone.waitUntilExit()
    let hour = Date(timeIntervalSinceNow: -3600)
    let (dead, alive) = (gone.processIdentifier, getpid())
    for (name, date) in [
        ("file", hour), ("file.\(dead).1a.part", hour), ("file.\(dead).2b.part", Date()),
        ("file.\(alive).3c.part", hour), ("file.x.4d.part", hour), ("file.part", hour),
        ("other.\(dead).5e.part", hour),
    ] {
        let beside = (path as NSString).deletingLastPathComponent + "/" + name
        #expect(
            FileManager.default.createFile(
                atPath: beside, contents: nil, attributes: [.modificationDate: date]))
    }
    AtomicFile.removeRemains(of: path)
    #expect(
        try siblings(path).sorted()
            == [
                "file", "file.\(alive).3c.part", "file.\(dead).2b.part", "file.part",
                "file.x.4d.part", "other.\(dead).5e.part",
            ].sorted())
}
