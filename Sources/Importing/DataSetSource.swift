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
    }

    public let name: String
    /// The first of these folders that has the images is used.
    public let folders: [String]
    /// One a class, or empty if they are not known.
    public let classNames: [String]
    public let pixelScale: Float
    let layout: Layout

    /// `SHRINK_DATA` if the environment has it, else `Data` below the current folder.
    public static func defaultRoot(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) -> String {
        environment["SHRINK_DATA"].flatMap { $0.isEmpty ? nil : $0 } ?? "Data"
    }

    /// A data set by its name: `digits` from `<fixtures>/digits`, others from `<root>/<name>`.
    public init(
        named name: String, root: String = DataSetSource.defaultRoot(),
        fixtures: String = "Fixtures"
    ) throws(DataSetError) {
        guard let kind = DataSetKind(rawValue: name) else {
            throw .unknownDataSet(name, known: DataSetKind.allCases.map(\.rawValue))
        }
        self.init(kind, folders: [join(kind == .digits ? fixtures : root, name)])
    }

    /// A data set by name from `folder` or `<folder>/<name>`.
    ///
    /// A name that is not known stands for any folder with the files of CIFAR-10's binary version, or
    /// else for any pair of IDX files in MNIST's layout; then there are as many classes as the training
    /// labels have.
    public init(folder: String, name: String) {
        let folders = [folder, join(folder, name)]
        if let kind = DataSetKind(rawValue: name) {
            self.init(kind, folders: folders)
        } else if (Self.cifar10TrainingFiles + [Self.cifar10TestFile]).contains(where: {
            FileManager.default.fileExists(atPath: join(folder, $0))
        }) {
            self.init(
                name: name, folders: [folder], classNames: [], pixelScale: 1 / 255,
                layout: .cifar10)
        } else {
            self.init(
                name: name, folders: folders, classNames: [], pixelScale: 1 / 255,
                layout: .trainingAndTestFiles)
        }
    }

    private init(_ kind: DataSetKind, folders: [String]) {
        self.init(
            name: kind.rawValue, folders: folders, classNames: kind.classNames,
            pixelScale: kind.pixelScale, layout: kind.layout)
    }

    private init(
        name: String, folders: [String], classNames: [String], pixelScale: Float, layout: Layout
    ) {
        self.name = name
        self.folders = folders
        self.classNames = classNames
        self.pixelScale = pixelScale
        self.layout = layout
    }

    /// Reads a part. The last `validationCount` training samples are the validation set.
    public func load(
        _ split: Split, validationCount: Int = 0
    ) throws(DataSetError) -> DataSet {
        switch layout {
        case .trainingAndTestFiles:
            if split == .test { return try read(prefix: "t10k") }
            return try read(prefix: "train")
                .trainingPart(split, validationCount: validationCount)
        case .cifar10:
            let part = try readCIFAR10(isTest: split == .test)
            return split == .test
                ? part : try part.trainingPart(split, validationCount: validationCount)
        case .oneFile(let prefix, let testCount):
            let all = try read(prefix: prefix)
            guard all.count > testCount else {
                throw .tooFewSamples(dataSet: name, found: all.count, needed: testCount + 1)
            }
            let boundary = all.count - testCount
            if split == .test { return all.subset(boundary..<all.count) }
            return try all.subset(0..<boundary)
                .trainingPart(split, validationCount: validationCount)
        }
    }

    private func read(prefix: String) throws(DataSetError) -> DataSet {
        let imageFile = try find(imageNames(prefix), in: folders)
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
            labels: labels.bytes, classCount: classCount, classNames: classNames,
            pixelScale: pixelScale)
    }

    /// As many as there are names, else one more than the largest training label.
    private func classCount(besides labelFile: String) throws(DataSetError) -> Int {
        if !classNames.isEmpty { return classNames.count }
        let path = try find(labelNames("train"), in: [folder(of: labelFile)])
        return try 1 + Int(IDXFile(path: path, rank: 1).bytes.max()!)
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
            throw .missingFile(lookedFor: paths)
        }
        return path
    }
}

private func join(_ folder: String, _ name: String) -> String {
    folder.hasSuffix("/") ? folder + name : folder + "/" + name
}

func folder(of path: String) -> String {
    String(path[..<path.lastIndex(of: "/")!])
}
