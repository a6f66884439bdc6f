import Foundation

/// Reads a file from front to back, inflating it if it begins as a gzip file does.
///
/// Never holds more than the caller asks for and one chunk of the file.
final class ByteSource {
    private static let chunkSize = 1 << 16
    private static let gzipMagic: [UInt8] = [0x1f, 0x8b]

    let path: String
    private let descriptor: Int32
    /// The bytes of the file that are read but not used: `chunk[next...]`.
    private var chunk: [UInt8] = []
    private var next = 0
    private var inflater: GzipInflater?
    /// Content that was looked at and not taken.
    private var ahead: [UInt8] = []

    init(path: String) throws(DataSetError) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unreadable(file: path, reason: systemReason()) }
        try fill()
        if chunk.starts(with: Self.gzipMagic) { inflater = GzipInflater() }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// The next `count` bytes of the content, or all that are left if they are fewer.
    ///
    /// Memory grows with the bytes that are there, not with `count`.
    func read(_ count: Int) throws(DataSetError) -> [UInt8] {
        var bytes = Array(ahead.prefix(count))
        ahead.removeFirst(bytes.count)
        while bytes.count < count {
            let piece = try readPiece(atMost: min(count - bytes.count, Self.chunkSize))
            if piece.isEmpty { break }
            bytes += piece
        }
        return bytes
    }

    /// Whether the content that is left begins with some bytes, which stay there: a pipe can not be
    /// opened a second time.
    func begins(with bytes: [UInt8]) throws(DataSetError) -> Bool {
        ahead = try read(max(bytes.count, ahead.count))
        return ahead.starts(with: bytes)
    }

    /// At least one byte, except at the end.
    private func readPiece(atMost count: Int) throws(DataSetError) -> [UInt8] {
        guard let inflater else { return try copyPiece(atMost: count) }
        while true {
            if next == chunk.count { try fill() }
            if chunk.isEmpty {
                guard inflater.isAtEnd else {
                    throw .truncatedGzip(file: path, inflated: inflater.produced)
                }
                return []
            }
            let piece = try inflatePiece(atMost: count, with: inflater)
            if !piece.isEmpty { return piece }
        }
    }

    private func copyPiece(atMost count: Int) throws(DataSetError) -> [UInt8] {
        if next == chunk.count { try fill() }
        let piece = chunk[next..<min(next + count, chunk.count)]
        next = piece.endIndex
        return Array(piece)
    }

    private func inflatePiece(
        atMost count: Int, with inflater: GzipInflater
    ) throws(DataSetError) -> [UInt8] {
        do {
            return try [UInt8](unsafeUninitializedCapacity: count) { output, produced in
                let used = try chunk[next...].withUnsafeBufferPointer {
                    try inflater.inflate(
                        $0, into: UnsafeMutableBufferPointer(rebasing: output[..<count]))
                }
                next += used.consumed
                produced = used.produced
            }
        } catch GzipInflater.Failure.damaged(let reason) {
            throw .corruptGzip(file: path, inflated: inflater.produced, reason: reason)
        } catch {
            preconditionFailure("an inflater throws nothing else: \(error)")
        }
    }

    /// Replaces the used chunk by the next of the file; empty at its end.
    private func fill() throws(DataSetError) {
        var found = 0
        chunk = [UInt8](unsafeUninitializedCapacity: Self.chunkSize) { buffer, count in
            repeat {
                found = Foundation.read(descriptor, buffer.baseAddress, buffer.count)
            } while found < 0 && errno == EINTR
            count = max(found, 0)
        }
        next = 0
        if found < 0 { throw .unreadable(file: path, reason: systemReason()) }
    }
}

/// The operating system's text for its last refusal.
func systemReason() -> String { String(cString: strerror(errno)) }
