/// Images or other samples from a file, told by how it begins, or pictures from a folder. A file is plain
/// or gzip, and read once, so that it may be a pipe.
public enum SampleFile: Equatable, Sendable {
    case array(NumPyArray)
    case images(IDXFile)
    /// PNG or JPEG files of one shape, `[channels, height, width]`; pixels
    /// `[names, channels, height, width]`.
    case pictures(names: [String], shape: [Int], pixels: [UInt8])

    /// - Parameter limit: how many pictures of a folder are read, by name; of a file all are.
    /// - Throws: `DataSetError` for a file that is neither a picture nor a `.npy` file nor an IDX file of
    ///   images, and for a folder that holds something else than pictures or those of several shapes.
    public init(path: String, limit: Int? = nil) throws(DataSetError) {
        if isFolder(path) {
            let folder = try ImageFolder(unlabelled: path, limit: limit)
            let (shape, pixels) = try folder.pixels()
            self = .pictures(names: folder.fileNames, shape: shape, pixels: pixels)
            return
        }
        let source = try ByteSource(path: path)
        if try source.begins(with: NumPyHeader.magic) {
            self = .array(try NumPyArray(source))
        } else if try ImageFile.isBegun(by: source) {
            let image = try ImageFile(source)
            self = .pictures(names: [path], shape: image.shape, pixels: image.pixels)
        } else {
            self = .images(try IDXFile(source, rank: 3))
        }
    }
}
