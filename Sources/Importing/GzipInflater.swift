import CZlib

/// Inflates a gzip stream piece by piece, checking its checksum and length at the end.
///
/// Several streams behind one another count as one, as RFC 1952 has it.
final class GzipInflater {
    enum Failure: Error { case damaged(reason: String) }

    /// On the heap, because zlib remembers the address.
    private let stream: UnsafeMutablePointer<z_stream>
    /// Between two streams, where the input may end.
    private(set) var isAtEnd = false
    /// Bytes inflated so far, those before a failure included.
    private(set) var produced = 0

    init() {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // 15 is the largest window, 16 asks for a gzip header and nothing else.
        let status = inflateInit2_(
            stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        precondition(status == Z_OK, "zlib does not start: status \(status)")
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Inflates from the front of `input` into `output` until one of them is used up.
    func inflate(
        _ input: UnsafeBufferPointer<UInt8>, into output: UnsafeMutableBufferPointer<UInt8>
    ) throws(Failure) -> (consumed: Int, produced: Int) {
        stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
        stream.pointee.avail_in = UInt32(input.count)
        stream.pointee.next_out = output.baseAddress
        stream.pointee.avail_out = UInt32(output.count)
        defer { produced += output.count - Int(stream.pointee.avail_out) }
        while stream.pointee.avail_in > 0 && stream.pointee.avail_out > 0 {
            try step()
        }
        return (
            input.count - Int(stream.pointee.avail_in), output.count - Int(stream.pointee.avail_out)
        )
    }

    private func step() throws(Failure) {
        if isAtEnd {
            inflateReset(stream)
            isAtEnd = false
        }
        switch CZlib.inflate(stream, Z_NO_FLUSH) {
        case Z_OK: break
        case Z_STREAM_END: isAtEnd = true
        case let status:
            throw .damaged(reason: stream.pointee.msg.map { String(cString: $0) } ?? "\(status)")
        }
    }
}
