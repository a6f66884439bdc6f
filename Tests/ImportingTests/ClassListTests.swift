import Importing
import Testing

@Test func `classes are a number, or the names in a file, one a line`() throws {
    let folder = TemporaryFolder()
    folder.write(Array(" tench, Tinca tinca \r\ngoldfish\n\n".utf8), "names.txt")
    #expect(try ClassList("1000") == .count(1000))
    folder.write([0xef, 0xbb, 0xbf] + Array("cat\ndog\n".utf8), "marked.txt")
    #expect(try ClassList(folder.path("marked.txt")) == .names(["cat", "dog"]))
    #expect(try ClassList("65536") == .count(65536))
    #expect(
        try ClassList(folder.path("names.txt")) == .names(["tench, Tinca tinca", "goldfish"]))
}

@Test func `a wrong list of classes is an error with its place`() {
    let folder = TemporaryFolder()
    func error(_ text: String, _ error: (String) -> DataSetError) {
        folder.write(Array(text.utf8), "names.txt")
        let path = folder.path("names.txt")
        #expect(throws: error(path)) { try ClassList(path) }
    }
    error("\n \n") { .wrongNameCount(file: $0, found: 0, expected: 1...65536) }
    error("a\n\nb\n") { .emptyName(file: $0, line: 2) }
    error("a\nb\na\n") { .repeatedName(file: $0, name: "a", lines: [1, 3]) }
    for number in [0, -3, 65537] {
        #expect(throws: DataSetError.implausibleClassCount(found: number, largest: 65536)) {
            try ClassList("\(number)")
        }
    }
    #expect(throws: DataSetError.self) { try ClassList(folder.path("no.txt")) }
    #expect(
        "\(DataSetError.repeatedName(file: "names.txt", name: "a", lines: [1, 3]))"
            == "names.txt:3: 'a' stands on line 1 already, expected each class once")
}

/// Images of 1×1 with these labels, without names.
private func arrays(_ labels: [Int32]) -> TemporaryFolder {
    let folder = TemporaryFolder()
    let bytes = labels.flatMap { label in (0..<4).map { UInt8(label >> ($0 * 8) & 255) } }
    for part in ["train", "test"] {
        folder.write(
            npy("|u1", [labels.count, 1, 1], [UInt8](repeating: 3, count: labels.count)),
            "x_\(part).npy")
        folder.write(npy("<i4", [labels.count], bytes), "y_\(part).npy")
    }
    return folder
}

@Test func `labels may be larger than a byte`() throws {
    let folder = arrays([0, 999, 256, 255])
    let set = try DataSetSource(folder: folder.path, name: "thousand").load(.test)
    #expect(set.labels == [0, 999, 256, 255])
    #expect(set.classCount == 1000)
}

@Test(arguments: [Split.train, .test])
func `stated classes take the place of those of the labels`(split: Split) throws {
    let folder = arrays([2, 0, 1])
    let source = DataSetSource(folder: folder.path, name: "some")
    #expect(try source.load(split).classCount == 3)
    #expect(try source.stating(.count(1000)).load(split).classCount == 1000)
    let named = try source.stating(.names(["a", "b", "c", "d"])).load(split)
    #expect(named.classCount == 4 && named.classNames == ["a", "b", "c", "d"])
    let file = folder.path(split == .train ? "y_train.npy" : "y_test.npy")
    #expect(throws: DataSetError.labelOutOfRange(file: file, index: 0, found: 2, classCount: 2)) {
        try source.stating(.count(2)).load(split)
    }
}

@Test func `folders of pictures may be some of the stated classes`() throws {
    let folder = TemporaryFolder()
    let picture = contents(of: packageRoot + "/Fixtures/images/grey.png")
    for name in ["dog", "cat"] {
        folder.write(picture, "train/\(name)/1.png")
        folder.write(picture, "test/\(name)/1.png")
    }
    let source = DataSetSource(folder: folder.path, name: "pets")
    for split in [Split.train, .test] {
        let set = try source.stating(.names(["dog", "ant", "cat"])).load(split)
        #expect(set.classNames == ["dog", "ant", "cat"])
        #expect(set.labels.sorted() == [0, 2])
        #expect(try source.stating(.count(2)).load(split).classCount == 2)
        #expect(throws: DataSetError.wrongClassCount(dataSet: "pets", found: 2, expected: 3)) {
            try source.stating(.count(3)).load(split)
        }
    }
    #expect(
        throws: DataSetError.image(
            .unknownClass(folder: folder.path("train/cat"), known: ["dog", "ant"]))
    ) { try source.stating(.names(["dog", "ant"])).load(.train) }
}

@Test func `a set that is known by name keeps its number of classes`() throws {
    let source = try DataSetSource(named: "digits", fixtures: packageRoot + "/Fixtures")
    let letters = "abcdefghij".map(String.init)
    #expect(try source.stating(.names(letters)).load(.test).classNames == letters)
    #expect(throws: DataSetError.wrongClassCount(dataSet: "digits", found: 11, expected: 10)) {
        try source.stating(.count(11))
    }
}

@Suite struct `Labels for a model` {
    private let pets = DataSet(
        name: "pets", imageShape: [1, 1, 1], pixels: [1, 2, 3], labels: [0, 1, 1], classCount: 2,
        classNames: ["cat", "dog"], pixelScale: 1)
    private let nameless = DataSet(
        name: "n", imageShape: [1, 1, 1], pixels: [1, 2, 3], labels: [0, 1, 1], classCount: 2,
        pixelScale: 1)

    @Test func `are found by the classes' names`() throws {
        #expect(try pets.labelled(for: ["cat", "dog"], count: 2) == pets)
        let set = try pets.labelled(for: ["dog", "ant", "cat"], count: 3)
        #expect(set.labels == [2, 0, 0] && set.classCount == 3 && set.pixels == pets.pixels)
        #expect(
            throws: DataSetError.unknownClass(dataSet: "pets", name: "dog", known: ["cat", "cow"])
        ) { try pets.labelled(for: ["cat", "cow"], count: 2) }
    }

    @Test func `stay as they are without names`() throws {
        #expect(try nameless.labelled(for: ["dog", "cat"], count: 2).labels == [0, 1, 1])
        #expect(try nameless.labelled(for: [], count: 1000).labels == [0, 1, 1])
        #expect(try pets.labelled(for: [], count: 2).labels == [0, 1, 1])
        #expect(throws: DataSetError.wrongClassCount(dataSet: "n", found: 2, expected: 1)) {
            try nameless.labelled(for: [], count: 1)
        }
        #expect(throws: DataSetError.wrongClassCount(dataSet: "pets", found: 2, expected: 3)) {
            try pets.labelled(for: [], count: 3)
        }
    }
}
