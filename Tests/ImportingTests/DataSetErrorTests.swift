import Importing
import Testing

/// Three images of 2×2 and their labels, with one file or the other replaced.
private struct Files {
    let folder = TemporaryFolder()
    static let images = idx([3, 2, 2], Array(1...12))
    static let labels = idx([3], [0, 2, 1])

    init(images: [UInt8] = Files.images, labels: [UInt8] = Files.labels, suffix: String = "") {
        folder.write(images, "train-images-idx3-ubyte" + suffix)
        folder.write(labels, "train-labels-idx1-ubyte" + suffix)
    }

    var imageFile: String { folder.path("train-images-idx3-ubyte") }
    var labelFile: String { folder.path("train-labels-idx1-ubyte") }

    func load(named name: String = "three") throws(DataSetError) -> DataSet {
        try DataSetSource(folder: folder.path, name: name).load(.train)
    }
}

/// How a file's bytes are stored; the reader looks at them and not at the name.
private enum Packing: CaseIterable {
    case plain, gzip

    func callAsFunction(_ bytes: [UInt8]) -> [UInt8] {
        switch self {
        case .plain: bytes
        case .gzip: ImportingTests.gzip(bytes)
        }
    }
}

@Test(arguments: Packing.allCases, ["", ".gz"])
private func `files are read by their content, whatever their names`(
    packing: Packing, suffix: String
) throws {
    let files = Files(
        images: packing(Files.images), labels: packing(Files.labels), suffix: suffix)
    let set = try files.load()
    #expect(set.name == "three")
    #expect(set.imageShape == [1, 2, 2])
    #expect(set.pixels == Array(1...12))
    #expect(set.labels == [0, 2, 1])
    #expect(set.classCount == 3)
    #expect(set.classNames.isEmpty)
    #expect(set.pixelScale == Float(1) / 255)
}

@Test func `two gzip streams behind one another are one file`() throws {
    let images = gzip(Array(Files.images[..<20])) + gzip(Array(Files.images[20...]))
    #expect(try Files(images: images).load().pixels == Array(1...12))
}

@Test func `missing files are listed by the paths looked for`() {
    let folder = TemporaryFolder()
    let names = ["train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"]
    let paths = names.map { folder.path($0) } + names.map { folder.path("mnist/" + $0) }
    #expect(throws: DataSetError.missingFile(lookedFor: paths)) {
        try DataSetSource(folder: folder.path, name: "mnist").load(.train)
    }
    folder.write(Files.images, "mnist/train-images-idx3-ubyte")
    let labels = ["train-labels-idx1-ubyte", "train-labels-idx1-ubyte.gz"]
    #expect(throws: DataSetError.missingFile(lookedFor: labels.map { folder.path("mnist/" + $0) }))
    {
        try DataSetSource(folder: folder.path, name: "mnist").load(.train)
    }
}

@Test func `a folder in the place of a file is not readable`() {
    let folder = TemporaryFolder()
    folder.write([], "train-images-idx3-ubyte/inner")
    folder.write(Files.labels, "train-labels-idx1-ubyte")
    let file = folder.path("train-images-idx3-ubyte")
    #expect(throws: DataSetError.unreadable(file: file, reason: "Is a directory")) {
        try DataSetSource(folder: folder.path, name: "three").load(.train)
    }
}

@Test(arguments: Packing.allCases)
private func `every cut of an image file is an error that counts what is there`(
    packing: Packing
) {
    for length in Files.images.indices {
        let files = Files(images: packing(Array(Files.images[..<length])))
        let expected: DataSetError =
            length < 16
            ? .truncatedHeader(file: files.imageFile, found: length, expected: 16)
            : .truncatedContent(
                file: files.imageFile, dimensions: [3, 2, 2], found: length - 16, declared: 12)
        #expect(throws: expected) { try files.load() }
    }
}

@Test(arguments: Packing.allCases)
private func `every cut of a label file is an error that counts what is there`(
    packing: Packing
) {
    for length in Files.labels.indices {
        let files = Files(labels: packing(Array(Files.labels[..<length])))
        let expected: DataSetError =
            length < 8
            ? .truncatedHeader(file: files.labelFile, found: length, expected: 8)
            : .truncatedContent(
                file: files.labelFile, dimensions: [3], found: length - 8, declared: 3)
        #expect(throws: expected) { try files.load() }
    }
}

