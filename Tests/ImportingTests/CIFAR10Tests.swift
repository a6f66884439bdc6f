import Foundation
import Importing
import Testing

private let names = (1...5).map { "data_batch_\($0).bin" } + ["test_batch.bin"]

/// A record whose pixel `i` is `first + i`, cut to a byte.
private func record(label: UInt8, first: Int) -> [UInt8] {
    [label] + (0..<3072).map { UInt8(truncatingIfNeeded: first + $0) }
}

/// Six files of two records each; record `r` of file `f` has label `(2f + r) % 10`.
private struct Files {
    let folder = TemporaryFolder()

    init(leavingOut: String? = nil) {
        for (file, name) in names.enumerated() where name != leavingOut {
            folder.write(Files.content(file), name)
        }
    }

    static func content(_ file: Int) -> [UInt8] {
        (0..<2).flatMap { record(label: UInt8((2 * file + $0) % 10), first: 7 * file + $0) }
    }

    func load(_ split: Split, validationCount: Int = 0) throws(DataSetError) -> DataSet {
        try DataSetSource(folder: folder.path, name: "photographs")
            .load(split, validationCount: validationCount)
    }
}

@Test func `a folder with CIFAR-10's files is read in their order`() throws {
    let files = Files()
    let training = try files.load(.train)
    #expect(training.name == "photographs")
    #expect(training.imageShape == [3, 32, 32])
    #expect(training.labels == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    #expect(training.pixelScale == Float(1) / 255)
    for index in 0..<10 {
        let expected = record(label: 0, first: 7 * (index / 2) + index % 2)
        #expect(Array(training.image(index)) == Array(expected[1...]), "image \(index)")
    }
    #expect(try files.load(.test).labels == [0, 1])
    #expect(try files.load(.validation, validationCount: 3).labels == [7, 8, 9])
    #expect(try files.load(.train, validationCount: 3).labels == [0, 1, 2, 3, 4, 5, 6])
}

@Test func `CIFAR-10's class names come from its list, or are the published ones`() throws {
    let files = Files()
    #expect(try files.load(.test).classNames[9] == "truck")
    let list = (0...9).map { "class \($0)" }.joined(separator: "\n") + "\n\n"
    let path = files.folder.write(Array(list.utf8), "batches.meta.txt")
    #expect(try files.load(.test).classNames == (0...9).map { "class \($0)" })
    files.folder.write(Array("cat\ndog".utf8), "batches.meta.txt")
    #expect(throws: DataSetError.wrongNameCount(file: path, found: 2, expected: 10...10)) {
        try files.load(.test)
    }
}

@Test(arguments: names) func `a missing file of CIFAR-10 is named`(name: String) {
    let files = Files(leavingOut: name)
    #expect(throws: DataSetError.missingFile(lookedFor: [files.folder.path(name)])) {
        try files.load(name == "test_batch.bin" ? .test : .train)
    }
}

@Test(arguments: [0, 1, 3072, 3074, 6145])
func `a CIFAR-10 file that is no whole number of records is an error`(length: Int) throws {
    let files = Files()
    let path = files.folder.write(Array(Files.content(2)[..<min(length, 6145)]), names[2])
    #expect(
        throws: DataSetError.wrongRecords(
            file: path, found: length, recordLength: 3073, largestLength: 307_300_000)
    ) { try files.load(.train) }
    #expect(try files.load(.test).count == 2)
}

@Test func `a label of CIFAR-10 that is no class is an error with its place`() {
    let files = Files()
    let path = files.folder.write(
        record(label: 9, first: 0) + record(label: 10, first: 0), names[4])
    let error = DataSetError.labelOutOfRange(file: path, index: 1, found: 10, classCount: 10)
    #expect(throws: error) { try files.load(.train) }
    #expect("\(error)" == "\(path): label 1 is 10, expected 0...9 (labels count from 0)")
}

private let root = ProcessInfo.processInfo.environment["SHRINK_DATA"] ?? packageRoot + "/Data"

// Counts, checksums and moments are those of Python's zlib.crc32 and NumPy 2 on the same files.

@Suite(
    .enabled(
        if: FileManager.default.fileExists(atPath: root + "/cifar-10"),
        "SHRINK_DATA or Data/ has no cifar-10; see the README"))
struct DownloadedCIFAR10Tests {
    @Test func `the test images of CIFAR-10 are the published ones`() throws {
        let test = try DataSetSource(named: "cifar-10", root: root).load(.test)
        #expect(test.count == 10_000)
        #expect(test.labelCounts == [Int](repeating: 1000, count: 10))
        #expect(crc32(test.pixels) == 0x6e87_78c0)
        #expect(crc32(test.labels.map { UInt8($0) }) == 0xbada_58c9)
        #expect(test.classNames[..<3] == ["airplane", "automobile", "bird"])
    }

    @Test func `mean and deviation of CIFAR-10 are the well-known ones`() throws {
        let training = try DataSetSource(named: "cifar-10", root: root).load(.train)
        #expect(training.count == 50_000)
        #expect(training.labelCounts == [Int](repeating: 5000, count: 10))
        #expect(crc32(training.labels.map { UInt8($0) }) == 0x4ee6_ac62)
        let normalization = PixelNormalization(of: training)
        for (found, expected) in zip(
            normalization.mean + normalization.deviation,
            [0.49139968, 0.48215841, 0.44653091, 0.24703223, 0.24348513, 0.26158784])
        {
            #expect(abs(Double(found) - expected) < 1e-7)
        }
    }
}
