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
        _ split: Split, validationCount: Int = 0, for shape: [Int]? = nil,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws(DataSetError) -> DataSet {
        try DataSetSource(folder: folder.path, name: "pets")
            .load(split, validationCount: validationCount, for: shape, progress: progress)
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
    let folders = Folders()
    folders.copy("color-444.jpg", to: "train/dog/3.png")
    do throws(DataSetError) {
        _ = try folders.load(.train)
        Issue.record("no error")
    } catch {
        guard case .image(.differentShape(let file, let found, let expected, let first)) = error
        else {
            Issue.record("\(error)")
            return
        }
        // Either may come first in the mixed order.
        let shapes = [found, expected].sorted { $0.reduce(1, *) < $1.reduce(1, *) }
        #expect(shapes == [[3, 5, 7], [3, 13, 19]])
        #expect([file, first].contains(folders.folder.path("train/dog/3.png")))
    }
}

@Test(arguments: [1, 9]) func `grey pictures among others have three equal channels`(
    greyCount: Int
) throws {
    let folders = Folders()
    for number in 0..<greyCount { folders.copy("grey.png", to: "train/ant/\(number).png") }
    let grey = try ImageFile(path: fixtures + "grey.png")
    #expect(grey.shape == [1, 5, 7])
    let training = try folders.load(.train)
    #expect(training.imageShape == [3, 5, 7])
    #expect(training.labelCounts == [greyCount, 3, 2])
    let colors = try pictures.map { try ImageFile(path: fixtures + $0).pixels }
    for index in 0..<training.count {
        let image = Array(training.image(index))
        #expect(
            training.labels[index] == 0
                ? image == grey.pixels + grey.pixels + grey.pixels : colors.contains(image))
    }
}

@Test func `grey pictures have three channels where a network reads three, and else one`() throws {
    let folder = TemporaryFolder()
    folder.write(contents(of: fixtures + "grey.png"), "train/a/1.png")
    folder.write(contents(of: fixtures + "one-bit.png"), "train/a/2.png")
    let source = DataSetSource(folder: folder.path, name: "greys")
    let grey = try source.load(.train)
    #expect(grey.imageShape == [1, 5, 7])
    for shape in [[1, 5, 7], [105], [3, 7, 5]] {
        #expect(try source.load(.train, for: shape) == grey)
    }
    let spread = try source.load(.train, for: [3, 5, 7])
    #expect(spread.imageShape == [3, 5, 7])
    for index in 0..<2 {
        let image = Array(grey.image(index))
        #expect(Array(spread.image(index)) == image + image + image)
    }
}

@Test func `pictures are features in the order channel, row, column, for who reads features`()
    throws
{
    let folder = TemporaryFolder()
    let path = folder.write(contents(of: fixtures + "color.png"), "a.png")
    let pixels = try ImageFile(path: path).pixels
    for (input, name) in [(path, path), (folder.path, "a.png")] {
        #expect(
            try SampleFile(path: input, shape: [105], threads: 1)
                == .pictures(names: [name], pixels: pixels))
        #expect(throws: DataSetError.self) {
            try SampleFile(path: input, shape: [104], threads: 1)
        }
    }
}

@Test func `colour pictures are not made grey`() throws {
    let folders = Folders()
    #expect(try folders.load(.train, for: [1, 5, 7]).imageShape == [3, 5, 7])
    for number in 0..<9 { folders.copy("grey.png", to: "train/ant/\(number).png") }
    let error = #expect(throws: DataSetError.self) { try folders.load(.train, for: [1, 5, 7]) }
    #expect(
        "\(try #require(error))".hasSuffix(
            "the picture is 3 × 5 × 7 (channels × height × width), expected 1 × 5 × 7 as the network "
                + "reads them; pictures are not resized"))
}

@Test func `what operating systems leave in folders is skipped`() throws {
    let folders = Folders()
    let expected = try folders.load(.train)
    for folder in ["train", "train/cat", "train/dog"] {
        for name in [
            "Thumbs.db", "desktop.ini", "Desktop.ini", "ehthumbs.db", ".DS_Store", "._a.png",
        ] {
            folders.folder.write([1], "\(folder)/\(name)")
        }
    }
    #expect(try folders.load(.train) == expected)
}

@Test(arguments: ["webp", "bmp", "gif", "tiff"])
func `pictures of other types are named, and the types that are read`(ending: String) throws {
    let folders = Folders()
    folders.folder.write([1], "train/cat/a.\(ending)")
    let error = #expect(throws: DataSetError.self) { try folders.load(.train) }
    #expect(
        "\(try #require(error))"
            == "\(folders.folder.path("train/cat/a.\(ending)")): is not expected here, only PNG and "
            + "JPEG pictures, ending in .png, .jpg or .jpeg")
}

@Test func `a class without pictures is an error that names its folder`() throws {
    let folders = Folders()
    folders.folder.write([], "train/ant/Thumbs.db")
    let error = #expect(throws: DataSetError.self) { try folders.load(.train) }
    #expect(
        "\(try #require(error))"
            == "\(folders.folder.path("train/ant")): nothing to read in the folder, expected a PNG or "
            + "JPEG picture")
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
            {
                .unexpectedFile(
                    file: $0, expected: "PNG and JPEG pictures, ending in .png, .jpg or .jpeg")
            }, "train/cat/notes.txt")
    ) { try folders.load(.train) }
    folders = Folders()
    folders.folder.write([], "train/ant/.hidden")
    #expect(throws: error({ .nothing(folder: $0, expected: "a PNG or JPEG picture") }, "train/ant"))
    {
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
