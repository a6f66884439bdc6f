/// What can be wrong with a picture, or with a folder of pictures.
public enum ImageError: Error, Equatable, Sendable {
    /// Neither PNG nor JPEG; `found` is what the file begins with.
    case unknownFormat(file: String, found: [UInt8])
    case tooLong(file: String, largestLength: Int)
    case tooLarge(file: String, width: Int, height: Int, largestCount: Int)
    case noMemory(file: String)
    /// The file is damaged or of a kind that is not read; `reason` is the text of libpng or libjpeg.
    case damaged(file: String, reason: String)

    // MARK: Folders

    /// A folder without what it should hold.
    case nothing(folder: String, expected: String)
    case unexpectedFile(file: String, expected: String)
    case tooManyClasses(folder: String, found: Int, largest: Int)
    /// A folder that is no class of the training, or none that is stated.
    case unknownClass(folder: String, known: [String])
    /// A picture of another shape, `[channels, height, width]`, than the first one or, without that,
    /// than the network reads.
    case differentShape(file: String, found: [Int], expected: [Int], first: String?)
    /// More pixels than are read.
    case tooManyImages(folder: String, count: Int, shape: [Int], largestLength: Int)
}

extension ImageError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unknownFormat(let file, let found):
            "\(file): begins with \(found.isEmpty ? "nothing" : "bytes \(found)"), expected a PNG or "
                + "JPEG file"
        case .tooLong(let file, let largestLength):
            "\(file): the file is longer than the expected \(largestLength) bytes"
        case .tooLarge(let file, let width, let height, let largestCount):
            "\(file): the picture has \(width) × \(height) pixels, expected at most \(largestCount)"
        case .noMemory(let file):
            "\(file): no memory for the picture"
        case .damaged(let file, let reason):
            "\(file): the picture can not be read: \(reason)"
        case .nothing(let folder, let expected):
            "\(folder): nothing to read in the folder, expected \(expected)"
        case .unexpectedFile(let file, let expected):
            "\(file): is not expected here, only \(expected)"
        case .tooManyClasses(let folder, let found, let largest):
            "\(folder): \(found) folders, expected at most \(largest) classes"
        case .unknownClass(let folder, let known):
            "\(folder): is none of the known classes, which are \(enumeration(of: known))"
        case .differentShape(let file, let found, let expected, let first):
            "\(file): the picture is \(text(found)) (channels × height × width), expected "
                + "\(text(expected)) "
                + (first.map { "as in \($0)" } ?? "as the network reads them")
                + "; pictures are not resized"
        case .tooManyImages(let folder, let count, let shape, let largestLength):
            "\(folder): \(count) pictures of \(text(shape)) bytes, expected at most "
                + "\(largestLength) bytes"
        }
    }

    private func text(_ shape: [Int]) -> String {
        shape.map(String.init).joined(separator: " × ")
    }
}
