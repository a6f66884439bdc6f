#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The bytes of a whole file. Its name is handed on as it stands: it need not be UTF-8.
func fileBytes(_ path: UnsafePointer<CChar>) throws -> [UInt8] {
    guard let file = fopen(path, "rb") else { throw unreadable(path) }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    while true {
        let count = fread(&chunk, 1, chunk.count, file)
        bytes += chunk[..<count]
        if count < chunk.count { break }
    }
    guard ferror(file) == 0 else { throw unreadable(path) }
    return bytes
}

private func unreadable(_ path: UnsafePointer<CChar>) -> InterfaceError {
    .unreadable(path: String(cString: path), reason: String(cString: strerror(errno)))
}
