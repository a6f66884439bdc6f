#if _endian(big)
    #error("safetensors files are little-endian, and numbers are copied here as they stand")
#endif

/// A safetensors file: named tensors behind a JSON header that says where each one is.
///
///     0                8           8 + length
///     | header length  | header    | data: the tensors without gaps            |
///     | 8, little end  | JSON      | the widest types first, so each is aligned |
///
/// The header is padded with spaces to a multiple of 8. It lists the tensors in the order of
/// `tensors` and the metadata by key, so the same content gives the same bytes.
public struct Safetensors: Sendable, Equatable {
    public enum Content: Sendable, Equatable {
        /// `F32`; read from `F16`, `BF16` and `F64` (rounded), too.
        case float32(Tensor)
        /// `U8`, row-major.
        case bytes(shape: [Int], [UInt8])
        /// `I8`, row-major.
        case int8(shape: [Int], [Int8])
        /// `I64`, row-major: what PyTorch counts with.
        case int64(shape: [Int], [Int64])
    }

    public struct Entry: Sendable, Equatable {
        public var name: String
        public var content: Content

        public init(name: String, content: Content) {
            self.name = name
            self.content = content
        }
    }

    public var metadata: [String: String]
    /// Names differ from one another and from `__metadata__`.
    public var tensors: [Entry]

    /// The longest header that is read or written, as in the format's own implementation.
    static let headerLimit = 100_000_000

    public init(metadata: [String: String] = [:], tensors: [Entry] = []) {
        self.metadata = metadata
        self.tensors = tensors
    }

    /// The content of that name.
    public subscript(name: String) -> Content? { tensors.first { $0.name == name }?.content }

    public mutating func append(_ tensor: Tensor, named name: String) {
        tensors.append(Entry(name: name, content: .float32(tensor)))
    }

    public mutating func append(_ bytes: [UInt8], shape: [Int], named name: String) {
        tensors.append(Entry(name: name, content: .bytes(shape: shape, bytes)))
    }

    public mutating func append(int8 integers: [Int8], shape: [Int], named name: String) {
        tensors.append(Entry(name: name, content: .int8(shape: shape, integers)))
    }
}

// MARK: - Writing

extension Safetensors {
    /// Replaces the file at `path`, all or nothing.
    public func write(to path: String) throws(FileError) {
        try AtomicFile.write(to: path) { file throws(FileError) in
            try forEachPiece { piece throws(FileError) in try file.append(piece) }
        }
    }

    /// The bytes of the file.
    public func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        forEachPiece { bytes.append(contentsOf: $0) }
        return bytes
    }

    /// Hands out the file from front to back, without a second copy of the tensors.
    private func forEachPiece<Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        let header = SafetensorsHeader(of: self).encoded()
        precondition(header.count <= Self.headerLimit, "a header of \(header.count) bytes")
        let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) }
        try Self.withBytes(of: length + header, body)
        for index in storageOrder {
            try tensors[index].content.withUnsafeBytes(body)
        }
    }

    fileprivate static func withBytes<Number: BitwiseCopyable, Result, Failure: Error>(
        of numbers: [Number], _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try numbers.withUnsafeBufferPointer { buffer throws(Failure) in
            try body(UnsafeRawBufferPointer(buffer))
        }
    }

    /// Indices of the tensors in the order of their data: the widest types first.
    var storageOrder: [Int] {
        [.int64, .float32, .uint8, .int8].flatMap { type in
            tensors.indices.filter { tensors[$0].content.type == type }
        }
    }
}

extension Safetensors.Content {
    public var shape: [Int] {
        switch self {
        case .float32(let tensor): tensor.shape
        case .bytes(let shape, _), .int8(let shape, _), .int64(let shape, _): shape
        }
    }

    var type: SafetensorsHeader.ElementType {
        switch self {
        case .float32: .float32
        case .bytes: .uint8
        case .int8: .int8
        case .int64: .int64
        }
    }

