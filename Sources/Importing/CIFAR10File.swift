/// A file of CIFAR-10's binary version (Krizhevsky 2009): records without a header.
///
///     0       1          1025       2049      3073
///     | label | red      | green    | blue    |
///
/// A colour is 32×32 bytes, row by row.
struct CIFAR10File {
    static let imageShape = [3, 32, 32]
    static let imageLength = 3072
    static let recordLength = 1 + imageLength
    static let classCount = 10
    /// Ten times the 10,000 records of a published file.
    static let largestLength = recordLength * 100_000

    /// `[count, 3, 32, 32]`
    private(set) var pixels: [UInt8] = []
    private(set) var labels: [Int] = []

    /// Reads files, one behind the other.
    init(paths: [String]) throws(DataSetError) {
        for path in paths { try append(ByteSource(path: path)) }
    }

    private mutating func append(_ source: ByteSource) throws(DataSetError) {
        let content = try source.read(Self.largestLength + 1)
        guard !content.isEmpty, content.count % Self.recordLength == 0,
            content.count <= Self.largestLength
        else {
            throw .wrongRecords(
                file: source.path, found: content.count, recordLength: Self.recordLength,
                largestLength: Self.largestLength)
        }
        pixels.reserveCapacity(pixels.count + content.count)
        for start in stride(from: 0, to: content.count, by: Self.recordLength) {
            guard content[start] < Self.classCount else {
                throw .labelOutOfRange(
                    file: source.path, index: start / Self.recordLength,
                    found: Int(content[start]), classCount: Self.classCount)
            }
            labels.append(Int(content[start]))
            pixels += content[start + 1..<start + Self.recordLength]
        }
    }
}

extension DataSetSource {
    static let cifar10TrainingFiles = (1...5).map { "data_batch_\($0).bin" }
    static let cifar10TestFile = "test_batch.bin"

    /// Reads the five training files or the test file, and the class names beside them.
    func readCIFAR10(isTest: Bool) throws(DataSetError) -> DataSet {
        let names = isTest ? [Self.cifar10TestFile] : Self.cifar10TrainingFiles
        let first = try find([names[0]], in: folders)
        var paths = [first]
        for name in names.dropFirst() { paths.append(try find([name], in: [folder(of: first)])) }
        let file = try CIFAR10File(paths: paths)
        return DataSet(
            name: name, imageShape: CIFAR10File.imageShape, pixels: file.pixels,
            labels: file.labels, classCount: CIFAR10File.classCount,
            classNames: try cifar10ClassNames(besides: first), pixelScale: pixelScale)
    }

    /// Those that are stated, else the lines of `batches.meta.txt`, or the published names where the
    /// file is missing.
    private func cifar10ClassNames(besides path: String) throws(DataSetError) -> [String] {
        if case .names(let names) = statedClasses { return names }
        guard let file = try? find(["batches.meta.txt"], in: [folder(of: path)]) else {
            return DataSetKind.cifar10.classNames
        }
        let text = String(decoding: try ByteSource(path: file).read(1 << 16), as: UTF8.self)
        let names = text.split(whereSeparator: \.isNewline).map(String.init)
        guard names.count == CIFAR10File.classCount else {
            throw .wrongNameCount(
                file: file, found: names.count,
                expected: CIFAR10File.classCount...CIFAR10File.classCount)
        }
        return names
    }
}
