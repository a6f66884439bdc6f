/// An array in NumPy's format: a `.npy` file, or a member of a `.npz` archive.
public struct NumPyArray: Equatable, Sendable {
    /// By its name in a header.
    public enum ElementType: String, CaseIterable, Sendable {
        case uint8 = "|u1"
        case float32 = "<f4"
        case int32 = "<i4"
        case int64 = "<i8"

        /// Bytes.
        var size: Int {
            switch self {
            case .uint8: 1
            case .float32, .int32: 4
            case .int64: 8
            }
        }

        /// All names, and what for.
        static var known: [String] {
            allCases.map {
                switch $0 {
                case .uint8, .float32: $0.rawValue
                case .int32, .int64: "\($0.rawValue) (labels only)"
                }
            }
        }
    }

    /// The longest content that is read, in bytes: 2 GiB.
    static let largestLength = 1 << 31

    /// Its path, with the array's name behind it where the file is an archive.
    public let file: String
    public let elementType: ElementType
    public let shape: [Int]
    /// Little-endian elements, the last dimension running fastest.
    public let bytes: [UInt8]

    /// Reads a `.npy` file, plain or gzip.
    public init(path: String) throws(DataSetError) { try self.init(ByteSource(path: path)) }

    init(_ source: ByteSource) throws(DataSetError) {
        // A header is below 64 KiB; one byte more than there should be shows content that is too long.
        let content = try source.read(Self.largestLength + 1 << 16 + 1)
        do {
            try self.init(content, file: source.path)
        } catch {
            throw .array(error)
        }
    }

    /// - Parameter content: a `.npy` file.
    init(_ content: [UInt8], file: String) throws(NumPyError) {
        let header = try NumPyHeader(content, file: file)
        self.file = file
        elementType = header.elementType
        shape = header.shape
        let declared = try Self.length(shape, of: elementType, file: file)
        guard content.count - header.length == declared else {
            throw .wrongLength(
                file: file, shape: shape, found: content.count - header.length, declared: declared)
        }
        bytes = Array(content[header.length...])
    }

    /// The bytes of all elements, from sizes that come from the file.
    private static func length(
        _ shape: [Int], of elementType: ElementType, file: String
    ) throws(NumPyError) -> Int {
        if shape.contains(0) { return 0 }
        var length = elementType.size
        for size in shape {
            let (product, overflow) = length.multipliedReportingOverflow(by: size)
            guard !overflow, product <= largestLength else {
                throw .implausibleShape(file: file, shape: shape, largestLength: largestLength)
            }
            length = product
        }
        return length
    }

    public var count: Int { bytes.count / elementType.size }

    /// The elements of an array of real numbers.
    public var floats: [Float] {
        precondition(elementType == .float32, "\(elementType) are no real numbers")
        return bytes.withUnsafeBytes { bytes in
            (0..<count).map {
                Float(
                    bitPattern: UInt32(
                        littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self)))
            }
        }
    }

    /// The elements of an array of whole numbers.
    public var integers: [Int] {
        bytes.withUnsafeBytes { bytes in
            (0..<count).map { index in
                switch elementType {
                case .uint8: Int(bytes[index])
                case .int32:
                    Int(
                        Int32(
                            littleEndian: bytes.loadUnaligned(
                                fromByteOffset: 4 * index, as: Int32.self)))
                case .int64:
                    Int(
                        Int64(
                            littleEndian: bytes.loadUnaligned(
                                fromByteOffset: 8 * index, as: Int64.self)))
                case .float32: preconditionFailure("\(elementType) are no whole numbers")
                }
            }
        }
    }
}
