import Foundation

/// Where the files of a data set are, and how they are read.
public struct DataSetSource: Sendable, Equatable {
    /// How a data set is cut into files.
    enum Layout: Equatable {
        /// `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, and both with `t10k` for the test.
        case trainingAndTestFiles
        /// One pair of files; the last `testCount` samples are the test set.
        case oneFile(prefix: String, testCount: Int)
        /// `data_batch_1.bin` to `data_batch_5.bin`, and `test_batch.bin`.
        case cifar10
        /// `x_train.npy`, `y_train.npy`, `x_test.npy` and `y_test.npy`.
        case numPyFiles
        /// One `.npz` archive of the same arrays; the folder is its path.
        case numPyArchive
        /// `train` and `test` with a folder of pictures for each class.
        case imageFolders
    }

    public let name: String
    /// The first of these folders that has the images is used.
    public let folders: [String]
    /// Of a set that is known by name, one a class; else empty.
    private let classNames: [String]
    /// What `stating` has been told.
    private(set) var statedClasses: ClassList?
    public let pixelScale: Float
    let layout: Layout

    /// `SHRINK_DATA` if the environment has it, else `Data` below the current folder.
    public static func defaultRoot(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) -> String {
        environment["SHRINK_DATA"].flatMap { $0.isEmpty ? nil : $0 } ?? "Data"
    }

    /// A data set by its name from `<root>/<name>`; `digits` from `<fixtures>/digits` if it is there.
    public init(
        named name: String, root: String = DataSetSource.defaultRoot(),
        fixtures: String = "Fixtures"
    ) throws(DataSetError) {
        guard let kind = DataSetKind(rawValue: name) else {
            throw .unknownDataSet(name, known: DataSetKind.allCases.map(\.rawValue))
        }
        let roots = kind == .digits ? [fixtures, root] : [root]
        self.init(kind, folders: roots.map { join($0, name) })
    }

    /// A data set by name from `folder` or `<folder>/<name>`.
    ///
    /// NumPy arrays (`x_train.npy` and so on) and folders of pictures (`train/<class>`) are told by what
    /// is there. A name that is not known otherwise stands for the binary version of CIFAR-10, or else
    /// for IDX files in MNIST's layout. Where nothing names the classes, there are as many as the
    /// training labels have.
    public init(folder: String, name: String) {
        let folders = [folder, join(folder, name)]
        func holds(anyOf files: [String]) -> Bool {
            files.contains { FileManager.default.fileExists(atPath: join(folder, $0)) }
        }
        if holds(anyOf: Self.numPyFiles) {
            self.init(name: name, folders: [folder], layout: .numPyFiles)
        } else if isFolder(join(folder, ImageFolder.trainingName)) {
            self.init(name: name, folders: [folder], layout: .imageFolders)
        } else if let kind = DataSetKind(rawValue: name) {
            self.init(kind, folders: folders)
        } else if holds(anyOf: Self.cifar10TrainingFiles + [Self.cifar10TestFile]) {
            self.init(name: name, folders: [folder], layout: .cifar10)
        } else {
            self.init(name: name, folders: folders, layout: .trainingAndTestFiles)
        }
    }

    /// A data set from a `.npz` archive of NumPy arrays named as in Keras: images `x_train` and
    /// `x_test`, labels `y_train` and `y_test`. It is named as the file is, less the ending.
    public init(archive path: String) {
        let name = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
        self.init(name: name, folders: [path], layout: .numPyArchive)
    }

    private init(_ kind: DataSetKind, folders: [String]) {
        self.init(
            name: kind.rawValue, folders: folders, classNames: kind.classNames,
            pixelScale: kind.pixelScale, layout: kind.layout)
    }

    private init(
        name: String, folders: [String], classNames: [String] = [], pixelScale: Float = 1 / 255,
        layout: Layout
    ) {
        self.name = name
        self.folders = folders
        self.classNames = classNames
        self.pixelScale = pixelScale
        self.layout = layout
    }

    /// The same data with these classes instead of those of the training labels, or of the folders in
    /// `train`, which have to be some of them.
    public func stating(_ classes: ClassList) throws(DataSetError) -> DataSetSource {
        let count = layout == .cifar10 ? CIFAR10File.classCount : classNames.count
        guard count == 0 || count == classes.count else {
            throw .wrongClassCount(dataSet: name, found: classes.count, expected: count)
        }
        var source = self
        source.statedClasses = classes
        return source
    }

    /// The names that are stated or known.
    var knownNames: [String] {
        if case .names(let names) = statedClasses { return names }
        return classNames
    }

