import Foundation

/// The classes of a data set, stated where its files do not tell all of them: the thousand of a
/// network, say, where there are pictures of ten.
public enum ClassList: Sendable, Equatable {
    case count(Int)
    /// In the order of the labels.
    case names([String])

    /// More than any list of classes has.
    public static let largestCount = 1 << 16

    /// - Parameter text: a number, or the path of a text file with a name on each line, in the order of
    ///   the labels.
    /// - Throws: `DataSetError` for a number outside of 1...`largestCount`, or for a file that can not be
    ///   read, has no names, or has a name twice.
    public init(_ text: String) throws(DataSetError) {
        if let count = Int(text) {
            guard 1...Self.largestCount ~= count else {
                throw .implausibleClassCount(found: count, largest: Self.largestCount)
            }
            self = .count(count)
        } else {
            self = .names(try Self.names(inFile: text))
        }
    }

    var count: Int {
        switch self {
        case .count(let count): count
        case .names(let names): names.count
        }
    }

    /// Some editors begin UTF-8 with it.
    private static let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]

    /// The lines of a text file, without spaces around them and without empty lines at its end.
    private static func names(inFile path: String) throws(DataSetError) -> [String] {
        let longest = largestCount * 256
        var bytes = try ByteSource(path: path).read(longest)
        if bytes.starts(with: byteOrderMark) { bytes.removeFirst(byteOrderMark.count) }
        let text = String(decoding: bytes, as: UTF8.self)
        var names = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
            .map { $0.trimmingCharacters(in: .whitespaces) }
        while names.last?.isEmpty == true { names.removeLast() }
        guard 1...largestCount ~= names.count else {
            throw .wrongNameCount(file: path, found: names.count, expected: 1...largestCount)
        }
        var lines: [String: Int] = [:]
        for (index, name) in names.enumerated() {
            if name.isEmpty { throw .emptyName(file: path, line: index + 1) }
            if let first = lines.updateValue(index + 1, forKey: name) {
                throw .repeatedName(file: path, name: name, lines: [first, index + 1])
            }
        }
        return names
    }
}

/// Names for a message: all of them, or the first ones and how many others there are.
func enumeration(of names: [String]) -> String {
    let shown = names.prefix(20).joined(separator: ", ")
    return names.count > 20 ? "\(shown) and \(names.count - 20) others" : shown
}
