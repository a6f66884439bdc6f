/// An IDX file of bytes (LeCun, Cortes, Burges: the format of MNIST), plain or gzip.
///
///     0          4         8         4 + 4·rank
///     | magic    | size 0  | ...     | bytes, the last dimension running fastest
///
/// All numbers are big-endian. The magic number is `0x00000800 + rank`; 8 stands for bytes.
public struct IDXFile: Equatable, Sendable {
    /// The first is the count of samples.
    public let dimensions: [Int]
    public let bytes: [UInt8]

    /// What a file of a rank begins with.
    static func magicNumber(rank: Int) -> UInt32 { 0x800 + UInt32(rank) }
    /// The longest content that is read: 1 GiB holds any set of this format that is in use.
    static let largestLength = 1 << 30

    public init(path: String, rank: Int) throws(DataSetError) {
        try self.init(ByteSource(path: path), rank: rank)
    }

    init(_ source: ByteSource, rank: Int) throws(DataSetError) {
        let path = source.path
        dimensions = try Self.readDimensions(from: source, rank: rank)
        let declared = try Self.length(of: dimensions, path: path)
        // One byte more than there should be: it shows content that is too long, and brings zlib to
        // the checksum at the end.
        let content = try source.read(declared + 1)
        if content.count < declared {
            throw .truncatedContent(
                file: path, dimensions: dimensions, found: content.count, declared: declared)
        }
        if content.count > declared {
            throw .trailingContent(file: path, dimensions: dimensions, declared: declared)
        }
        bytes = content
    }

    private static func readDimensions(
        from source: ByteSource, rank: Int
    ) throws(DataSetError) -> [Int] {
        let length = 4 + 4 * rank
        let header = try source.read(length)
        let numbers = (0..<header.count / 4).map { bigEndian(header[4 * $0..<4 * $0 + 4]) }
        if let magic = numbers.first, magic != magicNumber(rank: rank) {
            throw .wrongMagicNumber(
                file: source.path, found: magic, expected: magicNumber(rank: rank))
        }
        guard header.count == length else {
            throw .truncatedHeader(file: source.path, found: header.count, expected: length)
        }
        return numbers.dropFirst().map { Int($0) }
    }

    /// The product of the dimensions, which come from the file.
    private static func length(of dimensions: [Int], path: String) throws(DataSetError) -> Int {
        if dimensions.contains(0) { throw .empty(file: path, dimensions: dimensions) }
        var length = 1
        for dimension in dimensions {
            let (product, overflow) = length.multipliedReportingOverflow(by: dimension)
            guard !overflow, product <= largestLength else {
                throw .implausibleDimensions(
                    file: path, dimensions: dimensions, largestLength: largestLength)
            }
            length = product
        }
        return length
    }

    private static func bigEndian(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }
}
