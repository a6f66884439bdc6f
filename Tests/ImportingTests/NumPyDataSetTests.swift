import Importing
import Testing

private let fixtures = packageRoot + "/Fixtures/numpy/"

/// Images `[count, 3, 4, 5]` of the archives that make.py writes, which hold them channels last.
private func pixels(count: Int) -> [UInt8] {
    (0..<count * 60).map { index in
        let (image, channel, place) = (index / 60, index / 20 % 3, index % 20)
        return UInt8((7 * (image * 60 + place * 3 + channel) + 3) % 256)
    }
}

@Test(arguments: ["stored", "deflated", "plain", "piped"])
func `an archive of NumPy arrays is a data set, however it is packed`(name: String) throws {
    let source = DataSetSource(archive: fixtures + name + ".npz")
    let training = try source.load(.train)
    #expect(training.name == name)
    #expect(training.imageShape == [3, 4, 5])
    #expect(training.pixels == pixels(count: 6))
    #expect(training.labels == [0, 1, 2, 0, 1, 2])
    #expect(training.classCount == 3)
    #expect(training.pixelScale == Float(1) / 255)
    let test = try source.load(.test)
    #expect(test.pixels == pixels(count: 3))
    #expect(test.labels == [0, 1, 2])
    #expect(try source.load(.validation, validationCount: 2).labels == [1, 2])
}

@Test func `real pixels become the bytes that they were`() throws {
    let training = try DataSetSource(archive: fixtures + "floats.npz").load(.train)
    #expect(training.imageShape == [3, 4, 5])
    let expected = (0..<360).map { (7 * $0 + 3) % 256 }
    #expect(training.pixels.map { Int($0) } == expected)
    #expect(training.labels == [0, 1, 2, 0, 1, 2])
}

// MARK: Folders of arrays

/// A folder of four arrays.
private struct Arrays {
    let folder = TemporaryFolder()

    init(
        images: (descr: String, shape: [Int], content: [UInt8]) = (
            "|u1", [2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]
        ),
        labels: (descr: String, shape: [Int], content: [UInt8]) = ("|u1", [2], [1, 0]),
        testLabels: [UInt8] = [1]
    ) {
        folder.write(npy(images.descr, images.shape, images.content), "x_train.npy")
        folder.write(npy(labels.descr, labels.shape, labels.content), "y_train.npy")
        folder.write(npy("|u1", [1, 2, 2], [9, 8, 7, 6]), "x_test.npy")
        folder.write(npy("|u1", [testLabels.count], testLabels), "y_test.npy")
    }

    func load(_ split: Split = .train, for shape: [Int]? = nil) throws(DataSetError) -> DataSet {
        try DataSetSource(folder: folder.path, name: "arrays").load(split, for: shape)
    }

    /// The error of a file, by its name.
    func error(_ name: String, _ error: (String) -> NumPyError) -> DataSetError {
        .array(error(folder.path(name)))
    }
}

@Test func `a folder of NumPy arrays is a data set`() throws {
    let arrays = Arrays()
    let training = try arrays.load()
    #expect(training.imageShape == [1, 2, 2])
    #expect(training.pixels == [1, 2, 3, 4, 5, 6, 7, 8])
    #expect(training.labels == [1, 0])
    #expect(try arrays.load(.test).pixels == [9, 8, 7, 6])
    #expect(try arrays.load(.test).classCount == 2)
}

@Test(arguments: [
    ([1, 1, 2, 3], [3, 1, 2]), ([1, 2, 2, 3], [3, 2, 2]), ([1, 3, 2, 2], [3, 2, 2]),
    ([1, 1, 2, 2], [1, 2, 2]), ([1, 2, 4, 1], [1, 2, 4]), ([2, 2, 2, 2], [2, 2, 2]),
    ([1, 2, 4], [1, 2, 4]),
])
func `channels are the dimension of 1 or 3, else the last`(shape: [Int], expected: [Int]) throws {
    let count = shape.reduce(1, *)
    let images = ("|u1", shape, (0..<count).map { UInt8($0) })
    let arrays = Arrays(
        images: images, labels: ("|u1", [shape[0]], [UInt8](repeating: 1, count: shape[0])))
    if 3...4 ~= shape.count, shape.count == 4, [1, 3].contains(shape[1]), [1, 3].contains(shape[3])
    {
        #expect(throws: arrays.error("x_train.npy") { .ambiguousChannels(file: $0, shape: shape) })
        {
            try arrays.load()
        }
    } else {
        #expect(try arrays.load().imageShape == expected)
    }
}

@Test func `two dimensions are samples and their features`() throws {
    let arrays = Arrays(images: ("|u1", [2, 4], [1, 2, 3, 4, 5, 6, 7, 8]))
    let training = try arrays.load()
    #expect(training.imageShape == [4])
    #expect(training.pixels == [1, 2, 3, 4, 5, 6, 7, 8])
    #expect(Array(training.image(1)) == [5, 6, 7, 8])
    #expect(training.subset(1..<2).imageShape == [4])
}

