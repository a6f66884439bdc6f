import Tensors

/// Images with their classes, and how pixels become the numbers that a network reads.
public struct LabelledImages: Sendable {
    /// `[channels, height, width]` of an image.
    public let shape: [Int]
    /// `[count, channels, height, width]`
    public let pixels: [UInt8]
    /// `[count]`, classes from 0.
    public let labels: [Int]
    /// `[channels]` tables of 256: the number that stands for each pixel value.
    public let values: [[Float]]

    public init(shape: [Int], pixels: [UInt8], labels: [Int], values: [[Float]]) {
        precondition(
            shape.count == 3 && values.count == shape[0], "\(shape), \(values.count) tables")
        precondition(values.allSatisfy { $0.count == 256 })
        precondition(pixels.count == labels.count * shape.reduce(1, *), "\(pixels.count) pixels")
        self.shape = shape
        self.pixels = pixels
        self.labels = labels
        self.values = values
    }

    public var count: Int { labels.count }
    /// `[height, width, channels]`
    public var inputShape: [Int] { [shape[1], shape[2], shape[0]] }

    /// Writes one image as `[height, width, channels]`, moved down and right by `shift`; what comes in
    /// from outside has pixel value 0.
    func write(
        _ index: Int, shift: (down: Int, right: Int), to target: UnsafeMutablePointer<Float>
    ) {
        let (channels, height, width) = (shape[0], shape[1], shape[2])
        pixels.withUnsafeBufferPointer { pixels in
            for channel in 0..<channels {
                let plane = pixels.baseAddress! + (index * channels + channel) * height * width
                values[channel].withUnsafeBufferPointer { table in
                    for row in 0..<height {
                        let source = row - shift.down
                        let line = target + (row * width) * channels + channel
                        let isInside = source >= 0 && source < height
                        for column in 0..<width {
                            let from = column - shift.right
                            let pixel =
                                isInside && from >= 0 && from < width
                                ? plane[source * width + from] : 0
                            line[column * channels] = table[Int(pixel)]
                        }
                    }
                }
            }
        }
    }

    /// The images `range` as one batch `[batch, height, width, channels]`, unshifted.
    public func batch(_ range: Range<Int>) -> Tensor {
        let count = shape.reduce(1, *)
        var result = Tensor(shape: [range.count] + inputShape)
        result.withUnsafeMutableElements { target in
            for index in range {
                write(
                    index, shift: (0, 0),
                    to: target.baseAddress! + (index - range.lowerBound) * count)
            }
        }
        return result
    }
}
