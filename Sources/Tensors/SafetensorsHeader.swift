/// What a safetensors header says: the metadata, and for each tensor its type, shape and place.
///
/// As JSON, without spaces, and with `data_offsets` counted from the end of the header:
///
///     {"__metadata__":{"key":"value"},
///      "name":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}
struct SafetensorsHeader {
    enum ElementType: String, CaseIterable {
        case float64 = "F64"
        case float32 = "F32"
        case float16 = "F16"
        case bfloat16 = "BF16"
        case uint8 = "U8"
        case int8 = "I8"
        case int64 = "I64"

        var byteCount: Int {
            switch self {
            case .float64, .int64: 8
            case .float32: 4
            case .float16, .bfloat16: 2
            case .uint8, .int8: 1
            }
        }
    }

    struct Record {
        var name: String
        var type: ElementType
        var shape: [Int]
        var begin: Int
        var end: Int
    }

    static let metadataKey = "__metadata__"

    var metadata: [String: String] = [:]
    var records: [Record] = []
}

// MARK: - Writing

extension SafetensorsHeader {
    /// Places the tensors one behind the other in their storage order.
    init(of file: Safetensors) {
        metadata = file.metadata
        records = file.tensors.map {
            Record(name: $0.name, type: $0.content.type, shape: $0.content.shape, begin: 0, end: 0)
        }
        let names = Set(records.map(\.name))
        precondition(names.count == records.count, "two tensors have the same name")
        precondition(!names.contains(Self.metadataKey), "no tensor is called \(Self.metadataKey)")
        var offset = 0
        for index in file.storageOrder {
            records[index].begin = offset
            offset += records[index].shape.reduce(1, *) * records[index].type.byteCount
            records[index].end = offset
        }
    }

    /// The JSON, with spaces at its end that make the length a multiple of 8.
    func encoded() -> [UInt8] {
        var fields: [String] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key < $1.key }
                .map { "\(quoted($0.key)):\(quoted($0.value))" }
            fields.append("\(quoted(Self.metadataKey)):{\(pairs.joined(separator: ","))}")
        }
        fields += records.map { record in
            let shape = record.shape.map(String.init).joined(separator: ",")
            return "\(quoted(record.name)):{\"dtype\":\"\(record.type.rawValue)\","
                + "\"shape\":[\(shape)],\"data_offsets\":[\(record.begin),\(record.end)]}"
        }
        var bytes = Array("{\(fields.joined(separator: ","))}".utf8)
        bytes += [UInt8](repeating: UInt8(ascii: " "), count: (8 - bytes.count % 8) % 8)
        return bytes
    }

    /// A JSON string (RFC 8259): quotes, backslashes and control characters are escaped.
    private func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\u{8}": result += "\\b"
            case "\u{c}": result += "\\f"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\0"..<" ":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

// MARK: - Checking

extension SafetensorsHeader {
    /// Throws unless the tensors have the sizes of their shapes and tile the data exactly.
    func check(dataLength: Int, file: String) throws(SafetensorsError) {
        for record in records { try check(record, dataLength: dataLength, file: file) }
        var end = 0
        var previous = ""
        for record in records.sorted(by: { ($0.begin, $0.end) < ($1.begin, $1.end) }) {
            if record.begin < end {
                throw .overlap(file: file, tensor: record.name, other: previous)
            }
            if record.begin > end { throw .unusedBytes(file: file, range: end..<record.begin) }
            end = record.end
            previous = record.name
        }
        if end < dataLength { throw .unusedBytes(file: file, range: end..<dataLength) }
    }

    private func check(
        _ record: Record, dataLength: Int, file: String
    ) throws(SafetensorsError) {
        guard record.begin <= record.end else {
            throw .reversedOffsets(
                file: file, tensor: record.name, begin: record.begin, end: record.end)
        }
        guard record.end <= dataLength else {
            throw .outsideFile(
                file: file, tensor: record.name, end: record.end, available: dataLength)
        }
        guard byteCount(of: record) == record.end - record.begin else {
            throw .wrongSize(
                file: file, tensor: record.name, shape: record.shape,
                found: record.end - record.begin)
        }
    }

    /// `nil` if it does not fit an `Int`, or would not without the sizes that are zero.
    private func byteCount(of record: Record) -> Int? {
        elementCount(of: record.shape + [record.type.byteCount])
    }
}
