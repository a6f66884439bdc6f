import Foundation

/// Where the arrays of a data set are, by their names in Keras: `x_train`, `y_train`, `x_test`, `y_test`.
private enum NumPyStore {
    case archive(ZipArchive)
    case folder(String)

    /// An array of images or, by its name, of labels.
    func array(_ name: String) throws(DataSetError) -> NumPyArray {
        let types: [NumPyArray.ElementType] =
            name.hasPrefix("y") ? NumPyArray.ElementType.ofLabels : NumPyArray.ElementType.ofSamples
        switch self {
        case .folder(let folder):
            let path = join(folder, name + ".npy")
            guard FileManager.default.fileExists(atPath: path) else {
                throw .missingFile(lookedFor: [path])
            }
            return try NumPyArray(ByteSource(path: path), types: types)
        case .archive(let archive):
            let content: [UInt8]
            do {
                content = try archive.contents(of: name + ".npy")
            } catch {
                throw .archive(error)
            }
            do {
                return try NumPyArray(
                    content, file: "\(archive.path): \(name)", types: types)
            } catch {
                throw .array(error)
            }
        }
    }
}

extension DataSetSource {
    /// The files of which any makes a folder one of NumPy arrays.
    static let numPyFiles = ["x_train.npy", "x_test.npy"]

    /// Reads images and labels from arrays; there are as many classes as are stated, else as the
    /// training labels have.
    func readNumPy(isTest: Bool, shape: [Int]?) throws(DataSetError) -> DataSet {
        let store = try numPyStore()
        let part = isTest ? "test" : "train"
        let imageArray = try store.array("x_" + part)
        let images: NumPyImages
        do {
            images = try NumPyImages(imageArray, for: shape)
        } catch {
            throw .array(error)
        }
        let labelArray = try store.array("y_" + part)
        let classCount: Int
        if let statedClasses {
            classCount = statedClasses.count
        } else {
            let trainingLabels = isTest ? try store.array("y_train") : labelArray
            classCount = try 1 + labels(trainingLabels, classCount: ClassList.largestCount).max()!
        }
        let labels = try labels(labelArray, classCount: classCount)
        guard labels.count == imageArray.shape[0] else {
            throw .differentCounts(
                images: imageArray.file, imageCount: imageArray.shape[0], labels: labelArray.file,
                labelCount: labels.count)
        }
        return DataSet(
            name: name, imageShape: images.shape, pixels: images.pixels, labels: labels,
            classCount: classCount, classNames: knownNames, pixelScale: pixelScale)
    }

    private func numPyStore() throws(DataSetError) -> NumPyStore {
        guard layout == .numPyArchive else { return .folder(folders[0]) }
        do {
            return .archive(try ZipArchive(path: folders[0]))
        } catch {
            throw .archive(error)
        }
    }

    /// Labels `[n]` or `[n, 1]` of any whole numbers below a class count; at least one.
    private func labels(
        _ array: NumPyArray, classCount: Int
    ) throws(DataSetError) -> [Int] {
        guard array.shape.count == 1 || array.shape.count == 2 && array.shape[1] == 1,
            array.shape[0] > 0
        else { throw .array(.noLabels(file: array.file, shape: array.shape)) }
        let numbers = array.integers
        if let index = numbers.firstIndex(where: { !(0..<classCount ~= $0) }) {
            throw .labelOutOfRange(
                file: array.file, index: index, found: numbers[index], classCount: classCount)
        }
        return numbers
    }
}
