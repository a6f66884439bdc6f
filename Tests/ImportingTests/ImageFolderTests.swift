import Importing
import Testing

private let fixtures = packageRoot + "/Fixtures/images/"
/// 7×5, three channels, all different.
private let pictures = ["color.png", "palette.png", "sixteen-bit.png"]

/// Two classes; the training has three and two pictures, the test one of each.
private struct Folders {
    let folder = TemporaryFolder()

    init() {
        copy("color.png", to: "train/dog/2.png")
        copy("palette.png", to: "train/dog/1.PNG")
        for (index, name) in pictures.enumerated() { copy(name, to: "train/cat/\(index).png") }
        copy("sixteen-bit.png", to: "test/cat/a.png")
        copy("palette.png", to: "test/dog/b.png")
        folder.write([], "train/cat/.hidden")
        folder.write([], "train/.hidden")
    }

    func copy(_ name: String, to path: String) {
        folder.write(contents(of: fixtures + name), path)
    }

    func load(
        _ split: Split, validationCount: Int = 0, progress: (Int, Int) -> Void = { _, _ in }
    ) throws(DataSetError) -> DataSet {
        try DataSetSource(folder: folder.path, name: "pets")
            .load(split, validationCount: validationCount, progress: progress)
    }
}

@Test func `folders of pictures are a data set whose classes are the folders`() throws {
    let folders = Folders()
    var lines: [[Int]] = []
    let training = try folders.load(.train) { lines.append([$0, $1]) }
    #expect(lines == [[5, 5]])
    #expect(training.name == "pets")
    #expect(training.classNames == ["cat", "dog"])
    #expect(training.imageShape == [3, 5, 7])
    #expect(training.labelCounts == [3, 2])
    let expected = try Dictionary(
        uniqueKeysWithValues: pictures.map { ($0, try ImageFile(path: fixtures + $0).pixels) })
    let found = (0..<5).map { index in
        let picture = expected.first { $0.value == Array(training.image(index)) }
        return "\(training.classNames[Int(training.labels[index])])/\(picture?.key ?? "?")"
    }
    let cats = pictures.map { "cat/\($0)" }
    #expect(found.sorted() == cats + ["dog/color.png", "dog/palette.png"])
    #expect(try folders.load(.train) == training)
    let test = try folders.load(.test)
    #expect(test.labelCounts == [1, 1] && test.classNames == ["cat", "dog"])
    let parts = try [Split.train, .validation].map { try folders.load($0, validationCount: 2) }
    #expect(parts.flatMap(\.pixels) == training.pixels)
}

@Test func `pictures come mixed, so that the last of them are of all classes`() throws {
    let folder = TemporaryFolder()
    let picture = contents(of: fixtures + "grey.png")
    for label in 0..<4 {
        for number in 0..<40 { folder.write(picture, "train/\(label)/\(number).png") }
    }
    let source = DataSetSource(folder: folder.path, name: "many")
    let validation = try source.load(.validation, validationCount: 40)
    // Without the mixing, all were of the last class.
    #expect(validation.labelCounts.allSatisfy { $0 >= 3 }, "\(validation.labelCounts)")
}

@Test func `a test folder may lack a class, and not have another one`() throws {
    let folders = Folders()
    folders.copy("color.png", to: "train/ant/1.png")
    let test = try folders.load(.test)
    #expect(test.classNames == ["ant", "cat", "dog"] && test.labelCounts == [0, 1, 1])
    folders.copy("color.png", to: "test/cow/1.png")
    #expect(
        throws: DataSetError.image(
            .unknownClass(folder: folders.folder.path("test/cow"), known: ["ant", "cat", "dog"]))
    ) { try folders.load(.test) }
}

@Test func `pictures of several shapes are an error that names the first that differs`() {
    for name in ["grey.png", "color-444.jpg"] {
        let folders = Folders()
        folders.copy(name, to: "train/dog/3.png")
        do throws(DataSetError) {
            _ = try folders.load(.train)
            Issue.record("no error")
        } catch {
            guard case .image(.differentShape(let file, let found, let expected, let first)) = error
            else {
                Issue.record("\(error)")
                continue
            }
            // Either may come first in the mixed order.
            let shapes = [found, expected].sorted { $0.reduce(1, *) < $1.reduce(1, *) }
            #expect(
                shapes
                    == (name == "grey.png"
                        ? [[1, 5, 7], [3, 5, 7]] : [[3, 5, 7], [3, 13, 19]]))
            #expect([file, first].contains(folders.folder.path("train/dog/3.png")))
        }
    }
}

@Test func `what does not belong into folders of pictures is named`() {
    var folders = Folders()
    func error(_ error: (String) -> ImageError, _ path: String) -> DataSetError {
        .image(error(folders.folder.path(path)))
    }
    folders.folder.write([1], "train/notes.txt")
    #expect(
        throws: error(
            { .unexpectedFile(file: $0, expected: "a folder for each class") }, "train/notes.txt")
    ) { try folders.load(.train) }
    folders = Folders()
    folders.folder.write([1], "train/cat/notes.txt")
    #expect(
        throws: error(
            { .unexpectedFile(file: $0, expected: "files ending in .png, .jpg or .jpeg") },
            "train/cat/notes.txt")
    ) { try folders.load(.train) }
    folders = Folders()
    folders.folder.write([], "train/ant/.hidden")
    #expect(throws: error({ .nothing(folder: $0, expected: "pictures") }, "train/ant")) {
        try folders.load(.train)
    }
    folders = Folders()
    folders.folder.write(Array("nothing".utf8), "train/cat/9.png")
    #expect(
        throws: error(
            { .unknownFormat(file: $0, found: Array("nothing".utf8)) }, "train/cat/9.png")
    ) { try folders.load(.train) }
    let trainingOnly = TemporaryFolder()
    trainingOnly.write(contents(of: fixtures + "grey.png"), "train/a/1.png")
    #expect(
        throws: DataSetError.unreadable(
            file: trainingOnly.path("test"), reason: "no folder, or one that can not be listed")
    ) { try DataSetSource(folder: trainingOnly.path, name: "one").load(.test) }
}
