/// The part of a file, or of the model that was to be written, where something is wrong.
public enum FileSection: Sendable, Hashable, CustomStringConvertible {
    /// Magic and version.
    case header
    case metadata
    /// The weights of the layer of this name.
    case tensor(String)

    public var description: String {
        switch self {
        case .header: "header"
        case .metadata: "metadata section"
        case .tensor(let name): "tensor section of \"\(name)\""
        }
    }
}

/// What a floating-point field has to be.
public enum NumberRule: String, Sendable {
    case finite = "a finite number"
    case nonzero = "a finite number other than zero"
    case positive = "a finite number above zero"

    func allows(_ x: Float) -> Bool {
        switch self {
        case .finite: x.isFinite
        case .nonzero: x.isFinite && x != 0
        case .positive: x.isFinite && x > 0
        }
    }
}

/// Why a frame of Zstandard was refused.
public enum ZstdFailure: String, Sendable {
    case unknownSize = "the frame does not state its content size"
    case corrupt = "the frame does not decode to its stated size"
}

/// A file that can not be read, or a model that can not be written.
public enum ContainerError: Error, Sendable, Equatable {
    case notAContainer(found: [UInt8])
    /// `supported` is the newest version.
    case unsupportedVersion(found: UInt8, supported: UInt8)
    /// `needed` and `available` are bytes, of `field` in a bit stream bits.
    case truncated(section: FileSection, field: String, needed: Int, available: Int)
    case wrongSection(section: FileSection, found: UInt8, expected: UInt8)
    case wrongChecksum(section: FileSection, found: UInt32, expected: UInt32)
    case trailingBytes(section: FileSection, count: Int)
    case trailingBits(section: FileSection, field: String)
    case reserved(section: FileSection, field: String, found: Int)
    case outOfRange(section: FileSection, field: String, found: Int, expected: ClosedRange<Int>)
    case invalidNumber(section: FileSection, field: String, found: Float, expected: NumberRule)
    case overlongNumber(section: FileSection, field: String)
    case notText(section: FileSection, field: String)
    case repeatedLevel(section: FileSection, level: Int)
    /// `found` is the sum of 2^(15 − length), which has to be 2^15.
    case incompleteCode(section: FileSection, field: String, found: Int, expected: Int)
    case oversubscribedCode(section: FileSection, field: String, found: Int, expected: Int)
    case zstd(section: FileSection, failure: ZstdFailure)
    /// Reading would need more memory than the caller allows.
    case overBudget(section: FileSection, field: String, needed: Int, available: Int)
    /// Encoding options name a layer that the model does not have.
    case unknownLayer(found: String, known: [String])
}

extension ContainerError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notAContainer(let found):
            "header: not a shrink file: begins with \(found), expected \(Header.magic)"
        case .unsupportedVersion(let found, let supported):
            "header: version \(found), expected 1...\(supported)"
        case .truncated(let section, let field, let needed, let available):
            "\(section): \(field) needs \(needed), only \(available) left: "
                + "the file is cut short or damaged"
        case .wrongSection(let section, let found, let expected):
            "\(section): kind \(found), expected \(expected)"
        case .wrongChecksum(let section, let found, let expected):
            "\(section): checksum \(hex(found)), expected \(hex(expected)): the file is damaged"
        case .trailingBytes(let section, let count):
            "\(section): \(count) bytes behind its end, expected none"
        case .trailingBits(let section, let field):
            "\(section): bits behind \(field) are set, expected zeros"
        case .reserved(let section, let field, let found):
            "\(section): \(field) is \(found), which is reserved"
        case .outOfRange(let section, let field, let found, let expected):
            "\(section): \(field) is \(found), expected "
                + (expected.count == 1
                    ? "\(expected.lowerBound)" : "\(expected.lowerBound)...\(expected.upperBound)")
        case .invalidNumber(let section, let field, let found, let expected):
            "\(section): \(field) is \(found), expected \(expected.rawValue)"
        case .overlongNumber(let section, let field):
            "\(section): \(field) has more bytes than a varint below 2^32, expected the shortest form"
        case .notText(let section, let field):
            "\(section): \(field) is not UTF-8"
        case .repeatedLevel(let section, let level):
            "\(section): level \(level) occurs again, expected distinct levels, zero only as the first"
        case .incompleteCode(let section, let field, let found, let expected):
            "\(section): lengths of \(field) fill \(found) of \(expected): not all bit strings are codes"
        case .oversubscribedCode(let section, let field, let found, let expected):
            "\(section): lengths of \(field) fill \(found) of \(expected): too many short codes"
        case .zstd(let section, let failure):
            "\(section): Zstandard: \(failure.rawValue)"
        case .overBudget(let section, let field, let needed, let available):
            "\(section): \(field) needs \(needed) bytes of memory, only \(available) allowed"
        case .unknownLayer(let found, let known):
            "options: no layer is called \"\(found)\"; the layers are \(known.joined(separator: ", "))"
        }
    }

    private func hex(_ x: UInt32) -> String {
        let digits = String(x, radix: 16, uppercase: true)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}
