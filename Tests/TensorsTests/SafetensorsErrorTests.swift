import Foundation
import Tensors
import Testing

/// A file with a header as given and so many bytes of data.
private func file(_ header: String, data: Int = 0, headerLength: UInt64? = nil) -> [UInt8] {
    let length = headerLength ?? UInt64(header.utf8.count)
    return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + Array(header.utf8)
        + [UInt8](repeating: 1, count: data)
}

/// The header's entry of a tensor.
private func entry(
    _ name: String, _ begin: Int, _ end: Int, type: String = "U8", shape: [Int]? = nil
) -> String {
    let shape = (shape ?? [end - begin]).map(String.init).joined(separator: ",")
    return
        "\"\(name)\":{\"dtype\":\"\(type)\",\"shape\":[\(shape)],\"data_offsets\":[\(begin),\(end)]}"
}

private func expect(
    _ error: SafetensorsError, from bytes: [UInt8], _ location: SourceLocation = #_sourceLocation
) {
    #expect(throws: error, sourceLocation: location) { try Safetensors(bytes, file: "f") }
}

@Test func `every cut of a file is an error`() {
    var whole = Safetensors(metadata: ["key": "value"])
    whole.append(Tensor(shape: [2], elements: [1, 2]), named: "weight")
    whole.append([1, 2, 3], shape: [3], named: "mask")
    let bytes = whole.encoded()
    let header = bytes.count - 11
    for length in bytes.indices {
        let expected: SafetensorsError =
            if length < header {
                .truncated(file: "f", found: length, expected: length < 8 ? 8 : header)
            } else if length < header + 8 {
                .outsideFile(file: "f", tensor: "weight", end: 8, available: length - header)
            } else {
                .outsideFile(file: "f", tensor: "mask", end: 11, available: length - header)
            }
        expect(expected, from: Array(bytes[..<length]))
    }
}

@Test func `every flipped bit of a header is an error or another valid file, never a crash`() {
    var whole = Safetensors(metadata: ["key": "va\u{1}é"])
    whole.append(Tensor(shape: [2, 1], elements: [1, 2]), named: "weight")
    whole.append([1, 2, 3], shape: [3], named: "mask")
    let bytes = whole.encoded()
    for bit in 0..<(bytes.count - 11) * 8 {
        var flipped = bytes
        flipped[bit / 8] ^= 1 << UInt8(bit % 8)
        if let file = try? Safetensors(flipped) {
            #expect((try? Safetensors(file.encoded())) == file, "bit \(bit)")
        }
    }
}

@Test(arguments: [100_000_001, 1 << 40, UInt64.max, UInt64(Int.max) - 7])
func `a huge header length is an error before memory is taken`(length: UInt64) {
    expect(
        .headerTooLong(file: "f", found: length, limit: 100_000_000),
        from: file("{}", headerLength: length))
}

@Test func `a header length beyond the file is an error`() {
    expect(
        .truncated(file: "f", found: 10, expected: 100_000_008),
        from: file("{}", headerLength: 100_000_000))
}

@Test func `offsets have to stay inside the file, in order, and fit the shape`() {
    let huge = Int.max
    expect(
        .outsideFile(file: "f", tensor: "a", end: 5, available: 4),
        from: file("{\(entry("a", 0, 5))}", data: 4))
    expect(
        .outsideFile(file: "f", tensor: "a", end: huge, available: 4),
        from: file("{\(entry("a", 0, huge))}", data: 4))
    expect(
        .reversedOffsets(file: "f", tensor: "a", begin: 4, end: 0),
        from: file("{\(entry("a", 4, 0, shape: [4]))}", data: 4))
    expect(
        .wrongSize(file: "f", tensor: "a", shape: [3], found: 4),
        from: file("{\(entry("a", 0, 4, shape: [3]))}", data: 4))
    for type in ["F64", "F32", "F16", "BF16"] {
        expect(
            .wrongSize(file: "f", tensor: "a", shape: [4], found: 4),
            from: file("{\(entry("a", 0, 4, type: type, shape: [4]))}", data: 4))
    }
}

