/// Samples for a network of a known input, from an array.
public enum NumPySamples: Equatable, Sendable {
    /// `[n, channels, height, width]`
    case pixels([UInt8])
    /// What the network would read as pixels, `[n, channels, height, width]`.
    case raw([Float])

    /// - Parameters:
    ///   - array: `[n]` + `inputShape`, or the same with the channels last, or without them where there
    ///     is one, or as many features in the place of an image, or the other way round; of bytes, which are pixels, or of real numbers, which are pixels times `pixelScale`.
    ///   - inputShape: `[channels, height, width]` or `[features]`.
    public init(
        _ array: NumPyArray, inputShape: [Int], pixelScale: Float
    ) throws(NumPyError) {
        let isLast = try Self.channelsAreLast(array, inputShape: inputShape)
        func ordered<Value>(_ values: [Value]) -> [Value] {
            isLast ? channelsFirst(values, shape: inputShape) : values
        }
        switch array.elementType {
        case .uint8: self = .pixels(ordered(array.bytes))
        case .float32: self = .raw(ordered(try Self.raw(array, pixelScale: pixelScale)))
        case .int32, .int64:
            throw .wrongElementType(
                file: array.file, found: array.elementType.name,
                expected: NumPyArray.ElementType.ofSamples)
        }
    }

    private static func channelsAreLast(
        _ array: NumPyArray, inputShape: [Int]
    ) throws(NumPyError) -> Bool {
        guard let count = array.shape.first, count > 0 else {
            throw .wrongSamples(file: array.file, shape: array.shape, expected: inputShape)
        }
        let found = Array(array.shape.dropFirst())
        if inputShape.count == 3 {
            let last = [inputShape[1], inputShape[2], inputShape[0]]
            let isOneChannel = inputShape[0] == 1
            if isOneChannel, found == inputShape || found == last || found == Array(last[..<2]) {
                return false
            }
            if found == last, found == inputShape {
                throw .ambiguousChannels(file: array.file, shape: array.shape)
            }
            if found == last { return true }
        }
        let isFlatOnOneSide = (found.count == 1) != (inputShape.count == 1)
        let areAsMany = found.reduce(1, *) == inputShape.reduce(1, *)
        guard found == inputShape || isFlatOnOneSide && areAsMany else {
            throw .wrongSamples(file: array.file, shape: array.shape, expected: inputShape)
        }
        return false
    }

    /// Real numbers divided by the pixel scale, checked to be pixels where there is one.
    private static func raw(
        _ array: NumPyArray, pixelScale: Float
    ) throws(NumPyError) -> [Float] {
        let values = array.floats
        if let index = values.firstIndex(where: { !$0.isFinite }) {
            throw .notFinite(file: array.file, index: index, found: values[index])
        }
        if pixelScale == 1 || pixelScale <= 0 { return values }
        let largest = 255 * pixelScale
        // A little room for values that were scaled with another rounding.
        let range = -0.0001 * largest...1.0001 * largest
        if let index = values.firstIndex(where: { !range.contains($0) }) {
            throw .wrongSample(
                file: array.file, index: index, found: values[index], largest: largest)
        }
        // What was a pixel is one again, so that it gets the code that its byte would get: dividing by a
        // rounded scale is off by less than 0.0001.
        return values.map {
            let pixel = $0 / pixelScale
            let nearest = pixel.rounded()
            return abs(pixel - nearest) < 0.001 ? nearest : pixel
        }
    }
}
