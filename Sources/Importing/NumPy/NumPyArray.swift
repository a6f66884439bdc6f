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

        /// Those of images and other samples.
        static let ofSamples: [Self] = [.uint8, .float32]
        /// Those of labels.
        static let ofLabels: [Self] = [.uint8, .int32, .int64]

        /// NumPy's own name.
        var name: String { Self.name(ofDescription: rawValue) }

        /// NumPy's name for what a header describes, such as `float64` of `<f8`.
        static func name(ofDescription text: String) -> String {
            let kinds: [Character: String] = [
                "i": "int", "u": "uint", "f": "float", "c": "complex",
            ]
            let name =
                switch text.dropFirst().first {
                case "b": "bool"
                case "O": "object"
                case "U": "str"
                case "S": "bytes"
                case let kind?:
                    if let word = kinds[kind], let size = Int(text.dropFirst(2)), 1...32 ~= size {
                        "\(word)\(8 * size)"
                    } else {
                        "'\(text)'"
                    }
                case nil: "'\(text)'"
                }
            return text.hasPrefix(">") ? "\(name) in big-endian order" : name
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

    /// - Parameter types: those that the elements may have.
    init(
        _ source: ByteSource, types: [ElementType] = ElementType.allCases
    ) throws(DataSetError) {
        // A header is below 64 KiB; one byte more than there should be shows content that is too long.
        let content = try source.read(Self.largestLength + 1 << 16 + 1)
        do {
            try self.init(content, file: source.path, types: types)
        } catch {
            throw .array(error)
        }
    }

    /// - Parameters:
    ///   - content: a `.npy` file.
    ///   - types: those that the elements may have.
    init(
        _ content: [UInt8], file: String, types: [ElementType] = ElementType.allCases
    ) throws(NumPyError) {
        let header = try NumPyHeader(content, file: file, types: types)
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
