import Foundation
import Synchronization
import Tensors

/// Pictures in a folder for each class, as in `train/cat/0001.png`, or pictures without labels.
struct ImageFolder {
    static let trainingName = "train"
    static let testName = "test"
    private static let endings = ["png", "jpg", "jpeg"]
    /// What Windows leaves in folders of pictures, in lowercase; other systems' files begin with a dot.
    private static let leftovers = ["thumbs.db", "ehthumbs.db", "desktop.ini"]
    /// The most bytes that are kept in memory: 8 GiB.
    private static let largestLength = 1 << 33
    /// Pictures that are decoded between two looks at errors and progress.
    private static let blockSize = 256

    let path: String
    /// The folders' names, sorted.
    let classNames: [String]
    /// In an order that looks random and is always the same, so that the last pictures may be set aside
    /// for validation.
    private let files: [(path: String, label: Int)]

    /// Lists the pictures of a folder.
    /// - Parameter known: the classes, if they are not, or not only, those of this folder.
    init(path: String, known: [String]? = nil) throws(DataSetError) {
        self.path = path
        let folders = try Self.classFolders(path)
        classNames = known ?? folders
        let labels = Dictionary(zip(classNames, 0...), uniquingKeysWith: { first, _ in first })
        var files: [(path: String, label: Int)] = []
        for folder in folders {
            let place = join(path, folder)
            guard let label = labels[folder] else {
                throw .image(.unknownClass(folder: place, known: classNames))
            }
            files += try Self.pictures(place).map { ($0, label) }
        }
        var generator = SeededGenerator(seed: 0)
        self.files = files.shuffled(using: &generator)
    }

    /// The pictures of a folder that has no others in it, by name, without labels.
    /// - Parameter limit: how many, from the first, at least 1.
    init(unlabelled path: String, limit: Int?) throws(DataSetError) {
        self.path = path
        classNames = []
        files = try Self.pictures(path).prefix(limit ?? .max).map { ($0, 0) }
    }

    /// The files' names, in their order.
    var fileNames: [String] { files.map { URL(fileURLWithPath: $0.path).lastPathComponent } }

    /// The names of a folder's classes, sorted.
    static func classFolders(_ path: String) throws(DataSetError) -> [String] {
        let names = try visibleNames(path, expected: "a folder for each class")
        if let name = names.first(where: { !isFolder(join(path, $0)) }) {
            throw .image(
                .unexpectedFile(file: join(path, name), expected: "a folder for each class"))
        }
        guard names.count <= ClassList.largestCount else {
            throw .image(
                .tooManyClasses(folder: path, found: names.count, largest: ClassList.largestCount))
        }
        return names
    }

    private static func pictures(_ folder: String) throws(DataSetError) -> [String] {
        let names = try visibleNames(folder, expected: "a PNG or JPEG picture")
        for name in names {
            let ending = URL(fileURLWithPath: name).pathExtension.lowercased()
            guard endings.contains(ending) else {
                throw .image(
                    .unexpectedFile(
                        file: join(folder, name),
                        expected: "PNG and JPEG pictures, ending in .png, .jpg or .jpeg"))
            }
        }
        return names.map { join(folder, $0) }
    }