@Test(arguments: [
    // Four channels of 2×3, which would be three of 4×2.
    ([1, 4, 2, 3], nil, [3, 4, 2], true), ([1, 4, 2, 3], [4, 2, 3], [4, 2, 3], false),
    ([1, 4, 2, 3], [3, 4, 2], [3, 4, 2], true),
    // A size that says too little by itself.
    ([1, 3, 8, 1], [3, 8, 1], [3, 8, 1], false), ([1, 3, 8, 1], [1, 3, 8], [1, 3, 8], false),
    // What fits neither way is read as without a network.
    ([1, 4, 2, 3], [5, 5, 5], [3, 4, 2], true),
])
func `channels are where the network wants them, if its shape tells`(
    shape: [Int], network: [Int]?, expected: [Int], areLast: Bool
) throws {
    let bytes = (0..<24).map { UInt8($0) }
    let set = try Arrays(images: ("|u1", shape, bytes), labels: ("|u1", [1], [1]))
        .load(for: network)
    #expect(set.imageShape == expected)
    #expect(set.pixels == (areLast ? channelsFirst(bytes, expected[0]) : bytes))
}

/// One image that has its channels last, with the channels first.
private func channelsFirst(_ bytes: [UInt8], _ channels: Int) -> [UInt8] {
    (0..<channels).flatMap { channel in
        stride(from: channel, to: bytes.count, by: channels).map { bytes[$0] }
    }
}

@Test(arguments: [[8], [2, 0], [0, 2, 2], [2, 0, 2], [1, 2, 2, 2, 1]])
func `arrays of a shape that images do not have are an error`(shape: [Int]) {
    let content = [UInt8](repeating: 1, count: shape.reduce(1, *))
    let arrays = Arrays(images: ("|u1", shape, content))
    #expect(throws: arrays.error("x_train.npy") { .noImages(file: $0, shape: shape) }) {
        try arrays.load()
    }
}

@Test(arguments: [Float(-0.1), 0.5, 1.1, 7, .nan, .infinity])
func `a real pixel that is no byte is an error with its place`(value: Float) throws {
    let images = ("<f4", [2, 1, 2], bytes([0, 1, Float(77) / 255, value]))
    let arrays = Arrays(images: images)
    do throws(DataSetError) {
        _ = try arrays.load()
        Issue.record("\(value) was read")
    } catch {
        guard case .array(.wrongPixel(_, 3, let found)) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(found.bitPattern == value.bitPattern)
    }
}

@Test func `labels that are none are an error`() {
    var arrays = Arrays(labels: ("<f4", [2], bytes([0, 1])))
    #expect(
        throws: arrays.error("y_train.npy") {
            .wrongElementType(file: $0, found: "float32", expected: [.uint8, .int32, .int64])
        }
    ) { try arrays.load() }
    arrays = Arrays(labels: ("|b1", [2], [0, 1]))
    #expect(
        throws: arrays.error("y_train.npy") {
            .wrongElementType(file: $0, found: "bool", expected: [.uint8, .int32, .int64])
        }
    ) { try arrays.load() }
    arrays = Arrays(labels: ("|u1", [1, 2], [0, 1]))
    #expect(throws: arrays.error("y_train.npy") { .noLabels(file: $0, shape: [1, 2]) }) {
        try arrays.load()
    }
    arrays = Arrays(labels: ("|u1", [0], []))
    #expect(throws: arrays.error("y_train.npy") { .noLabels(file: $0, shape: [0]) }) {
        try arrays.load()
    }
    arrays = Arrays(labels: ("<i4", [2], [0, 0, 0, 0, 255, 255, 255, 255]))
    #expect(
        throws: DataSetError.labelOutOfRange(
            file: arrays.folder.path("y_train.npy"), index: 1, found: -1, classCount: 65536)
    ) { try arrays.load() }
    arrays = Arrays(labels: ("|u1", [3], [0, 1, 1]))
    #expect(
        throws: DataSetError.differentCounts(
            images: arrays.folder.path("x_train.npy"), imageCount: 2,
            labels: arrays.folder.path("y_train.npy"), labelCount: 3)
    ) { try arrays.load() }
    arrays = Arrays(testLabels: [2])
    #expect(
        throws: DataSetError.labelOutOfRange(
            file: arrays.folder.path("y_test.npy"), index: 0, found: 2, classCount: 2)
    ) { try arrays.load(.test) }
}

@Test func `a missing array is named`() {
    let folder = TemporaryFolder()
    folder.write(npy("|u1", [1, 1, 1], [1]), "x_test.npy")
    #expect(throws: DataSetError.missingFile(lookedFor: [folder.path("x_train.npy")])) {
        try DataSetSource(folder: folder.path, name: "arrays").load(.train)
    }
}
