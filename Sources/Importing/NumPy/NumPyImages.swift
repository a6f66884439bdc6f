/// Images or features from an array.
///
/// The shape is `[n, features]` or `[n, h, w]`, or has one dimension more for channels. The channels come
/// where the network wants them. Where that fits neither way or both, they are the first dimension of an
/// image, `[n, c, h, w]`, if that is 1 or 3 and the last one is not; else the last one, `[n, h, w, c]`. If
/// both are 1 or 3, the shape says too little and is an error.
struct NumPyImages {
    /// `[channels, height, width]` or `[features]`
    let shape: [Int]
    /// `[n]` + `shape`
    let pixels: [UInt8]

    /// - Parameter wanted: `[channels, height, width]` or `[features]` that a network reads, if known.
    init(_ array: NumPyArray, for wanted: [Int]?) throws(NumPyError) {
        let (sizes, isLast) = try Self.layout(array, for: wanted)
        shape = sizes
        let bytes = try Self.bytes(array)
        pixels = isLast ? channelsFirst(bytes, shape: sizes) : bytes
    }

    /// `[channels, height, width]` or `[features]`, and whether the channels come last in the array.
    private static func layout(
        _ array: NumPyArray, for wanted: [Int]?
    ) throws(NumPyError) -> (shape: [Int], channelsAreLast: Bool) {
        let shape = array.shape
        guard 2...4 ~= shape.count, !shape.contains(0) else {
            throw .noImages(file: array.file, shape: shape)
        }
        if shape.count == 2 { return ([shape[1]], false) }
        if shape.count == 3 { return ([1, shape[1], shape[2]], false) }
        let (first, last) = (Array(shape[1...]), [shape[3], shape[1], shape[2]])
        if let wanted, (wanted == first) != (wanted == last) {
            return wanted == first ? (first, false) : (last, true)
        }
        switch (isChannelCount(shape[1]), isChannelCount(shape[3])) {
        case (true, true): throw .ambiguousChannels(file: array.file, shape: shape)
        case (true, false): return (first, false)
        case (false, _): return (last, true)
        }
    }

    private static func isChannelCount(_ size: Int) -> Bool { size == 1 || size == 3 }

    /// Pixels in the array's order; real ones, multiples of 1/255 in 0...1, become bytes again.
    private static func bytes(_ array: NumPyArray) throws(NumPyError) -> [UInt8] {
        switch array.elementType {
        case .uint8: return array.bytes
        case .float32:
            var pixels: [UInt8] = []
            pixels.reserveCapacity(array.count)
            for (index, value) in array.floats.enumerated() {
                let scaled = value * 255
                let nearest = scaled.rounded()
                // 255 · (k / 255) is off by less than 0.0001 in `Float`.
                guard 0...255 ~= nearest, abs(scaled - nearest) < 0.001 else {
                    throw .wrongPixel(file: array.file, index: index, found: value)
                }
                pixels.append(UInt8(nearest))
            }
            return pixels
        case .int32, .int64:
            throw .wrongElementType(
                file: array.file, found: array.elementType.name,
                expected: NumPyArray.ElementType.ofSamples)
        }
    }
}
