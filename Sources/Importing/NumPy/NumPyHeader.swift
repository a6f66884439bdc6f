/// The header of a `.npy` file, versions 1.0, 2.0 and 3.0 (NumPy Enhancement Proposal 1).
///
///     0         6       8           8 + w
///     | magic   | 1 | 0 | length n  | n bytes of text, padded with spaces, a line feed at the end
///
/// `w` is 2 in version 1.0 and 4 in the later ones; numbers are little-endian. The text is a Python
/// dictionary: `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
struct NumPyHeader {
    static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    /// The longest text that is read, as in NumPy.
    private static let largestLength = 10_000
    /// As in NumPy.
    private static let largestRank = 64

    let elementType: NumPyArray.ElementType
    let shape: [Int]
    /// Bytes in front of the elements.
    let length: Int

    /// - Parameters:
    ///   - content: the file from its beginning.
    ///   - types: those that the elements may have.
    init(
        _ content: [UInt8], file: String, types: [NumPyArray.ElementType]
    ) throws(NumPyError) {
        guard content.starts(with: Self.magic) else {
            throw .wrongMagic(file: file, found: Array(content.prefix(Self.magic.count)))
        }
        guard content.count >= 8 else {
            throw .truncatedHeader(file: file, found: content.count, expected: 8)
        }
        let (major, minor) = (Int(content[6]), Int(content[7]))
        guard 1...3 ~= major, minor == 0 else {
            throw .unknownVersion(file: file, major: major, minor: minor)
        }
        let start = major == 1 ? 10 : 12
        guard content.count >= start else {
            throw .truncatedHeader(file: file, found: content.count, expected: start)
        }
        let textLength = content[8..<start].reversed().reduce(0) { $0 << 8 | Int($1) }
        guard textLength <= Self.largestLength else {
            throw .longHeader(file: file, found: textLength, largest: Self.largestLength)
        }
        length = start + textLength
        guard content.count >= length else {
            throw .truncatedHeader(file: file, found: content.count, expected: length)
        }
        var text = HeaderText(content[start..<length], file: file)
        (elementType, shape) = try Self.read(&text, types: types)
    }

    /// The three entries, which may come in any order.
    private static func read(
        _ text: inout HeaderText, types: [NumPyArray.ElementType]
    ) throws(NumPyError) -> (NumPyArray.ElementType, [Int]) {
        var elementType: NumPyArray.ElementType?
        var shape: [Int]?
        var isColumnMajor: Bool?
        try text.take("{")
        while !text.takes("}") {
            let key = try text.string()
            try text.take(":")
            switch key {
            case "descr" where elementType == nil: elementType = try text.elementType(types)
            case "shape" where shape == nil: shape = try text.shape(largestRank: largestRank)
            case "fortran_order" where isColumnMajor == nil: isColumnMajor = try text.boolean()
            default: throw text.wrong("one of the keys descr, fortran_order and shape, once each")
            }
            if !text.takes(",") {
                try text.take("}")
                break
            }
        }
        try text.takeEnd()
        guard let elementType, let shape, let isColumnMajor else {
            throw text.wrong("the keys descr, fortran_order and shape before it")
        }
        if isColumnMajor { throw .columnMajor(file: text.file) }
        return (elementType, shape)
    }
}

/// Reads the Python literal of a header from front to back.
private struct HeaderText {
    let file: String
    private var rest: ArraySlice<UInt8>

    init(_ text: ArraySlice<UInt8>, file: String) {
        rest = text
        self.file = file
    }

    func wrong(_ expected: String) -> NumPyError {
        .badHeader(file: file, place: rest.startIndex, expected: expected)
    }

    private mutating func skipSpaces() { rest = rest.drop { $0 == UInt8(ascii: " ") } }

    /// Takes a word if it comes next.
    mutating func takes(_ word: String) -> Bool {
        skipSpaces()
        guard rest.starts(with: word.utf8) else { return false }
        rest = rest.dropFirst(word.utf8.count)
        return true
    }

    mutating func take(_ word: String) throws(NumPyError) {
        guard takes(word) else { throw wrong("'\(word)'") }
    }

    /// Spaces and a line feed, and no more.
    mutating func takeEnd() throws(NumPyError) {
        guard takes("\n"), rest.isEmpty else {
            throw wrong("spaces up to a line feed at the end of the header")
        }
    }

    /// Text between single or double quotes, without escapes.
    mutating func string() throws(NumPyError) -> String {
        skipSpaces()
        guard let quote = rest.first, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\""),
            let end = rest.dropFirst().firstIndex(of: quote)
        else { throw wrong("a string in quotes") }
        let text = rest[rest.startIndex + 1..<end]
        guard text.allSatisfy({ 0x20..<0x7f ~= $0 && $0 != UInt8(ascii: "\\") }) else {
            throw wrong("a string of printable ASCII characters without a backslash")
        }
        rest = rest[(end + 1)...]
        return String(decoding: text, as: UTF8.self)
    }

    /// One of some types.
    mutating func elementType(
        _ types: [NumPyArray.ElementType]
    ) throws(NumPyError) -> NumPyArray.ElementType {
        if takes("[") {
            throw .wrongElementType(file: file, found: "a structure", expected: types)
        }
        let text = try string()
        guard let type = NumPyArray.ElementType(rawValue: text), types.contains(type) else {
            throw .wrongElementType(
                file: file, found: NumPyArray.ElementType.name(ofDescription: text),
                expected: types)
        }
        return type
    }

    mutating func boolean() throws(NumPyError) -> Bool {
        if takes("True") { return true }
        if takes("False") { return false }
        throw wrong("True or False")
    }

    /// A tuple: `()`, `(3,)` or `(3, 4)`, where one element needs its comma.
    mutating func shape(largestRank: Int) throws(NumPyError) -> [Int] {
        var sizes: [Int] = []
        try take("(")
        while !takes(")") {
            guard sizes.count < largestRank else {
                throw wrong("at most \(largestRank) dimensions")
            }
            sizes.append(try size())
            if takes(",") { continue }
            guard sizes.count > 1 else { throw wrong("','") }
            try take(")")
            break
        }
        return sizes
    }

    private mutating func size() throws(NumPyError) -> Int {
        skipSpaces()
        let digits = rest.prefix { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
        guard let size = Int(String(decoding: digits, as: UTF8.self)) else {
            throw wrong("a size that is a whole number below 2^63")
        }
        rest = rest.dropFirst(digits.count)
        return size
    }
}
