import CImages
import Foundation

/// A picture from a PNG or JPEG file, told by its content, with 8 bits a channel.
///
/// Grey pictures have one channel, others red, green and blue. Transparency is dropped, and colours are
/// kept as the file has them; gamma and colour profiles are ignored. 16 bits are scaled to 8.
public struct ImageFile: Equatable, Sendable {
    /// The longest file that is read, in bytes.
    static let largestLength = 1 << 28
    /// The most pixels of a picture.
    static let largestCount = 1 << 26

    /// `[channels, height, width]`
    public let shape: [Int]
    /// `[channels, height, width]`
    public let pixels: [UInt8]

    public init(path: String) throws(DataSetError) { try self.init(ByteSource(path: path)) }

    init(_ source: ByteSource) throws(DataSetError) {
        let path = source.path
        let bytes = try source.read(Self.largestLength + 1)
        do throws(ImageError) {
            guard bytes.count <= Self.largestLength else {
                throw ImageError.tooLong(file: path, largestLength: Self.largestLength)
            }
            (shape, pixels) = try Self.decode(bytes, file: path)
        } catch {
            throw .image(error)
        }
    }

    /// The pixels for a network that reads `[channels, height, width]` or as many features; `nil` if it reads
    /// another shape. Three channels of a grey picture are equal, as Pillow's `convert("RGB")` has them.
    func pixels(for shape: [Int]) -> [UInt8]? {
        if shape == self.shape || shape == [pixels.count] { return pixels }
        return shape == [3] + self.shape.dropFirst() ? pixels + pixels + pixels : nil
    }

    /// Whether a file begins as a PNG or a JPEG file does.
    static func isBegun(by source: ByteSource) throws(DataSetError) -> Bool {
        if try source.begins(with: [0x89, 0x50, 0x4e, 0x47]) { return true }
        return try source.begins(with: [0xff, 0xd8, 0xff])
    }

    private static func decode(
        _ bytes: [UInt8], file: String
    ) throws(ImageError) -> (shape: [Int], pixels: [UInt8]) {
        var image = cim_image()
        var message = [CChar](repeating: 0, count: cim_message_size)
        let status = cim_decode(bytes, bytes.count, largestCount, &image, &message)
        let (width, height) = (Int(image.width), Int(image.height))
        switch status {
        case cim_ok: break
        case cim_unknown_format:
            throw .unknownFormat(file: file, found: Array(bytes.prefix(8)))
        case cim_too_large:
            throw .tooLarge(file: file, width: width, height: height, largestCount: largestCount)
        case cim_no_memory: throw .noMemory(file: file)
        default:
            let text = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            throw .damaged(file: file, reason: String(decoding: text, as: UTF8.self))
        }
        defer { free(image.pixels) }
        let shape = [Int(image.channels), height, width]
        let pixels = Array(
            UnsafeBufferPointer(start: image.pixels, count: shape.reduce(1, *)))
        return (shape, channelsFirst(pixels, shape: shape))
    }
}
