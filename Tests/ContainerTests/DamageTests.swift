import Container
import PackedModel
import Testing

/// One file in every mode, and one where Zstandard wins in both kinds of section.
private func sampleFiles() throws -> [[UInt8]] {
    var files = try ScanOrder.allCases.flatMap { order in
        try allModes.map { mode in
            try Container.write(
                smallModel(), options: EncodingOptions(mode: mode, scanOrder: order)
            ).bytes
        }
    }
    var repetitive = linearModel(
        tensor(
            shape: [40, 40], levels: gridLevels(4),
            dense: (0..<1600).map { [1, 0, 2, 3, 0, 0, 1, 1, 2][$0 % 9] }))
    repetitive.classNames = (0..<40).map { "class number \($0)" }
    let (bytes, summary) = try Container.write(repetitive)
    #expect(summary.metadataUsesZstd && summary.tensors[0].usesZstd)
    files.append(bytes)
    files.append(try Container.write(graphModel()).bytes)
    files.append(try Container.write(graphModel(), options: EncodingOptions(usesZstd: false)).bytes)
    files.append(try Container.write(floatModel()).bytes)
    files.append(try Container.write(floatModel(), options: EncodingOptions(usesZstd: false)).bytes)
    return files
}

/// Whether reading fails with an error that has a text.
private func isRefused(_ bytes: [UInt8]) -> Bool {
    do {
        _ = try Container.read(bytes)
        return false
    } catch {
        return !error.description.isEmpty
    }
}

struct DamageTests {
    @Test func `every cut of a file is an error that names a section`() throws {
        let names = ["header", "metadata section", "tensor section of "]
        for file in try sampleFiles() {
            for length in 0..<file.count {
                do {
                    _ = try Container.read(Array(file.prefix(length)))
                    Issue.record("\(length) of \(file.count) bytes were read")
                } catch {
                    #expect(names.contains { error.description.hasPrefix($0) }, "\(error)")
                }
            }
        }
    }

    @Test func `every flipped bit is detected`() throws {
        for file in try sampleFiles() {
            for bit in 0..<8 * file.count {
                var damaged = file
                damaged[bit / 8] ^= 1 << UInt8(bit % 8)
                #expect(isRefused(damaged), "bit \(bit)")
            }
        }
    }

    @Test func `bytes behind the end are an error`() throws {
        let file = try Container.write(smallModel()).bytes
        #expect(throws: ContainerError.trailingBytes(section: .tensor("fc2"), count: 2)) {
            try Container.read(file + [0, 0])
        }
    }

    @Test func `errors say what was found and expected`() throws {
        let file = try Container.write(smallModel()).bytes
        #expect(throws: ContainerError.notAContainer(found: [1, 0x53, 0x48, 0x4B])) {
            try Container.read([1] + file.dropFirst())
        }
        #expect(throws: ContainerError.unsupportedVersion(found: 4, supported: 3)) {
            try Container.read(Array(file.prefix(4)) + [4] + file.dropFirst(5))
        }
        #expect(throws: ContainerError.wrongSection(section: .metadata, found: 9, expected: 1)) {
            try Container.read(Array(file.prefix(5)) + [9] + file.dropFirst(6))
        }
        #expect(
            throws: ContainerError.truncated(
                section: .header, field: "magic and version", needed: 5, available: 4)
        ) { try Container.read(Array(file.prefix(4))) }
    }
}
