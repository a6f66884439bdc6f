/// Images or other samples from a file, told by how it begins, or pictures from a folder. A file is plain
/// or gzip, and read once, so that it may be a pipe.
public enum SampleFile: Equatable, Sendable {
    case array(NumPyArray)
    case images(IDXFile)
    /// PNG or JPEG files: the path of a single one, the names of those of a folder; pixels
    /// `[names]` + `shape`.
    case pictures(names: [String], pixels: [UInt8])

    /// - Parameters:
    ///   - limit: how many pictures of a folder are read, by name, at least 1; of a file all are.
    ///   - shape: `[channels, height, width]` or `[features]` of pictures; grey ones may have three channels.
    ///   - threads: how many pictures are decoded at a time.
    /// - Throws: `DataSetError` for a file that is neither a picture nor a `.npy` file nor an IDX file of
    ///   images, for pictures of another shape, and for a folder that holds something else.
    public init(
        path: String, limit: Int? = nil, shape: [Int], threads: Int
    ) throws(DataSetError) {
        if isFolder(path) {
            let folder = try ImageFolder(unlabelled: path, limit: limit)
            let pixels = try folder.pixels(shape: shape, threads: threads)
            self = .pictures(names: folder.fileNames, pixels: pixels)
            return
        }
        let source = try ByteSource(path: path)
        if try source.begins(with: NumPyHeader.magic) {
            self = .array(try NumPyArray(source, types: NumPyArray.ElementType.ofSamples))
        } else if try ImageFile.isBegun(by: source) {
            let image = try ImageFile(source)
            guard let pixels = image.pixels(for: shape) else {
                throw .image(
                    .differentShape(file: path, found: image.shape, expected: shape, first: nil))
            }
            self = .pictures(names: [path], pixels: pixels)
        } else if try source.begins(with: [0, 0]) {
            self = .images(try IDXFile(source, rank: 3))
        } else {
            throw .unknownSamples(file: path, found: try source.read(8))
        }
    }
}
