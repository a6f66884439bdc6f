import Foundation
import Importing
import Testing

private let fixtures = packageRoot + "/Fixtures/images/"

/// What make.py says of a picture.
private struct Expected: Decodable {
    /// `[channels, height, width]`
    let shape: [Int]
    let pixels: [Int]

    static let all = try! JSONDecoder().decode(
        [String: Expected].self, from: Data(contents(of: fixtures + "expected.json")))
    static let names = all.keys.sorted()
}

@Test(arguments: Expected.names)
func `a picture has the pixels that Pillow reads`(name: String) throws {
    let image = try ImageFile(path: fixtures + name)
    let expected = Expected.all[name]!
    #expect(image.shape == expected.shape)
    let differences = zip(image.pixels, expected.pixels).map { abs(Int($0) - $1) }
    #expect(image.pixels.count == expected.pixels.count)
    // Versions of libjpeg may round colours another way; PNG keeps what was saved.
    #expect(differences.max()! <= (name.hasSuffix(".jpg") ? 1 : 0))
}

@Test(arguments: Expected.names) func `every cut of a picture is an error`(name: String) {
    let whole = contents(of: fixtures + name)
    let folder = TemporaryFolder()
    for length in whole.indices {
        let path = folder.write(Array(whole[..<length]), name)
        let magic = name.hasSuffix(".png") ? 8 : 3
        do throws(DataSetError) {
            _ = try ImageFile(path: path)
            Issue.record("cut to \(length)")
        } catch {
            switch error {
            case .image(.unknownFormat(path, Array(whole[..<min(length, 8)]))):
                #expect(length < magic)
            case .image(.damaged(path, let reason)): #expect(!reason.isEmpty && length >= magic)
            default: Issue.record("cut to \(length): \(error)")
            }
        }
    }
}

/// PNG has checksums: a flipped bit can not change pixels unseen. JPEG has none.
@Test(arguments: Expected.names)
func `a flipped bit of a picture is an error or gives some picture`(name: String) throws {
    let whole = contents(of: fixtures + name)
    let expected = try ImageFile(path: fixtures + name)
    let folder = TemporaryFolder()
    let isPNG = name.hasSuffix(".png")
    for bit in stride(from: 0, to: whole.count * 8, by: isPNG ? 1 : 7) {
        var flipped = whole
        flipped[bit / 8] ^= 1 << UInt8(bit % 8)
        let path = folder.write(flipped, name)
        do throws(DataSetError) {
            let image = try ImageFile(path: path)
            #expect(image.pixels.count == image.shape.reduce(1, *))
            if isPNG {
                #expect(image == expected, "bit \(bit)")
            }
        } catch {
            guard case .image = error else {
                Issue.record("bit \(bit): \(error)")
                continue
            }
        }
    }
}

private func bigEndian(_ number: UInt32) -> [UInt8] {
    withUnsafeBytes(of: number.bigEndian) { Array($0) }
}

/// A chunk of a PNG file.
private func chunk(_ kind: String, _ content: [UInt8]) -> [UInt8] {
    let body = Array(kind.utf8) + content
    return bigEndian(UInt32(content.count)) + body + bigEndian(crc32(body))
}

@Test func `texts in front of the pixels make no difference`() throws {
    // A zlib stream (RFC 1950) of 1,000 zeros in one stored block; then their Adler-32.
    let count: UInt32 = 1000
    let length = [UInt8(count & 0xff), UInt8(count >> 8)]
    var stream: [UInt8] = [0x78, 1, 1] + length + length.map { ~$0 }
    stream += [UInt8](repeating: 0, count: Int(count)) + bigEndian(count << 16 | 1)
    let text = chunk("zTXt", Array("Comment".utf8) + [0, 0] + stream)
    var png = contents(of: fixtures + "grey.png")
    // Behind the magic number and the header.
    png.insert(contentsOf: (0..<5).flatMap { _ in text }, at: 8 + 25)
    let folder = TemporaryFolder()
    let path = folder.write(png, "x.png")
    #expect(try ImageFile(path: path) == ImageFile(path: fixtures + "grey.png"))
}

/// A PNG file without pixels, as large as its header says.
private func emptyPNG(width: UInt32, height: UInt32) -> [UInt8] {
    let header = bigEndian(width) + bigEndian(height) + [8, 2, 0, 0, 0]
    return [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10] + chunk("IHDR", header) + chunk("IDAT", [])
        + chunk("IEND", [])
}

@Test func `a picture of absurd size is an error before memory is taken`() {
    let folder = TemporaryFolder()
    let largest: UInt32 = 0x7fff_ffff
    for (width, height) in [(largest, largest), (1 << 26, 2), (largest, 1)] {
        let path = folder.write(emptyPNG(width: width, height: height), "x.png")
        #expect(
            throws: DataSetError.image(
                .tooLarge(
                    file: path, width: Int(width), height: Int(height), largestCount: 1 << 26))
        ) { try ImageFile(path: path) }
    }
    for (width, height) in [(0, 1), (1, 0), (0x8000_0000, 1)] as [(UInt32, UInt32)] {
        let path = folder.write(emptyPNG(width: width, height: height), "x.png")
        #expect(throws: DataSetError.self) { try ImageFile(path: path) }
    }
    // The height and width of a JPEG file stand behind its frame's marker, length and precision.
    var jpeg = contents(of: fixtures + "grey.jpg")
    let frame = jpeg.indices.first { jpeg[$0...].starts(with: [0xff, 0xc0]) }!
    jpeg.replaceSubrange(frame + 5..<frame + 9, with: [0xff, 0xdc, 0xff, 0xdc])
    let path = folder.write(jpeg, "x.jpg")
    #expect(
        throws: DataSetError.image(
            .tooLarge(file: path, width: 65500, height: 65500, largestCount: 1 << 26))
    ) { try ImageFile(path: path) }
}

@Test func `a JPEG picture of printer's colours is refused with libjpeg's reason`() {
    let path = fixtures + "cmyk.jpg"
    #expect(
        throws: DataSetError.image(
            .damaged(file: path, reason: "the colours are CMYK, expected grey or RGB"))
    ) { try ImageFile(path: path) }
}

@Test func `a picture is told by its content and not by its name`() throws {
    let folder = TemporaryFolder()
    let path = folder.write(contents(of: fixtures + "grey.png"), "x.jpg")
    #expect(try ImageFile(path: path) == ImageFile(path: fixtures + "grey.png"))
    let text = folder.write(Array("GIF89a".utf8), "x.png")
    let error = DataSetError.image(.unknownFormat(file: text, found: Array("GIF89a".utf8)))
    #expect(throws: error) { try ImageFile(path: text) }
    #expect(
        "\(error)"
            == "\(text): begins with bytes [71, 73, 70, 56, 57, 97], expected a PNG or JPEG file"
    )
}
