import Foundation
import Importing
import Testing

/// What a data set of MNIST's layout holds: `train` first, then `test`.
///
/// Made with Python 3.11: `gzip.open(path).read()` less the IDX header, `bytes.count` per label, and
/// `zlib.crc32` of pixels and of labels. The files' MD5 sums were those published.
private struct Expected: Sendable, CustomTestStringConvertible {
    let name: String
    let labelCounts: [[Int]]
    let pixelChecksums: [UInt32]
    let labelChecksums: [UInt32]
    let classNames: [String]

    var testDescription: String { name }

    static let all = [
        Expected(
            name: "mnist",
            labelCounts: [
                [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
                [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
            ],
            pixelChecksums: [0xf363_9b56, 0xe4ca_5f57],
            labelChecksums: [0xba07_e8ef, 0xee86_04d9],
            classNames: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]),
        Expected(
            name: "fashion-mnist",
            labelCounts: [
                [Int](repeating: 6000, count: 10), [Int](repeating: 1000, count: 10),
            ],
            pixelChecksums: [0xae65_dccd, 0x1272_8439],
            labelChecksums: [0x2ed6_e46a, 0x242b_c73f],
            classNames: [
                "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker",
                "Bag", "Ankle boot",
            ]),
    ]
}

private let root = ProcessInfo.processInfo.environment["SHRINK_DATA"] ?? packageRoot + "/Data"
private let isDownloaded = Expected.all.allSatisfy {
    FileManager.default.fileExists(atPath: root + "/" + $0.name)
}

@Suite(
    .enabled(
        if: isDownloaded, "SHRINK_DATA or Data/ has no mnist and fashion-mnist; see the README"))
struct DownloadedDataTests {
    @Test(arguments: Expected.all)
    private func `a downloaded data set is the published one`(expected: Expected) throws {
        let source = try DataSetSource(named: expected.name, root: root)
        for (index, split) in [Split.train, .test].enumerated() {
            let set = try source.load(split)
            #expect(set.count == [60_000, 10_000][index])
            #expect(set.imageShape == [1, 28, 28])
            #expect(set.pixelScale == Float(1) / 255)
            #expect(set.classNames == expected.classNames)
            #expect(set.labelCounts == expected.labelCounts[index])
            #expect(crc32(set.pixels) == expected.pixelChecksums[index])
            #expect(crc32(set.labels.map { UInt8($0) }) == expected.labelChecksums[index])
        }
    }

    @Test func `MNIST's mean and deviation are the well-known ones`() throws {
        let set = try DataSetSource(named: "mnist", root: root).load(.train)
        let normalization = PixelNormalization(of: set)
        // As torchvision's examples have them, in four digits.
        #expect(abs(normalization.mean[0] - 0.1307) < 0.00005)
        #expect(abs(normalization.deviation[0] - 0.3081) < 0.00005)
    }

    @Test func `a folder of four files needs no name that is known`() throws {
        let source = DataSetSource(folder: root + "/mnist", name: "mine")
        let test = try source.load(.test)
        #expect(test.count == 10_000)
        #expect(test.classCount == 10)
        #expect(test.classNames.isEmpty)
        let validation = try source.load(.validation, validationCount: 5000)
        #expect(validation.count == 5000)
    }
}