@Test func `every cut of a gzip file is an error`() {
    let packed = gzip(Files.images)
    for length in 2..<packed.count {
        // 15 bytes stand before the content; what is behind it is length and checksum.
        let inflated = min(max(length - 15, 0), Files.images.count)
        let files = Files(images: Array(packed[..<length]))
        #expect(throws: DataSetError.truncatedGzip(file: files.imageFile, inflated: inflated)) {
            try files.load()
        }
    }
    for length in 0..<2 {
        let files = Files(images: Array(packed[..<length]))
        #expect(
            throws: DataSetError.truncatedHeader(
                file: files.imageFile, found: length, expected: 16)
        ) { try files.load() }
    }
}

@Test(arguments: Packing.allCases)
private func `a wrong magic number is told from the right one`(packing: Packing) {
    let swapped = Files(images: packing(Files.labels), labels: packing(Files.images))
    #expect(
        throws: DataSetError.wrongMagicNumber(
            file: swapped.imageFile, found: 0x801, expected: 0x803)
    ) { try swapped.load() }
    // 0x0D is float in the place of bytes.
    let floats = Files(labels: packing(idx([3], [0, 2, 1], magic: 0xD01)))
    #expect(
        throws: DataSetError.wrongMagicNumber(
            file: floats.labelFile, found: 0xD01, expected: 0x801)
    ) { try floats.load() }
}

@Test(arguments: Packing.allCases)
private func `content behind the declared end is an error`(packing: Packing) {
    let files = Files(images: packing(Files.images + [0]))
    #expect(
        throws: DataSetError.trailingContent(
            file: files.imageFile, dimensions: [3, 2, 2], declared: 12)
    ) { try files.load() }
}

@Test func `a gzip bomb is left at the declared length`() {
    // 32 MiB behind a header that declares 8 bytes; Fixtures/broken/make.py made it.
    let bomb = contents(of: packageRoot + "/Fixtures/broken/bomb-images-idx3-ubyte.gz")
    let files = Files(images: bomb)
    #expect(
        throws: DataSetError.trailingContent(
            file: files.imageFile, dimensions: [2, 2, 2], declared: 8)
    ) { try files.load() }
}

@Test(arguments: Packing.allCases, [[0, 2, 2], [3, 0, 2], [3, 2, 0]])
private func `a set without samples or pixels is an error`(packing: Packing, dimensions: [Int]) {
    let files = Files(images: packing(idx(dimensions, [])))
    #expect(throws: DataSetError.empty(file: files.imageFile, dimensions: dimensions)) {
        try files.load()
    }
}

@Test(
    arguments: Packing.allCases, [[0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF], [1 << 15, 1 << 15, 2]])
private func `dimensions that no set has are an error before memory is taken`(
    packing: Packing, dimensions: [Int]
) {
    let files = Files(images: packing(idx(dimensions, [1, 2, 3])))
    #expect(
        throws: DataSetError.implausibleDimensions(
            file: files.imageFile, dimensions: dimensions, largestLength: 1 << 30)
    ) { try files.load() }
}

@Test func `a large declared length takes no memory when the bytes are not there`() {
    let files = Files(images: idx([1 << 14, 1 << 8, 1 << 8], [1, 2, 3]))
    #expect(
        throws: DataSetError.truncatedContent(
            file: files.imageFile, dimensions: [1 << 14, 1 << 8, 1 << 8], found: 3,
            declared: 1 << 30)
    ) { try files.load() }
}

@Test(arguments: Packing.allCases)
private func `images and labels of different count are an error`(packing: Packing) {
    let files = Files(labels: packing(idx([4], [0, 1, 2, 0])))
    #expect(
        throws: DataSetError.differentCounts(
            images: files.imageFile, imageCount: 3, labels: files.labelFile, labelCount: 4)
    ) { try files.load() }
}

@Test func `the first label outside of the classes is named`() {
    let files = Files(labels: idx([3], [9, 10, 255]))
    #expect(
        throws: DataSetError.labelOutOfRange(
            file: files.labelFile, index: 1, found: 10, classCount: 10)
    ) { try files.load(named: "mnist") }
}

@Test func `a test label that training does not have is an error`() throws {
    let files = Files()
    files.folder.write(Files.images, "t10k-images-idx3-ubyte")
    let labels = files.folder.write(idx([3], [0, 1, 3]), "t10k-labels-idx1-ubyte")
    #expect(
        throws: DataSetError.labelOutOfRange(file: labels, index: 2, found: 3, classCount: 3)
    ) { try DataSetSource(folder: files.folder.path, name: "three").load(.test) }
}

