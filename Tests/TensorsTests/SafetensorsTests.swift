import Foundation
import Tensors
import Testing

/// A path in a folder of its own; `removeFolder(of:)` takes it away again.
func temporaryPath(_ name: String) -> String {
    let folder = NSTemporaryDirectory() + "shrink-tensors-" + UUID().uuidString
    try! FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    return folder + "/" + name
}

func removeFolder(of path: String) {
    try? FileManager.default.removeItem(atPath: (path as NSString).deletingLastPathComponent)
}

/// A file of Fixtures/golden/safetensors.
private func goldenFile(_ name: String) -> String {
    URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fixtures/golden/safetensors/\(name)").path
}

private let goldenPath = goldenFile("small.safetensors")

/// What Fixtures/golden/safetensors/make.py writes, in the order of the Python package.
private let golden = Safetensors(
    metadata: ["graph": "{\"nodes\": [1, 2],\n\t\"name\": \"é\\u0001\"}\u{1}\u{7f}"],
    tensors: [
        .init(
            name: "conv.weight",
            content: .float32(
                Tensor(shape: [2, 3, 2], elements: (0..<12).map { Float($0) / 8 - 0.5 }))),
        .init(
            name: "edge \"cases\" ä",
            content: .float32(
                Tensor(shape: [5], elements: [0, -0.0, 0x1p-149, 3.4028235e38, .infinity]))),
        .init(name: "empty", content: .float32(Tensor(shape: [0, 3]))),
        .init(name: "scalar", content: .float32(Tensor(shape: [], elements: [0.25]))),
        .init(name: "mask", content: .bytes(shape: [3, 3], [1, 0, 255, 7, 128, 2, 0, 0, 9])),
    ])

@Test func `a file of the Python package is read`() throws {
    let file = try Safetensors(contentsOf: goldenPath)
    #expect(file == golden)
    // Equality takes −0 for 0.
    guard case .float32(let edges) = file["edge \"cases\" ä"] else { throw MissingTensor() }
    #expect(edges[1].sign == .minus)
}

private struct MissingTensor: Error {}

@Test func `the same content gives the bytes of the Python package`() {
    #expect(golden.encoded() == Array(FileManager.default.contents(atPath: goldenPath)!))
}

@Test func `what is written is read again, in its order`() throws {
    var file = Safetensors(metadata: ["b": "2", "a": "1", "": "\u{0}\u{1f}\"\\/\u{8}\u{c}\n\r\t 🙂"])
    file.append([1, 2, 3], shape: [3], named: "odd bytes first")
    file.append(Tensor(shape: [2], elements: [1.5, -2]), named: "z\u{1f642}/\\\"")
    file.append([], shape: [4, 0], named: "nothing")
    file.append(int8: [-128, -1, 127], shape: [3, 1], named: "signed")
    file.append(Tensor(shape: [1, 1], elements: [0x1p-149]), named: "a")
    file.tensors.append(
        .init(name: "count", content: .int64(shape: [2, 1], [Int64.min, 0x0102_0304_0506_0708])))
    let path = temporaryPath("model.safetensors")
    defer { removeFolder(of: path) }
    try file.write(to: path)
    #expect(try Safetensors(contentsOf: path) == file)
    #expect(Array(FileManager.default.contents(atPath: path)!) == file.encoded())
    #expect(try Safetensors([UInt8](file.encoded())) == file)
    #expect(try Safetensors(Safetensors().encoded()) == Safetensors())
}

@Test(arguments: ["F16", "BF16", "F64"])
func `floats of other widths are read as NumPy rounds them`(type: String) throws {
    let file = try Safetensors(contentsOf: goldenFile("floats.safetensors"))
    guard case .float32(let tensor)? = file[type],
        case .float32(let expected)? = file["\(type) in F32"]
    else { throw MissingTensor() }
    #expect(tensor.shape == expected.shape && tensor.count > 6)
    for index in 0..<expected.count {
        let (found, wanted) = (tensor[index], expected[index])
        #expect(found.bitPattern == wanted.bitPattern || found.isNaN && wanted.isNaN, "\(index)")
    }
}

@Test(arguments: 0...20)
func `header and floats are aligned whatever the names' lengths`(length: Int) throws {
    var file = Safetensors()
    file.append([7], shape: [1], named: "bytes")
    file.append(Tensor(shape: [1], elements: [2]), named: String(repeating: "n", count: length))
    let bytes = file.encoded()
    let header = Int(bytes[0]) + Int(bytes[1]) << 8
    #expect(header % 8 == 0)
    #expect(Array(bytes[(8 + header)...]) == [0, 0, 0, 0x40, 7])
}

@Test func `the order in which metadata is set does not change the bytes`() {
    let keys = (0..<50).map { "key \($0)" }
    let forward = Safetensors(metadata: Dictionary(uniqueKeysWithValues: keys.map { ($0, "v") }))
    var backward = Safetensors()
    for key in keys.reversed() { backward.metadata[key] = "v" }
    #expect(forward.encoded() == backward.encoded())
}

@Test func `bits of numbers that are not numbers survive`() throws {
    var file = Safetensors()
    let value = Float(bitPattern: 0x7fc1_2345)
    file.append(Tensor(shape: [1], elements: [value]), named: "nan")
    guard case .float32(let tensor) = try Safetensors(file.encoded())["nan"] else {
        throw MissingTensor()
    }
    #expect(tensor[0].bitPattern == value.bitPattern)
}

@Test func `a large file is in memory once while it is read, and read as it is`() async {
    await #expect(processExitsWith: .success) {
        // Tensors that begin and end within pages, in a file of zeros but for a mark in each.
        let path = temporaryPath("large.safetensors")
        defer { removeFolder(of: path) }
        let sizes = [3, 50_000_001, 7, 10_000_003]
        var (header, end) = ("{", 0)
        for (index, size) in sizes.enumerated() {
            let range = "\"data_offsets\":[\(end),\(end + 4 * size)]"
            header += index == 0 ? "" : ","
            header += "\"\(index)\":{\"dtype\":\"F32\",\"shape\":[\(size)],\(range)}"
            end += 4 * size
        }
        header += "}"
        let start = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) }
        _ = FileManager.default.createFile(atPath: path, contents: start + Data(header.utf8))
        let file = try #require(FileHandle(forUpdatingAtPath: path))
        let data = UInt64(8 + header.utf8.count)
        try file.truncate(atOffset: data + UInt64(end))
        var last = data
        for size in sizes {
            last += UInt64(4 * size)
            try file.seek(toOffset: last - 4)
            try file.write(contentsOf: withUnsafeBytes(of: Float(size)) { Data($0) })
        }
        try file.close()

        let before = peakMemory()
        let tensors = try Safetensors(contentsOf: path).tensors
        let needed = peakMemory() - before
        #expect(needed < end + 32 << 20, "\(needed) bytes for a file of \(end)")
        for (entry, size) in zip(tensors, sizes) {
            guard case .float32(let tensor) = entry.content else { preconditionFailure() }
            #expect(tensor.shape == [size] && tensor[size - 1] == Float(size))
            #expect(tensor.withUnsafeElements { $0.dropLast().allSatisfy { $0 == 0 } })
        }
    }
}

/// The most memory that the process has had, in bytes.
private func peakMemory() -> Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Int(usage.ru_maxrss) * 1024
}
