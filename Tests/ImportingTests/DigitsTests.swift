import Importing
import Testing

private func digits(_ split: Split, validationCount: Int = 0) throws -> DataSet {
    try DataSetSource(named: "digits", fixtures: packageRoot + "/Fixtures")
        .load(split, validationCount: validationCount)
}

// Counts and checksums of this file are those of Python's gzip, struct and zlib.crc32 on the same files.

@Test func `the digits are those of the UCI`() throws {
    let training = try digits(.train)
    #expect(training.count == 1297)
    #expect(training.imageShape == [1, 8, 8])
    #expect(training.classCount == 10)
    #expect(training.classNames == ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"])
    #expect(training.pixelScale == 0.0625)
    #expect(training.pixels.max() == 16)
    #expect(training.labelCounts == [128, 131, 128, 132, 130, 131, 130, 129, 128, 130])
    #expect(crc32(training.pixels) == 0x6dd6_30d7)
    #expect(crc32(training.labels.map { UInt8($0) }) == 0x95ed_3ee5)
    let test = try digits(.test)
    #expect(test.count == 500)
    #expect(test.labelCounts == [50, 51, 49, 51, 51, 51, 51, 50, 46, 50])
    #expect(crc32(test.pixels) == 0x28fa_cdc7)
    #expect(crc32(test.labels.map { UInt8($0) }) == 0xa8bd_4991)
}

@Test func `the digits are found where other data sets are, too`() throws {
    let elsewhere = try DataSetSource(
        named: "digits", root: packageRoot + "/Fixtures", fixtures: "/no/such/folder")
    #expect(try elsewhere.load(.test).pixels == digits(.test).pixels)
    let nowhere = try DataSetSource(named: "digits", root: "/none", fixtures: "/no/such")
    let images = ["", ".gz"].map { "digits/digits-images-idx3-ubyte\($0)" }
    #expect(
        throws: DataSetError.missingFile(
            lookedFor: images.map { "/no/such/\($0)" } + images.map { "/none/\($0)" })
    ) { try nowhere.load(.test) }
}

@Test(arguments: [0, 1, 200, 1296])
func `training, validation and test are disjoint and make up the whole file`(count: Int) throws {
    let parts = try [Split.train, .validation, .test].map {
        try digits($0, validationCount: count)
    }
    #expect(parts.map(\.count) == [1297 - count, count, 500])
    // The whole file's checksums: nothing is missing, nothing comes twice, and the order is kept.
    #expect(crc32(parts.flatMap(\.pixels)) == 0xf3a2_533c)
    #expect(crc32(parts.flatMap(\.labels).map { UInt8($0) }) == 0xf86f_c929)
}

@Test(arguments: [-1, 1297, 5000])
func `validation has to leave samples to train on`(count: Int) {
    #expect(
        throws: DataSetError.invalidValidationCount(
            dataSet: "digits", found: count, sampleCount: 1297)
    ) { try digits(.train, validationCount: count) }
}

@Test func `digits files with too few samples can not be split`() {
    let folder = TemporaryFolder()
    folder.write(idx([500, 1, 1], [UInt8](repeating: 1, count: 500)), "digits-images-idx3-ubyte")
    folder.write(idx([500], [UInt8](repeating: 1, count: 500)), "digits-labels-idx1-ubyte")
    #expect(throws: DataSetError.tooFewSamples(dataSet: "digits", found: 500, needed: 501)) {
        try DataSetSource(folder: folder.path, name: "digits").load(.test)
    }
}

/// The labels' file is 145 bytes long and really compressed.
private struct DamagedLabels {
    let folder = TemporaryFolder()
    static let names = ["digits-images-idx3-ubyte.gz", "digits-labels-idx1-ubyte.gz"]
    static let files = names.map { contents(of: packageRoot + "/Fixtures/digits/" + $0) }

    init() { folder.write(Self.files[0], Self.names[0]) }

    func load(labels: [UInt8]) throws(DataSetError) -> DataSet {
        folder.write(labels, Self.names[1])
        return try DataSetSource(folder: folder.path, name: "digits").load(.train)
    }
}

@Test func `every cut of a compressed file is an error`() throws {
    let damaged = DamagedLabels()
    let labels = DamagedLabels.files[1]
    for length in labels.indices {
        #expect(throws: DataSetError.self, "cut to \(length) bytes") {
            try damaged.load(labels: Array(labels[..<length]))
        }
    }
    #expect(try damaged.load(labels: labels).count == 1297)
}

@Test func `a flipped bit of a compressed file is an error or changes nothing`() throws {
    let damaged = DamagedLabels()
    let labels = DamagedLabels.files[1]
    let whole = try damaged.load(labels: labels).labels
    for bit in 0..<labels.count * 8 {
        var flipped = labels
        flipped[bit / 8] ^= 1 << UInt8(bit % 8)
        do throws(DataSetError) {
            #expect(try damaged.load(labels: flipped).labels == whole, "bit \(bit)")
            // Free are the time and the system in the 10 bytes of the gzip header, and the bits that
            // fill the last byte before checksum and length, 4 bytes each.
            #expect(bit / 8 < 10 || bit / 8 == labels.count - 9, "bit \(bit)")
        } catch {}
    }
}
