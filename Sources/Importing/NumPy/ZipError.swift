/// What can be wrong with a zip archive. `entry` is the name of a member; places are in bytes from the
/// beginning of the file.
public enum ZipError: Error, Equatable, Sendable {
    /// The operating system refused; `reason` is its text.
    case unreadable(file: String, reason: String)
    /// Nothing ends the file as the end of a central directory does.
    case noArchive(file: String)
    /// The archive is one of `torch.save`.
    case pyTorch(file: String)
    /// 64-bit lengths, which only archives beyond 4 GiB or 65,534 members need.
    case zip64(file: String)
    case severalDisks(file: String)
    /// A part of the archive would end behind what it lies within.
    case outOfBounds(file: String, part: Part, start: Int, length: Int, end: Int)
    case wrongSignature(file: String, part: Part, place: Int, found: UInt32, expected: UInt32)
    /// The directory is longer than its members.
    case trailingDirectory(file: String, found: Int, expected: Int)
    case missingEntry(file: String, entry: String, known: [String])
    case duplicateEntry(file: String, entry: String)
    case encrypted(file: String, entry: String)
    case unknownMethod(file: String, entry: String, found: Int)
    /// The directory and the member's own header do not name the same.
    case differentName(file: String, entry: String, found: String)
    /// More than is read, or than so many packed bytes can become.
    case implausibleLength(file: String, entry: String, found: Int, largest: Int)
    /// The deflate stream is broken; `reason` is zlib's text.
    case damaged(file: String, entry: String, reason: String)
    /// `found` is `nil` where there is more than expected.
    case wrongLength(file: String, entry: String, found: Int?, expected: Int)
    case wrongChecksum(file: String, entry: String, found: UInt32, expected: UInt32)

    public enum Part: String, Sendable {
        case directory = "central directory"
        case directoryEntry = "entry of the central directory"
        case header = "member's header"
        case content = "member's content"
    }
}

extension ZipError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unreadable(let file, let reason):
            "\(file): can not be read: \(reason)"
        case .noArchive(let file):
            "\(file): no end of a central directory at the end, expected a zip archive (.npz)"
        case .pyTorch(let file):
            "\(file): a PyTorch file (torch.save), expected an archive of NumPy arrays (.npz): save "
                + "them with numpy.savez(..., x_train=..., y_train=..., x_test=..., y_test=...)"
        case .zip64(let file):
            "\(file): the archive has 64-bit lengths (zip64), expected less than 4 GiB and less "
                + "than 65,535 members"
        case .severalDisks(let file):
            "\(file): the archive is one of several parts, expected a whole one"
        case .outOfBounds(let file, let part, let start, let length, let end):
            "\(file): byte \(start): the \(part.rawValue) has \(length) bytes, expected at most "
                + "\(max(end - start, 0))"
        case .wrongSignature(let file, let part, let place, let found, let expected):
            "\(file): byte \(place): the \(part.rawValue) begins with \(hexadecimal(found)), "
                + "expected \(hexadecimal(expected))"
        case .trailingDirectory(let file, let found, let expected):
            "\(file): the central directory has \(found) bytes, expected \(expected) for its members"
        case .missingEntry(let file, let entry, let known):
            "\(file): no member '\(entry)', found: \(known.joined(separator: ", "))"
        case .duplicateEntry(let file, let entry):
            "\(file): '\(entry)' stands twice in the central directory, expected once"
        case .encrypted(let file, let entry):
            "\(file): '\(entry)' is encrypted, expected plain content"
        case .unknownMethod(let file, let entry, let found):
            "\(file): '\(entry)' is packed by method \(found), expected 0 (stored) or 8 (deflated)"
        case .differentName(let file, let entry, let found):
            "\(file): the member's own header names '\(found)', expected '\(entry)'"
        case .implausibleLength(let file, let entry, let found, let largest):
            "\(file): '\(entry)' declares \(found) bytes, expected at most \(largest)"
        case .damaged(let file, let entry, let reason):
            "\(file): '\(entry)' can not be inflated: \(reason)"
        case .wrongLength(let file, let entry, let found, let expected):
            "\(file): '\(entry)' has \(found.map(String.init) ?? "more") bytes, expected \(expected)"
        case .wrongChecksum(let file, let entry, let found, let expected):
            "\(file): '\(entry)' has the checksum \(hexadecimal(found)), expected "
                + hexadecimal(expected)
        }
    }
}