@Test func `a shape whose product does not fit is an error`() {
    for shape in [[1 << 32, 1 << 32], [Int.max, 2], [1 << 62, 1 << 62, 0], [1 << 62]] {
        expect(
            .wrongSize(file: "f", tensor: "a", shape: shape, found: 0),
            from: file("{\(entry("a", 0, 0, type: "F32", shape: shape))}"))
    }
}

@Test func `tensors may not share bytes`() {
    expect(
        .overlap(file: "f", tensor: "b", other: "a"),
        from: file("{\(entry("a", 0, 4)),\(entry("b", 3, 6))}", data: 6))
    expect(
        .overlap(file: "f", tensor: "a", other: "b"),
        from: file("{\(entry("a", 3, 6)),\(entry("b", 0, 4))}", data: 6))
    expect(
        .overlap(file: "f", tensor: "b", other: "a"),
        from: file("{\(entry("a", 0, 4)),\(entry("b", 2, 2))}", data: 4))
}

@Test func `bytes that belong to no tensor are an error`() {
    expect(.unusedBytes(file: "f", range: 0..<1), from: file("{}", data: 1))
    expect(
        .unusedBytes(file: "f", range: 0..<2), from: file("{\(entry("a", 2, 4))}", data: 4))
    expect(
        .unusedBytes(file: "f", range: 2..<3),
        from: file("{\(entry("a", 0, 2)),\(entry("b", 3, 4))}", data: 4))
    expect(
        .unusedBytes(file: "f", range: 4..<5), from: file("{\(entry("a", 0, 4))}", data: 5))
}