    fileprivate func withUnsafeBytes<Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        switch self {
        case .float32(let tensor):
            try tensor.withUnsafeElements { floats throws(Failure) in
                try body(UnsafeRawBufferPointer(floats))
            }
        case .bytes(let shape, let bytes):
            precondition(
                bytes.count == shape.reduce(1, *), "\(bytes.count) bytes are not of shape \(shape)")
            try Safetensors.withBytes(of: bytes, body)
        case .int8(let shape, let numbers):
            precondition(
                numbers.count == shape.reduce(1, *),
                "\(numbers.count) numbers are not of shape \(shape)")
            try Safetensors.withBytes(of: numbers, body)
        case .int64(let shape, let numbers):
            precondition(
                numbers.count == shape.reduce(1, *),
                "\(numbers.count) numbers are not of shape \(shape)")
            try Safetensors.withBytes(of: numbers, body)
        }
    }
}

// MARK: - Reading

extension Safetensors {
    /// Reads and checks the file at `path`.
    public init(contentsOf path: String) throws(SafetensorsError) {
        let mapping = try Self.map(path)
        self = try mapping.withUnsafeBytes { bytes throws(SafetensorsError) in
            try Safetensors(reading: bytes, file: path) { mapping.copy($0, to: $1) }
        }
    }

    private static func map(_ path: String) throws(SafetensorsError) -> SafetensorsMapping {
        do throws(FileError) {
            return try SafetensorsMapping(path: path)
        } catch {
            throw .unreadable(error)
        }
    }

    /// Reads and checks bytes; `file` is what errors call them.
    public init(_ bytes: [UInt8], file: String = "bytes") throws(SafetensorsError) {
        self = try Self.withBytes(of: bytes) { bytes throws(SafetensorsError) in
            try Safetensors(reading: bytes, file: file) { range, target in
                target.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[range]))
            }
        }
    }

    /// - Parameter copy: copies a range of `bytes`, which it is asked for once.
    private init(
        reading bytes: UnsafeRawBufferPointer, file: String,
        copy: (Range<Int>, UnsafeMutableRawBufferPointer) -> Void
    ) throws(SafetensorsError) {
        guard bytes.count >= 8 else {
            throw .truncated(file: file, found: bytes.count, expected: 8)
        }
        if PyTorchFile.isBegun(by: bytes) {
            throw .pyTorch(file: file)
        }
        let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard length <= UInt64(Self.headerLimit) else {
            throw .headerTooLong(file: file, found: length, limit: Self.headerLimit)
        }
        let start = 8 + Int(length)
        guard bytes.count >= start else {
            throw .truncated(file: file, found: bytes.count, expected: start)
        }
        var parser = SafetensorsHeaderParser(Array(bytes[8..<start]), file: file)
        let header = try parser.header()
        try header.check(dataLength: bytes.count - start, file: file)
        metadata = header.metadata
        tensors = header.records.map { record in
            let range = start + record.begin..<start + record.end
            let content = Content(type: record.type, shape: record.shape) { copy(range, $0) }
            return Entry(name: record.name, content: content)
        }
    }
}

extension Safetensors.Content {
    /// From bytes that `copy` writes, as many as the shape has.
    fileprivate init(
        type: SafetensorsHeader.ElementType, shape: [Int],
        copy: (UnsafeMutableRawBufferPointer) -> Void
    ) {
        switch type {
        case .float32:
            var tensor = Tensor(shape: shape)
            tensor.withUnsafeMutableElements { copy(UnsafeMutableRawBufferPointer($0)) }
            self = .float32(tensor)
        case .float64:
            self = Self.floats(shape, copy) { (number: Double) in Float(number) }
        case .float16:
            self = Self.floats(shape, copy) { Float(half: $0) }
        case .bfloat16:
            self = Self.floats(shape, copy) { Float(brain: $0) }
        case .uint8:
            self = .bytes(shape: shape, Self.numbers(shape, copy))
        case .int8:
            self = .int8(shape: shape, Self.numbers(shape, copy))
        case .int64:
            self = .int64(shape: shape, Self.numbers(shape, copy))
        }
    }

    private static func floats<Number: BitwiseCopyable>(
        _ shape: [Int], _ copy: (UnsafeMutableRawBufferPointer) -> Void,
        _ float: (Number) -> Float
    ) -> Self {
        .float32(Tensor(shape: shape, elements: numbers(shape, copy).map(float)))
    }

    private static func numbers<Number: BitwiseCopyable>(
        _ shape: [Int], _ copy: (UnsafeMutableRawBufferPointer) -> Void
    ) -> [Number] {
        let size = shape.reduce(1, *)
        return [Number](unsafeUninitializedCapacity: size) { buffer, count in
            copy(UnsafeMutableRawBufferPointer(buffer))
            count = size
        }
    }
}
