/// A file of images or other samples, told by how it begins; plain or gzip, and read once, so that it
/// may be a pipe.
public enum SampleFile: Equatable, Sendable {
    case array(NumPyArray)
    case images(IDXFile)

    /// - Throws: `DataSetError` for a file that is neither a `.npy` file nor an IDX file of images.
    public init(path: String) throws(DataSetError) {
        let source = try ByteSource(path: path)
        if try source.begins(with: NumPyHeader.magic) {
            self = .array(try NumPyArray(source))
        } else {
            self = .images(try IDXFile(source, rank: 3))
        }
    }
}
