import Foundation

/// A file as read-only memory, so that large tensors are copied once, and not even twice in memory
/// meanwhile: what has been copied is released.
///
/// Nobody may shorten the file meanwhile; `AtomicFile` never does.
struct SafetensorsMapping: ~Copyable {
    private let bytes: UnsafeRawBufferPointer

    init(path: String) throws(FileError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(.read, path) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileError(.read, path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            let isFolder = status.st_mode & S_IFMT == S_IFDIR
            throw FileError(operation: .read, path: path, code: isFolder ? EISDIR : ENODEV)
        }
        let count = Int(status.st_size)
        guard count > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        let address = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0)
        guard let address, address != MAP_FAILED else { throw FileError(.read, path) }
        bytes = UnsafeRawBufferPointer(start: address, count: count)
    }

    /// The content, which is there as long as `body` runs.
    borrowing func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(bytes)
    }

    /// Copies a range. What has been copied gives its memory back; the file would be read again.
    borrowing func copy(_ range: Range<Int>, to target: UnsafeMutableRawBufferPointer) {
        var begin = range.lowerBound
        while begin < range.upperBound {
            let end = min((begin / Self.pieceSize + 1) * Self.pieceSize, range.upperBound)
            UnsafeMutableRawBufferPointer(rebasing: target[(begin - range.lowerBound)...])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[begin..<end]))
            release(begin..<end)
            begin = end
        }
    }

    /// Bytes that are copied and then released, many pages.
    private static let pieceSize = 1 << 23

    private borrowing func release(_ range: Range<Int>) {
        // Whole pages only: the others hold something else, too.
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let begin = (range.lowerBound + page - 1) / page * page
        let end = range.upperBound / page * page
        guard begin < end else { return }
        let start = UnsafeMutableRawPointer(mutating: bytes.baseAddress! + begin)
        madvise(start, end - begin, MADV_DONTNEED)
    }

    deinit {
        if let address = bytes.baseAddress {
            munmap(UnsafeMutableRawPointer(mutating: address), bytes.count)
        }
    }
}