@Test func `nothing comes twice`() {
    expect(
        .duplicateName(file: "f", name: "a"),
        from: file("{\(entry("a", 0, 1)),\(entry("a", 1, 2))}", data: 2))
    expect(
        .duplicateName(file: "f", name: "k"),
        from: file(#"{"__metadata__":{"k":"1","\u006b":"2"}}"#))
    expect(
        .duplicateName(file: "f", name: "__metadata__"),
        from: file(#"{"__metadata__":{},"__metadata__":{}}"#))
    expect(
        .duplicateName(file: "f", name: "shape"),
        from: file(#"{"a":{"dtype":"U8","shape":[0],"shape":[0],"data_offsets":[0,0]}}"#))
}

@Test(arguments: ["F8_E4M3", "C64", "I16", "I32", "BOOL", "f32", ""])
func `a type that is not supported is named`(type: String) {
    expect(
        .unsupportedType(file: "f", tensor: "layer.weight", found: type),
        from: file("{\(entry("layer.weight", 0, 4, type: type))}", data: 4))
}

@Test func `all types that are read are named where another is found`() {
    let text = "\(SafetensorsError.unsupportedType(file: "f", tensor: "t", found: "I16"))"
    #expect(
        text == "f: tensor 't' has the type I16, expected F64, F32, F16, BF16, U8, I8 or I64")
}

@Test(arguments: [
    ("", 0, "'{'"),
    (" {}", 0, "'{'"),
    ("[]", 0, "'{'"),
    ("{", 1, "'\"'"),
    ("{}x", 2, "the end of the header"),
    ("{} \0", 3, "the end of the header"),
    (#"{"a"}"#, 4, "':'"),
    (#"{"a":1}"#, 5, "'{'"),
    (#"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},}"#, 53, "'\"'"),
    (#"{"a":{"shape":[0],"data_offsets":[0,0]}}"#, 39, "a dtype in 'a'"),
    (#"{"a":{"dtype":"U8","data_offsets":[0,0]}}"#, 40, "a shape in 'a'"),
    (#"{"a":{"dtype":"U8","shape":[0]}}"#, 31, "two data_offsets in 'a'"),
    (#"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0]}}"#, 50, "two data_offsets in 'a'"),
    (#"{"a":{"dtype":"U8","shape":[-1]"#, 28, "a whole number that fits 63 bits"),
    (#"{"a":{"dtype":"U8","shape":[1.5]"#, 29, "']'"),
    (#"{"a":{"dtype":"U8","shape":[01]"#, 28, "a whole number that fits 63 bits"),
    (#"{"a":{"dtype":"U8","shape":[9223372036854775808]"#, 28, "a whole number that fits 63 bits"),
    (#"{"a":{"dtype":"U8","shape":["1"]"#, 28, "a whole number that fits 63 bits"),
    (#"{"a":{"dtype":8"#, 14, "'\"'"),
    (#"{"a":{"size":8"#, 13, "dtype, shape or data_offsets, not 'size'"),
    (#"{"__metadata__":{"k":1}}"#, 21, "'\"'"),
    (#"{"__metadata__":{"k":null}}"#, 21, "'\"'"),
    (#"{"__metadata__":[]}"#, 16, "'{'"),
    (#"{"\x"#, 4, "an escaped character"),
    (#"{"\u12"#, 4, "four hexadecimal digits"),
    (#"{"\u+123":"#, 4, "four hexadecimal digits"),
    (#"{"\ud800":"#, 8, "a Unicode scalar"),
    (#"{"\ud800\u0041":"#, 14, "a Unicode scalar"),
    (#"{"\udc00":"#, 8, "a Unicode scalar"),
    ("{\"a\nb\"", 3, "no control character"),
])
func `a header that is no such JSON is an error with its place`(
    header: String, offset: Int, expected: String
) {
    expect(.malformedHeader(file: "f", offset: offset, expected: expected), from: file(header))
}

@Test func `text that is not UTF-8 is an error`() {
    var bytes = file(#"{"__metadata__":{"k":"??"}}"#)
    bytes.replaceSubrange(30..<32, with: [0xC3, 0x28])
    expect(.malformedHeader(file: "f", offset: 24, expected: "text in UTF-8"), from: bytes)
}

@Test func `escapes are read as the text they stand for`() throws {
    let header =
        #"{"__metadata__" : {"k": "\u00e9\ud83d\ude42\/\b\f\n\r\t\"\\\u0000" } }"# + "  \n\t\r"
    let metadata = try Safetensors(file(header)).metadata
    #expect(metadata == ["k": "é🙂/\u{8}\u{c}\n\r\t\"\\\0"])
}

@Test func `a file that can not be read says why`() {
    let path = temporaryPath("missing")
    defer { removeFolder(of: path) }
    let missing = FileError(operation: .read, path: path, code: ENOENT)
    #expect(throws: SafetensorsError.unreadable(missing)) { try Safetensors(contentsOf: path) }
    #expect(
        "\(SafetensorsError.unreadable(missing))"
            == "\(path): can not be read: No such file or directory")
    let folder = (path as NSString).deletingLastPathComponent
    #expect(
        throws: SafetensorsError.unreadable(
            FileError(operation: .read, path: folder, code: EISDIR))
    ) { try Safetensors(contentsOf: folder) }
    #expect(FileManager.default.createFile(atPath: path, contents: nil))
    #expect(throws: SafetensorsError.truncated(file: path, found: 0, expected: 8)) {
        try Safetensors(contentsOf: path)
    }
}

@Test func `a safetensors error names file and tensor`() {
    let error = SafetensorsError.wrongSize(file: "m.safetensors", tensor: "w", shape: [3], found: 4)
    #expect(
        "\(error)" == "m.safetensors: tensor 'w' has 4 bytes, which do not fit its shape [3]")
}

@Test func `a file of PyTorch is told what to do with it`() {
    let name = Array("archive/data.pkl".utf8)
    let header: [UInt8] = [0x50, 0x4b, 3, 4] + [UInt8](repeating: 0, count: 22)
    expect(.pyTorch(file: "f"), from: header + [UInt8(name.count), 0, 0, 0] + name)
    let text = "\(SafetensorsError.pyTorch(file: "f"))"
    #expect(text.hasPrefix("f: a PyTorch file (torch.save), expected safetensors: "))
    #expect(text.contains("safetensors.torch.save_file(model.state_dict(), ...)"))
}
