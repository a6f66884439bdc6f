import Foundation
import Importing

/// A folder that goes away with the test.
final class TemporaryFolder {
    let path: String

    init() {
        path = NSTemporaryDirectory() + "shrink-importing-" + UUID().uuidString
        try! FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func path(_ name: String) -> String { path + "/" + name }

    @discardableResult
    func write(_ bytes: [UInt8], _ name: String) -> String {
        let file = path(name)
        try! FileManager.default.createDirectory(
            atPath: (file as NSString).deletingLastPathComponent,
            withIntermediateDirectories: true)
        precondition(FileManager.default.createFile(atPath: file, contents: Data(bytes)))
        return file
    }
}

extension DataSet {
    /// How many samples each class has.
    var labelCounts: [Int] {
        labels.reduce(into: [Int](repeating: 0, count: classCount)) { $0[Int($1)] += 1 }
    }
}

/// The package's own folder.
let packageRoot = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

func contents(of path: String) -> [UInt8] { Array(FileManager.default.contents(atPath: path)!) }

/// An IDX file of bytes.
func idx(_ dimensions: [Int], _ bytes: [UInt8], magic: UInt32? = nil) -> [UInt8] {
    let numbers = [magic ?? 0x800 + UInt32(dimensions.count)] + dimensions.map { UInt32($0) }
    return numbers.flatMap { number in
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
    } + bytes
}

/// A gzip file (RFC 1952) with one stored block (RFC 1951), so that nothing is compressed.
func gzip(_ bytes: [UInt8]) -> [UInt8] {
    func littleEndian(_ number: UInt32, bytes: Int) -> [UInt8] {
        (0..<bytes).map { UInt8(truncatingIfNeeded: number >> (8 * UInt32($0))) }
    }
    let length = UInt32(bytes.count)
    precondition(length < 1 << 16, "a stored block is shorter")
    let header: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]
    let block = [1] + littleEndian(length, bytes: 2) + littleEndian(~length, bytes: 2) + bytes
    return header + block + littleEndian(crc32(bytes), bytes: 4) + littleEndian(length, bytes: 4)
}

/// The checksum of gzip and zip (polynomial 0xEDB88320), what Python calls `zlib.crc32`.
func crc32(_ bytes: some Sequence<UInt8>) -> UInt32 {
    var checksum: UInt32 = ~0
    for byte in bytes {
        checksum = checksum >> 8 ^ crcTable[Int(UInt8(truncatingIfNeeded: checksum) ^ byte)]
    }
    return ~checksum
}

private let crcTable: [UInt32] = (0...255).map { byte in
    (0..<8).reduce(UInt32(byte)) { value, _ in value >> 1 ^ (value & 1) * 0xEDB8_8320 }
}

/// A `.npy` file of version 1.0.
func npy(_ descr: String, _ shape: [Int], _ content: [UInt8]) -> [UInt8] {
    let sizes = shape.map { "\($0)," }.joined(separator: " ")
    let text = "{'descr': '\(descr)', 'fortran_order': False, 'shape': (\(sizes)), }\n"
    let length = UInt16(text.utf8.count)
    var file: [UInt8] = [0x93] + Array("NUMPY".utf8)
    file += [1, 0, UInt8(length & 0xff), UInt8(length >> 8)]
    return file + Array(text.utf8) + content
}

/// The little-endian bytes of numbers.
func bytes(_ values: [Float]) -> [UInt8] {
    values.flatMap { value -> [UInt8] in
        withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
    }
}
