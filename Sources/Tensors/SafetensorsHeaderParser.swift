/// Reads the JSON of a safetensors header (RFC 8259), and nothing that a header can not be.
///
/// Its depth is fixed, so there is no recursion that a hostile file could drive.
struct SafetensorsHeaderParser {
    private let bytes: [UInt8]
    private let file: String
    private var position = 0

    init(_ bytes: [UInt8], file: String) {
        self.bytes = bytes
        self.file = file
    }

    /// The whole header, with white space at its end only.
    mutating func header() throws(SafetensorsError) -> SafetensorsHeader {
        var header = SafetensorsHeader()
        guard bytes.first == UInt8(ascii: "{") else { throw malformed("'{'") }
        try object { parser, name throws(SafetensorsError) in
            if name == SafetensorsHeader.metadataKey {
                header.metadata = try parser.metadata()
            } else {
                header.records.append(try parser.record(name: name))
            }
        }
        skipSpace()
        guard position == bytes.count else { throw malformed("the end of the header") }
        return header
    }

    private mutating func metadata() throws(SafetensorsError) -> [String: String] {
        var metadata: [String: String] = [:]
        try object { parser, key throws(SafetensorsError) in metadata[key] = try parser.string() }
        return metadata
    }

    private mutating func record(name: String) throws(SafetensorsError) -> SafetensorsHeader.Record
    {
        var type: String?
        var shape: [Int]?
        var offsets: [Int]?
        try object { parser, key throws(SafetensorsError) in
            switch key {
            case "dtype": type = try parser.string()
            case "shape": shape = try parser.integers()
            case "data_offsets": offsets = try parser.integers()
            default: throw parser.malformed("dtype, shape or data_offsets, not '\(key)'")
            }
        }
        guard let type else { throw malformed("a dtype in '\(name)'") }
        guard let shape else { throw malformed("a shape in '\(name)'") }
        guard let offsets, offsets.count == 2 else {
            throw malformed("two data_offsets in '\(name)'")
        }
        guard let type = SafetensorsHeader.ElementType(rawValue: type) else {
            throw .unsupportedType(file: file, tensor: name, found: type)
        }
        return .init(name: name, type: type, shape: shape, begin: offsets[0], end: offsets[1])
    }

    // MARK: - JSON

    /// `{ "key": value, ... }`; `value` is called behind each colon.
    private mutating func object(
        _ value: (inout Self, String) throws(SafetensorsError) -> Void
    ) throws(SafetensorsError) {
        try expect("{")
        if accept("}") { return }
        var keys: Set<String> = []
        repeat {
            let key = try string()
            guard keys.insert(key).inserted else { throw .duplicateName(file: file, name: key) }
            try expect(":")
            try value(&self, key)
        } while accept(",")
        try expect("}")
    }

    /// `[ 1, 2, ... ]`
    private mutating func integers() throws(SafetensorsError) -> [Int] {
        try expect("[")
        if accept("]") { return [] }
        var numbers: [Int] = []
        repeat { numbers.append(try integer()) } while accept(",")
        try expect("]")
        return numbers
    }

    private mutating func integer() throws(SafetensorsError) -> Int {
        skipSpace()
        let digits = bytes[position...].prefix { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
        guard let number = Int(String(decoding: digits, as: UTF8.self)),
            digits.count == 1 || digits.first != UInt8(ascii: "0")
        else { throw malformed("a whole number that fits 63 bits") }
        position = digits.endIndex
        return number
    }

    private mutating func string() throws(SafetensorsError) -> String {
        try expect("\"")
        var text: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw malformed("text in UTF-8")
                }
                position += 1
                return string
            case UInt8(ascii: "\\"):
                position += 1
                text += String(try escape()).utf8
            case ..<0x20: throw malformed("no control character")
            default:
                text.append(byte)
                position += 1
            }
        }
        throw malformed("'\"'")
    }

    /// What stands behind a backslash.
    private mutating func escape() throws(SafetensorsError) -> Character {
        guard position < bytes.count else { throw malformed("an escaped character") }
        position += 1
        switch bytes[position - 1] {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return Character(try escapedScalar())
        default: throw malformed("an escaped character")
        }
    }

    /// Four digits, or two groups of them that are a surrogate pair of UTF-16.
    private mutating func escapedScalar() throws(SafetensorsError) -> Unicode.Scalar {
        var units = [try codeUnit()]
        if UTF16.isLeadSurrogate(units[0]), bytes[position...].starts(with: Array("\\u".utf8)) {
            position += 2
            units.append(try codeUnit())
        }
        guard let text = String(validating: units, as: UTF16.self), text.unicodeScalars.count == 1
        else { throw malformed("a Unicode scalar") }
        return text.unicodeScalars.first!
    }

    private mutating func codeUnit() throws(SafetensorsError) -> UInt16 {
        let digits = String(decoding: bytes[position...].prefix(4), as: UTF8.self)
        guard digits.utf8.count == 4, digits.allSatisfy(\.isHexDigit),
            let unit = UInt16(digits, radix: 16)
        else { throw malformed("four hexadecimal digits") }
        position += 4
        return unit
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(SafetensorsError) {
        guard accept(character) else { throw malformed("'\(character)'") }
    }

    /// Steps over space and this character, if it comes next.
    private mutating func accept(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else {
            return false
        }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while position < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[position]) {
            position += 1
        }
    }

    private func malformed(_ expected: String) -> SafetensorsError {
        .malformedHeader(file: file, offset: position, expected: expected)
    }
}