    /// Reads a part. The last `validationCount` training samples are the validation set.
    /// - Parameters:
    ///   - shape: `[channels, height, width]` or `[features]` that a network reads, if it is known: tells
    ///     how NumPy arrays are laid out, and whether grey pictures get three channels. Data of another
    ///     shape are read as they are.
    ///   - progress: called now and then with the files read and all files, where they are many.
    public func load(
        _ split: Split, validationCount: Int = 0, for shape: [Int]? = nil,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws(DataSetError) -> DataSet {
        let part = try read(isTest: split == .test, shape: shape, progress)
        if split == .test { return part }
        return try part.trainingPart(split, validationCount: validationCount)
    }

    /// The test set, or all that is not the test set.
    private func read(
        isTest: Bool, shape: [Int]?, _ progress: (Int, Int) -> Void
    ) throws(DataSetError) -> DataSet {
        switch layout {
        case .trainingAndTestFiles: return try read(prefix: isTest ? "t10k" : "train")
        case .oneFile(let prefix, let testCount):
            let all = try read(prefix: prefix)
            guard all.count > testCount else {
                throw .tooFewSamples(dataSet: name, found: all.count, needed: testCount + 1)
            }
            let boundary = all.count - testCount
            return all.subset(isTest ? boundary..<all.count : 0..<boundary)
        case .cifar10: return try readCIFAR10(isTest: isTest)
        case .numPyFiles, .numPyArchive: return try readNumPy(isTest: isTest, shape: shape)
        case .imageFolders:
            return try readImageFolders(
                isTest: isTest, shape: shape, progress: progress)
        }
    }

    private func read(prefix: String) throws(DataSetError) -> DataSet {
        let imageFile = try findImages(prefix)
        let labelFile = try find(labelNames(prefix), in: [folder(of: imageFile)])
        let images = try IDXFile(path: imageFile, rank: 3)
        let labels = try IDXFile(path: labelFile, rank: 1)
        guard images.dimensions[0] == labels.dimensions[0] else {
            throw .differentCounts(
                images: imageFile, imageCount: images.dimensions[0],
                labels: labelFile, labelCount: labels.dimensions[0])
        }
        let classCount = try classCount(besides: labelFile)
        if let index = labels.bytes.firstIndex(where: { $0 >= classCount }) {
            throw .labelOutOfRange(
                file: labelFile, index: index, found: Int(labels.bytes[index]),
                classCount: classCount)
        }
        return DataSet(
            name: name, imageShape: [1] + images.dimensions.dropFirst(), pixels: images.bytes,
            labels: labels.bytes.map { Int($0) }, classCount: classCount,
            classNames: knownNames, pixelScale: pixelScale)
    }

    /// As many as are stated or have names, else one more than the largest training label.
    private func classCount(besides labelFile: String) throws(DataSetError) -> Int {
        if let statedClasses { return statedClasses.count }
        if !classNames.isEmpty { return classNames.count }
        let path = try find(labelNames("train"), in: [folder(of: labelFile)])
        return try 1 + Int(IDXFile(path: path, rank: 1).bytes.max()!)
    }

    /// The images' file; where the folder is not known by its name, its layout may be another one.
    private func findImages(_ prefix: String) throws(DataSetError) -> String {
        do throws(DataSetError) {
            return try find(imageNames(prefix), in: folders)
        } catch {
            let marks = ["train", "t10k"].flatMap { imageNames($0) + labelNames($0) }
            guard classNames.isEmpty, case .missingFile = error,
                (try? find(marks, in: folders)) == nil
            else { throw error }
            let names = (try? FileManager.default.contentsOfDirectory(atPath: folders[0])) ?? []
            throw .unknownLayout(
                folder: folders[0],
                hasClasses: names.contains {
                    !$0.hasPrefix(".") && isFolder(join(folders[0], $0))
                })
        }
    }

    private func imageNames(_ prefix: String) -> [String] {
        ["\(prefix)-images-idx3-ubyte", "\(prefix)-images-idx3-ubyte.gz"]
    }

    private func labelNames(_ prefix: String) -> [String] {
        ["\(prefix)-labels-idx1-ubyte", "\(prefix)-labels-idx1-ubyte.gz"]
    }

    func find(_ names: [String], in folders: [String]) throws(DataSetError) -> String {
        let paths = folders.flatMap { folder in names.map { join(folder, $0) } }
        guard let path = paths.first(where: FileManager.default.fileExists) else {
            // Nobody has to put files into `mnist/mnist`, though they are found there.
            let doubled = "/\(name)/\(name)/"
            let listed = paths.filter { !"/\($0)".contains(doubled) }
            throw .missingFile(lookedFor: listed.isEmpty ? paths : listed)
        }
        return path
    }
}

func join(_ folder: String, _ name: String) -> String {
    folder.hasSuffix("/") ? folder + name : folder + "/" + name
}

func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        && isFolder.boolValue
}

func folder(of path: String) -> String {
    String(path[..<path.lastIndex(of: "/")!])
}