    /// What a folder holds, sorted, at least one; what operating systems put there does not count.
    private static func visibleNames(
        _ folder: String, expected: String
    ) throws(DataSetError) -> [String] {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
            throw .unreadable(file: folder, reason: "no folder, or one that can not be listed")
        }
        let visible = names.filter { !$0.hasPrefix(".") && !leftovers.contains($0.lowercased()) }
            .sorted()
        if visible.isEmpty { throw .image(.nothing(folder: folder, expected: expected)) }
        return visible
    }

    /// Reads all pictures in the shape that a network wants, if it is known and the first one fits, or
    /// else in that of the first one; where that is grey and others are not, all have three channels.
    func load(
        name: String, pixelScale: Float, for wanted: [Int]?, progress: (Int, Int) -> Void
    ) throws(DataSetError) -> DataSet {
        let threads = ProcessInfo.processInfo.activeProcessorCount
        let first = try ImageFile(path: files[0].path)
        let stated = wanted.flatMap { shape in
            shape.count == 3 && first.pixels(for: shape) != nil ? shape : nil
        }
        var shape = stated ?? first.shape
        let pixels: [UInt8]
        do throws(DataSetError) {
            pixels = try self.pixels(
                shape: shape, first: stated == nil ? files[0].path : nil, threads: threads,
                progress: progress)
        } catch {
            guard stated == nil, case .image(.differentShape(let file, let found, _, _)) = error,
                shape[0] == 1, found == [3] + shape.dropFirst()
            else { throw error }
            shape = found
            pixels = try self.pixels(
                shape: shape, first: file, threads: threads, progress: progress)
        }
        return DataSet(
            name: name, imageShape: shape, pixels: pixels, labels: files.map(\.label),
            classCount: classNames.count, classNames: classNames, pixelScale: pixelScale)
    }

    /// Decodes all pictures, several at a time.
    /// - Parameters:
    ///   - shape: of each of them, as `ImageFile.pixels` takes it.
    ///   - first: the picture that has this shape, if none is stated.
    /// - Returns: `[files]` + `shape`
    func pixels(
        shape: [Int], first: String? = nil, threads: Int,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws(DataSetError) -> [UInt8] {
        let size = shape.reduce(1, *)
        guard files.count <= Self.largestLength / size else {
            throw .image(
                .tooManyImages(
                    folder: path, count: files.count, shape: shape,
                    largestLength: Self.largestLength))
        }
        var pixels = [UInt8](repeating: 0, count: files.count * size)
        for start in stride(from: 0, to: files.count, by: Self.blockSize) {
            let block = start..<min(start + Self.blockSize, files.count)
            let failure = pixels.withUnsafeMutableBufferPointer {
                decode(block, shape: shape, first: first, threads: threads, into: $0)
            }
            if let failure { throw failure }
            progress(block.upperBound, files.count)
        }
        return pixels
    }

    /// The error of the first picture that has one.
    /// - Parameter pixels: `[files]` + `shape`
    private func decode(
        _ block: Range<Int>, shape: [Int], first: String?, threads: Int,
        into pixels: UnsafeMutableBufferPointer<UInt8>
    ) -> DataSetError? {
        let failure = Mutex<(index: Int, error: DataSetError)?>(nil)
        parallel(chunks: block.count, threads: threads) { chunk in
            let index = block.lowerBound + chunk
            do throws(DataSetError) {
                let image = try picture(index, shape: shape, first: first)
                _ = UnsafeMutableBufferPointer(
                    rebasing: pixels[index * image.count..<(index + 1) * image.count]
                ).update(fromContentsOf: image)
            } catch {
                failure.withLock {
                    if $0.map({ index < $0.index }) ?? true { $0 = (index, error) }
                }
            }
        }
        return failure.withLock { $0?.error }
    }

    private func picture(
        _ index: Int, shape: [Int], first: String?
    ) throws(DataSetError) -> [UInt8] {
        let image = try ImageFile(path: files[index].path)
        guard let pixels = image.pixels(for: shape) else {
            throw .image(
                .differentShape(
                    file: files[index].path, found: image.shape, expected: shape, first: first))
        }
        return pixels
    }
}

extension DataSetSource {
    /// Reads `train` or `test`; the classes are the folders in `train`, or have the names that are stated.
    func readImageFolders(
        isTest: Bool, shape: [Int]?, progress: (Int, Int) -> Void
    ) throws(DataSetError) -> DataSet {
        let part = isTest ? ImageFolder.testName : ImageFolder.trainingName
        let names =
            knownNames.isEmpty
            ? try ImageFolder.classFolders(join(folders[0], ImageFolder.trainingName)) : knownNames
        if let statedClasses, statedClasses.count != names.count {
            throw .wrongClassCount(
                dataSet: name, found: names.count, expected: statedClasses.count)
        }
        let folder = try ImageFolder(path: join(folders[0], part), known: names)
        return try folder.load(
            name: name, pixelScale: pixelScale, for: shape, progress: progress)
    }
}
