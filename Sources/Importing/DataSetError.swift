/// What can be wrong with the files of a data set, or with the way it is asked for.
///
/// `file` is the path that was read. Counts are in samples, lengths in bytes.
public enum DataSetError: Error, Equatable, Sendable {
    /// None of the files looked for exists.
    case missingFile(lookedFor: [String])
    /// A folder has none of the files that tell what kind of data set it holds. `hasClasses` says that
    /// it has folders, but no `train` among them.
    case unknownLayout(folder: String, hasClasses: Bool)
    /// The operating system refused; `reason` is its text.
    case unreadable(file: String, reason: String)
    /// The gzip stream stops early, `inflated` bytes into its content.
    case truncatedGzip(file: String, inflated: Int)
    /// The gzip stream is damaged, `inflated` bytes into its content; `reason` is zlib's text.
    case corruptGzip(file: String, inflated: Int, reason: String)

    case truncatedHeader(file: String, found: Int, expected: Int)
    case wrongMagicNumber(file: String, found: UInt32, expected: UInt32)
    /// Neither a picture nor a `.npy` file nor an IDX file; `found` is what the file begins with.
    case unknownSamples(file: String, found: [UInt8])
    /// No samples, or samples without pixels.
    case empty(file: String, dimensions: [Int])
    /// More bytes declared than any data set here has.
    case implausibleDimensions(file: String, dimensions: [Int], largestLength: Int)
    /// Fewer bytes behind the header than its dimensions declare.
    case truncatedContent(file: String, dimensions: [Int], found: Int, declared: Int)
    /// More bytes behind the header than its dimensions declare.
    case trailingContent(file: String, dimensions: [Int], declared: Int)

    /// A file of records without a header has no whole number of them, none, or too many.
    case wrongRecords(file: String, found: Int, recordLength: Int, largestLength: Int)
    /// A list of class names is too short or too long.
    case wrongNameCount(file: String, found: Int, expected: ClosedRange<Int>)
    case emptyName(file: String, line: Int)
    case repeatedName(file: String, name: String, lines: [Int])
    case implausibleClassCount(found: Int, largest: Int)

    /// A zip archive, or what it holds.
    case archive(ZipError)
    /// An array in NumPy's format, or what it holds.
    case array(NumPyError)
    /// A picture, or a folder of pictures.
    case image(ImageError)

    case differentCounts(images: String, imageCount: Int, labels: String, labelCount: Int)
    case labelOutOfRange(file: String, index: Int, found: Int, classCount: Int)

    case unknownDataSet(String, known: [String])
    /// The file has too few samples to be split.
    case tooFewSamples(dataSet: String, found: Int, needed: Int)
    /// The validation samples would leave none to train on.
    case invalidValidationCount(dataSet: String, found: Int, sampleCount: Int)
    case wrongShape(dataSet: String, found: [Int], expected: [Int])
    case wrongClassCount(dataSet: String, found: Int, expected: Int)
    /// Labels that seem to count from 1, for as many classes as the largest of them.
    case labelsFromOne(dataSet: String, found: ClosedRange<Int>)
    /// A class of the data is none of those that the model tells apart.
    case unknownClass(dataSet: String, name: String, known: [String])
}