@Test func `a damaged gzip checksum or block is an error`() {
    for offset in [2, 10, 11, 33, 15 + Files.images.count, 19 + Files.images.count] {
        var packed = gzip(Files.images)
        packed[offset] ^= 0xFF
        let files = Files(images: packed)
        let error = #expect(throws: DataSetError.self) { try files.load() }
        guard case .corruptGzip(files.imageFile, _, _) = error else {
            Issue.record(
                "byte \(offset) flipped: \(error.map(String.init(describing:)) ?? "nothing")")
            continue
        }
    }
}

@Test func `bytes behind the gzip stream that are no gzip stream are an error`() {
    let files = Files(images: gzip(Files.images) + [1, 2, 3])
    let expected = DataSetError.corruptGzip(
        file: files.imageFile, inflated: 28, reason: "incorrect header check")
    #expect(throws: expected) { try files.load() }
}

@Test func `an unknown name lists the known ones`() {
    #expect(
        throws: DataSetError.unknownDataSet(
            "minst", known: ["digits", "mnist", "fashion-mnist", "cifar-10"])
    ) { try DataSetSource(named: "minst") }
}

@Test func `an error says file, place, found and expected`() {
    #expect(
        "\(DataSetError.wrongMagicNumber(file: "a/b", found: 0x801, expected: 0x803))"
            == "a/b: the magic number is 0x00000801, expected 0x00000803 "
            + "(an IDX file; arrays are .npy files, pictures PNG or JPEG)")
    #expect(
        "\(DataSetError.truncatedContent(file: "a/b", dimensions: [3, 2, 2], found: 5, declared: 12))"
            == "a/b: 5 bytes behind the header, expected 3 × 2 × 2 = 12")
    #expect(
        "\(DataSetError.labelOutOfRange(file: "a/b", index: 7, found: 11, classCount: 10))"
            == "a/b: label 7 is 11, expected 0...9")
    #expect(
        "\(DataSetError.labelOutOfRange(file: "a/b", index: 7, found: 10, classCount: 10))"
            == "a/b: label 7 is 10, expected 0...9 (labels count from 0)")
}

@Test func `a folder of classes without a folder to train on is told the layouts`() {
    let folder = TemporaryFolder()
    folder.write([], "cat/1.png")
    let error = DataSetError.unknownLayout(folder: folder.path, hasClasses: true)
    #expect(throws: error) { try DataSetSource(folder: folder.path, name: "pets").load(.train) }
    #expect(
        "\(error)".contains("pictures in train/CLASS and test/CLASS, NumPy arrays (x_train.npy"))
    #expect("\(error)".contains("folders of classes belong into 'train'"))
    let empty = TemporaryFolder()
    #expect(throws: DataSetError.unknownLayout(folder: empty.path, hasClasses: false)) {
        try DataSetSource(folder: empty.path, name: "pets").load(.test)
    }
}

@Test func `missing files are not listed with their folder doubled`() {
    let folder = TemporaryFolder()
    folder.write([], "mnist/other")
    let paths = ["", ".gz"].map { folder.path("mnist/train-images-idx3-ubyte" + $0) }
    #expect(throws: DataSetError.missingFile(lookedFor: paths)) {
        try DataSetSource(folder: folder.path("mnist"), name: "mnist").load(.train)
    }
}

/// Images of one pixel.
private func samples(labels: [Int]) -> DataSet {
    DataSet(
        name: "s", imageShape: [1, 1, 1], pixels: [UInt8](repeating: 0, count: labels.count),
        labels: labels, classCount: labels.max()! + 1, pixelScale: 1)
}

@Test func `labels that count from 1 are told`() {
    let error = DataSetError.labelsFromOne(dataSet: "s", found: 1...3)
    #expect(throws: error) { try samples(labels: [1, 3, 2]).labelled(for: [], count: 3) }
    #expect("\(error)" == "s: labels go from 1 to 3, expected 0...2: they count from 0")
    for labels in [[0, 3, 2], [1, 4, 2]] {
        #expect(
            throws: DataSetError.wrongClassCount(
                dataSet: "s", found: labels.max()! + 1, expected: 3)
        ) { try samples(labels: labels).labelled(for: [], count: 3) }
    }
}

@Test func `one output for two classes is told not to be supported`() {
    let error = DataSetError.wrongClassCount(dataSet: "s", found: 2, expected: 1)
    #expect(throws: error) { try samples(labels: [0, 1]).labelled(for: [], count: 1) }
    #expect("\(error)".contains("networks with one output, a sigmoid, are not supported"))
}
