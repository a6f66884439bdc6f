/// What can be wrong with an array in NumPy's format, or with what it holds.
///
/// `file` is the path that was read, with the array's name behind it where the file is an archive.
public enum NumPyError: Error, Equatable, Sendable {
    /// The file does not begin with `\x93NUMPY`; `found` is what it begins with.
    case wrongMagic(file: String, found: [UInt8])
    case unknownVersion(file: String, major: Int, minor: Int)
    case truncatedHeader(file: String, found: Int, expected: Int)
    case longHeader(file: String, found: Int, largest: Int)
    /// The header, `place` bytes into the file, does not go on with `expected`.
    case badHeader(file: String, place: Int, expected: String)
    /// Elements that are not read, or have no meaning here; `found` is NumPy's name of their type.
    case wrongElementType(file: String, found: String, expected: [NumPyArray.ElementType])
    /// The first dimension runs fastest.
    case columnMajor(file: String)
    /// More bytes declared than are read.
    case implausibleShape(file: String, shape: [Int], largestLength: Int)
    /// Another number of bytes behind the header than its shape declares.
    case wrongLength(file: String, shape: [Int], found: Int, declared: Int)

    // MARK: Images, labels and samples

    case noImages(file: String, shape: [Int])
    /// Both the first and the last dimension of an image are 1 or 3.
    case ambiguousChannels(file: String, shape: [Int])
    /// A real pixel, the `index`th of the file, that is no multiple of 1/255 in 0...1.
    case wrongPixel(file: String, index: Int, found: Float)
    case noLabels(file: String, shape: [Int])
    /// The samples are not of the shape that a network reads.
    case wrongSamples(file: String, shape: [Int], expected: [Int])
    /// A sample's value, the `index`th of the file, that no pixel can have.
    case wrongSample(file: String, index: Int, found: Float, largest: Float)
    /// The `index`th value of the file is infinite or no number.
    case notFinite(file: String, index: Int, found: Float)
}

extension NumPyError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .wrongMagic(let file, let found):
            "\(file): begins with \(found.isEmpty ? "nothing" : "bytes \(found)"), expected "
                + "\(NumPyHeader.magic) (a .npy file)"
        case .unknownVersion(let file, let major, let minor):
            "\(file): version \(major).\(minor) of the format, expected 1.0, 2.0 or 3.0"
        case .truncatedHeader(let file, let found, let expected):
            "\(file): the header has \(found) bytes, expected \(expected)"
        case .longHeader(let file, let found, let largest):
            "\(file): the header declares \(found) bytes for itself, expected at most \(largest)"
        case .badHeader(let file, let place, let expected):
            "\(file): byte \(place), in the header, expected \(expected)"
        case .wrongElementType(let file, let found, let expected):
            "\(file): elements of type \(found), expected \(words(expected.map(\.name))); "
                + "convert \(conversions(to: expected)) before saving"
        case .columnMajor(let file):
            "\(file): the array is in Fortran order, expected C order "
                + "(save numpy.ascontiguousarray of it)"
        case .implausibleShape(let file, let shape, let largestLength):
            "\(file): the header declares the shape \(shape), expected at most \(largestLength) bytes"
        case .wrongLength(let file, let shape, let found, let declared):
            "\(file): \(found > declared ? "more than \(declared)" : "\(found)") bytes behind the "
                + "header, expected \(declared) for the shape \(shape)"
        case .noImages(let file, let shape):
            "\(file): the shape \(shape) is not a shape of images, expected "
                + "[count, height, width], [count, height, width, channels] or "
                + "[count, channels, height, width], none of them 0"
        case .ambiguousChannels(let file, let shape):
            "\(file): in the shape \(shape) either of \(shape[1]) and \(shape[3]) may be channels, "
                + "expected only one of them to be 1 or 3"
        case .wrongPixel(let file, let index, let found):
            "\(file): element \(index) is \(found), expected a multiple of 1/255 in 0...1 "
                + "(save pixels as uint8)"
        case .noLabels(let file, let shape):
            "\(file): the shape \(shape) is not a shape of labels, expected [count] or [count, 1]"
        case .wrongSamples(let file, let shape, let expected):
            "\(file): the shape \(shape) is not a shape of samples of \(expected), expected "
                + words(sampleShapes(expected))
        case .notFinite(let file, let index, let found):
            "\(file): element \(index) is \(found), expected a finite number"
        case .wrongSample(let file, let index, let found, let largest):
            "\(file): element \(index) is \(found), expected 0...\(largest): a pixel's value times "
                + "the network's pixel scale"
        }
    }

    /// `a, b or c`
    private func words(_ words: [String]) -> String {
        guard let last = words.last, words.count > 1 else { return words.joined() }
        return words.dropLast().joined(separator: ", ") + " or " + last
    }

    /// How arrays become such ones in NumPy.
    private func conversions(to types: [NumPyArray.ElementType]) -> String {
        let pixels = "with .astype(numpy.uint8) (pixels of 0...255) or .astype(numpy.float32)"
        let labels = "with .astype(numpy.int64)"
        guard types.contains(.float32) else { return labels }
        return types.contains(.int64) ? "pixels \(pixels), labels \(labels)" : pixels
    }

    /// All shapes that samples `[channels, height, width]` or `[features]` may come in.
    private func sampleShapes(_ sample: [Int]) -> [String] {
        var shapes = [sample]
        if sample.count == 3 {
            let image = [sample[1], sample[2]]
            shapes.append(image + [sample[0]])
            if sample[0] == 1 { shapes.append(image) }
        }
        return shapes.map { shape in
            let sizes = ["count"] + shape.map { "\($0)" }
            return "[\(sizes.joined(separator: ", "))]"
        }
    }
}
