import Tensors

/// Images with their classes, and how pixels become the numbers that a network reads.
public struct LabelledImages: Sendable {
    /// `[channels, height, width]` of an image; features are channels of one pixel.
    public let shape: [Int]
    /// What a network reads of a sample: `[height, width, channels]` or `[features]`.
    public let inputShape: [Int]
    /// `[count, channels, height, width]`
    public let pixels: [UInt8]
    /// `[count]`, classes from 0.
    public let labels: [Int]
    /// `[channels, 256]`: the number that stands for each pixel value.
    private let table: [Float]

    /// - Parameters:
    ///   - shape: `[channels, height, width]` or `[features]`.
    ///   - values: `[channels]` or `[features]` tables of 256: the number that stands for each pixel value.
    public init(shape: [Int], pixels: [UInt8], labels: [Int], values: [[Float]]) {
        precondition(
            shape.count == 3 || shape.count == 1, "\(shape) is neither images nor features")
        precondition(values.count == shape[0], "\(shape), \(values.count) tables")
        precondition(values.allSatisfy { $0.count == 256 })
        precondition(pixels.count == labels.count * shape.reduce(1, *), "\(pixels.count) pixels")
        self.shape = shape.count == 1 ? shape + [1, 1] : shape
        inputShape = shape.count == 1 ? shape : [shape[1], shape[2], shape[0]]
        self.pixels = pixels
        self.labels = labels
        table = values.flatMap { $0 }
    }

    public var count: Int { labels.count }

    /// The smallest and the largest number that any pixel stands for; empty without images.
    public var extremes: [Float] {
        let size = shape[1] * shape[2]
        var isUsed = [Bool](repeating: false, count: table.count)
        pixels.withUnsafeBufferPointer { pixels in
            for plane in 0..<pixels.count / max(size, 1) {
                let row = plane % shape[0] * 256
                for pixel in pixels[plane * size..<(plane + 1) * size] {
                    isUsed[row + Int(pixel)] = true
                }
            }
        }
        let used = zip(table, isUsed).lazy.filter(\.1).map(\.0)
        return [used.min(), used.max()].compactMap { $0 }
    }

    /// Writes one image as `[height, width, channels]`, augmented; what comes in from outside of it has
    /// pixel value 0.
    func write(
        _ index: Int, _ augmentation: Augmentation = Augmentation(),
        to target: UnsafeMutablePointer<Float>
    ) {
        let size = shape.reduce(1, *)
        let drawing = Drawing(shape: shape, augmentation)
        pixels.withUnsafeBufferPointer { pixels in
            table.withUnsafeBufferPointer { table in
                drawing.draw(
                    pixels.baseAddress! + index * size, table: table.baseAddress!, to: target)
            }
        }
    }

    /// The samples `range` as one batch, `[batch]` + `inputShape`, as they are.
    public func batch(_ range: Range<Int>) -> Tensor {
        let count = shape.reduce(1, *)
        var result = Tensor(shape: [range.count] + inputShape)
        result.withUnsafeMutableElements { target in
            for index in range {
                write(index, to: target.baseAddress! + (index - range.lowerBound) * count)
            }
        }
        return result
    }
}

/// What is done to one image of a batch: it is moved, then mirrored.
struct Augmentation: Equatable {
    /// Pixels.
    var down = 0
    /// Pixels.
    var right = 0
    /// Left to right.
    var isFlipped = false
}

/// Turns the bytes of an image into a network's numbers.
///
/// All that depends on position is found out once an image, so that the loops over pixels look up and
/// store and do nothing else.
private struct Drawing {
    let channels: Int
    let height: Int
    let width: Int
    /// Rows and columns of the target that show the image; the others have pixel value 0.
    let rows: Range<Int>
    let columns: Range<Int>
    /// The source of target row 0, which may be outside of the image.
    let firstRow: Int
    /// The source of the first of `columns`, and how it moves from one column to the next: 1 or −1.
    let firstColumn: Int
    let step: Int

    init(shape: [Int], _ augmentation: Augmentation) {
        (channels, height, width) = (shape[0], shape[1], shape[2])
        let (down, right) = (augmentation.down, augmentation.right)
        rows = Self.visible(of: height, movedBy: down)
        let moved = Self.visible(of: width, movedBy: right)
        firstRow = -down
        if augmentation.isFlipped {
            columns = width - moved.upperBound..<width - moved.lowerBound
            firstColumn = moved.upperBound - 1 - right
            step = -1
        } else {
            columns = moved
            firstColumn = moved.lowerBound - right
            step = 1
        }
    }

    /// The places of `0..<size` on which something of that size lies after it was moved.
    private static func visible(of size: Int, movedBy distance: Int) -> Range<Int> {
        let lower = min(max(distance, 0), size)
        return lower..<max(min(size + distance, size), lower)
    }

    /// - Parameters:
    ///   - image: `[channels, height, width]`
    ///   - table: `[channels, 256]`
    ///   - target: `[height, width, channels]`
    func draw(
        _ image: UnsafePointer<UInt8>, table: UnsafePointer<Float>,
        to target: UnsafeMutablePointer<Float>
    ) {
        for row in 0..<height {
            let line = target + row * width * channels
            guard rows.contains(row), !columns.isEmpty else {
                fill(line, 0..<width, table)
                continue
            }
            fill(line, 0..<columns.lowerBound, table)
            fill(line, columns.upperBound..<width, table)
            let source = image + (row + firstRow) * width + firstColumn
            let inside = line + columns.lowerBound * channels
            if channels == 3 {
                drawThree(source, table, to: inside)
            } else {
                for channel in 0..<channels {
                    drawOne(
                        source + channel * height * width, table + channel * 256,
                        to: inside + channel)
                }
            }
        }
    }

    /// Pixel value 0 in some columns of a line.
    private func fill(
        _ line: UnsafeMutablePointer<Float>, _ columns: Range<Int>, _ table: UnsafePointer<Float>
    ) {
        for column in columns {
            for channel in 0..<channels {
                line[column * channels + channel] = table[channel * 256]
            }
        }
    }

    // Sums below stay within the image and the batch: `&+` saves half of the time.

    /// One channel of a line.
    private func drawOne(
        _ source: UnsafePointer<UInt8>, _ table: UnsafePointer<Float>,
        to target: UnsafeMutablePointer<Float>
    ) {
        var (from, to) = (0, 0)
        for _ in 0..<columns.count {
            target[to] = table[Int(source[from])]
            from = from &+ step
            to = to &+ channels
        }
    }

    /// A line of three channels.
    private func drawThree(
        _ source: UnsafePointer<UInt8>, _ table: UnsafePointer<Float>,
        to target: UnsafeMutablePointer<Float>
    ) {
        let plane = height * width
        let (red, green, blue) = (source, source + plane, source + 2 * plane)
        let (redTable, greenTable, blueTable) = (table, table + 256, table + 512)
        var (from, to) = (0, 0)
        for _ in 0..<columns.count {
            target[to] = redTable[Int(red[from])]
            target[to &+ 1] = greenTable[Int(green[from])]
            target[to &+ 2] = blueTable[Int(blue[from])]
            from = from &+ step
            to = to &+ 3
        }
    }
}