extension DataSetError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .missingFile(let lookedFor):
            "no such file, looked for: \(lookedFor.joined(separator: ", ")); put the data set's "
                + "files there; sets given by name are also found in the folder SHRINK_DATA names"
        case .unknownLayout(let folder, let hasClasses):
            "\(folder): no data set was found in the folder, expected pictures in train/CLASS and "
                + "test/CLASS, NumPy arrays (x_train.npy, y_train.npy, x_test.npy, y_test.npy), IDX "
                + "files (train-images-idx3-ubyte and so on) or CIFAR-10's data_batch_1.bin and so on"
                + (hasClasses
                    ? "; folders of classes belong into 'train', and those to test on into 'test'"
                    : "")
        case .unreadable(let file, let reason):
            "\(file): can not be read: \(reason)"
        case .truncatedGzip(let file, let inflated):
            "\(file): the gzip stream stops early, after \(inflated) bytes of content"
        case .corruptGzip(let file, let inflated, let reason):
            "\(file): the gzip stream is damaged after \(inflated) bytes of content: \(reason)"
        case .truncatedHeader(let file, let found, let expected):
            "\(file): the IDX header has \(found) bytes, expected \(expected)"
        case .wrongMagicNumber(let file, let found, let expected):
            "\(file): the magic number is \(hexadecimal(found)), expected \(hexadecimal(expected)) "
                + "(an IDX file; arrays are .npy files, pictures PNG or JPEG)"
        case .unknownSamples(let file, let found):
            "\(file): \(found.isEmpty ? "the file is empty" : "begins with bytes \(found)"), "
                + "expected a picture (PNG, JPEG), a .npy file or an IDX file of images"
        case .empty(let file, let dimensions):
            "\(file): the header declares \(product(dimensions)), expected at least one of each"
        case .implausibleDimensions(let file, let dimensions, let largestLength):
            "\(file): the header declares \(product(dimensions)) bytes, expected at most "
                + "\(largestLength)"
        case .truncatedContent(let file, let dimensions, let found, let declared):
            "\(file): \(found) bytes behind the header, expected \(product(dimensions)) = \(declared)"
        case .trailingContent(let file, let dimensions, let declared):
            "\(file): more bytes behind the header than the expected \(product(dimensions)) = "
                + "\(declared)"
        case .wrongRecords(let file, let found, let recordLength, let largestLength):
            "\(file): \(found > largestLength ? "more than \(largestLength)" : "\(found)") bytes, "
                + "expected records of \(recordLength) bytes, 1 to \(largestLength / recordLength) "
                + "of them"
        case .wrongNameCount(let file, let found, let expected):
            "\(file): \(found) class names, expected "
                + (expected.count > 1
                    ? "\(expected.lowerBound) to \(expected.upperBound)" : "\(expected.lowerBound)")
        case .emptyName(let file, let line):
            "\(file):\(line): the line is empty, expected the name of a class"
        case .repeatedName(let file, let name, let lines):
            "\(file):\(lines[1]): '\(name)' stands on line \(lines[0]) already, expected each class once"
        case .implausibleClassCount(let found, let largest):
            "\(found) classes, expected a number in 1...\(largest) or a file with their names"
        case .archive(let error): "\(error)"
        case .array(let error): "\(error)"
        case .image(let error): "\(error)"
        case .differentCounts(let images, let imageCount, let labels, let labelCount):
            "\(labels): \(labelCount) labels, expected \(imageCount) as in \(images)"
        case .labelOutOfRange(let file, let index, let found, let classCount):
            "\(file): label \(index) is \(found), expected 0...\(classCount - 1)"
                + (found == classCount ? " (labels count from 0)" : "")
        case .unknownDataSet(let name, let known):
            "no such folder, and no known data set: '\(name)' (known: \(known.joined(separator: ", ")))"
        case .tooFewSamples(let dataSet, let found, let needed):
            "\(dataSet): \(found) samples, expected at least \(needed)"
        case .invalidValidationCount(let dataSet, let found, let sampleCount):
            "\(dataSet): \(found) samples for validation, expected 0..<\(sampleCount), "
                + "because there are \(sampleCount) to train on"
        case .wrongShape(let dataSet, let found, let expected):
            "\(dataSet): images are \(product(found)) (channels × height × width), "
                + "expected \(product(expected))"
        case .wrongClassCount(let dataSet, let found, let expected):
            "\(dataSet): \(found) classes, expected \(expected) "
                + (expected == 1 && found == 2
                    ? "(\(Self.oneOutput))"
                    : "(--classes or data.classes takes a file with the names of all classes)")
        case .labelsFromOne(let dataSet, let found):
            "\(dataSet): labels go from \(found.lowerBound) to \(found.upperBound), expected "
                + "0...\(found.upperBound - 1): they count from 0"
        case .unknownClass(let dataSet, let name, let known):
            "\(dataSet): the model knows no class '\(name)', only \(enumeration(of: known))"
        }
    }

    /// What to say of a network that is to tell two classes apart by one output.
    package static let oneOutput =
        "networks with one output, a sigmoid, are not supported for two classes, which take two "
        + "outputs, such as a softmax over two"

    private func product(_ dimensions: [Int]) -> String {
        dimensions.map(String.init).joined(separator: " × ")
    }
}

/// Eight digits with `0x` before them.
func hexadecimal(_ number: UInt32) -> String {
    let digits = String(number, radix: 16)
    return "0x" + String(repeating: "0", count: 8 - digits.count) + digits
}
