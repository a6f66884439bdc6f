import Container

/// What is in the sections of a valid file.
func payloads(of file: [UInt8]) throws -> [[UInt8]] {
    var next = 5
    var result: [[UInt8]] = []
    while next < file.count {
        var reader = ByteReader(file, in: next..<file.count, section: .header)
        _ = try reader.byte("kind")
        let length = try reader.varint("length")
        result.append(Array(file[try reader.take(length, "payload")]))
        next = reader.next + 4
    }
    return result
}

/// A file with these payloads and with checksums that fit.
func file(_ payloads: [[UInt8]], version: UInt8 = 1) -> [UInt8] {
    var writer = FileWriter(version: version)
    for (index, payload) in payloads.enumerated() {
        _ = writer.append(index == 0 ? .metadata : .tensor, payload)
    }
    return writer.bytes
}
