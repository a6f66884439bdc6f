/// Labelled images as the bytes of their files, all in memory.
public struct DataSet: Sendable, Equatable {
    /// Such as `mnist`.
    public let name: String
    /// `[channels, height, width]`, or `[features]`, each of which is a channel of one pixel.
    public let imageShape: [Int]
    /// `[count]` + `imageShape`
    public let pixels: [UInt8]
    /// One a sample, in `0..<classCount`.
    public let labels: [Int]
    /// Where the classes have no names and nobody has stated how many they are, those of the training labels.
    public let classCount: Int
    /// One a class, or empty if they are not known.
    public let classNames: [String]
    /// What turns a pixel into a number of 0...1.
    public let pixelScale: Float

    public init(
        name: String, imageShape: [Int], pixels: [UInt8], labels: [Int], classCount: Int,
        classNames: [String] = [], pixelScale: Float
    ) {
        precondition(
            imageShape.count == 3 || imageShape.count == 1,
            "a sample is [channels, height, width] or [features], not \(imageShape)")
        precondition(
            pixels.count == labels.count * imageShape.reduce(1, *),
            "\(pixels.count) pixels are not \(labels.count) images of \(imageShape)")
        precondition(
            labels.allSatisfy { 0..<classCount ~= $0 }, "a label is outside of 0..<\(classCount)")
        precondition(
            classNames.isEmpty || classNames.count == classCount,
            "\(classNames.count) names for \(classCount) classes")
        self.name = name
        self.imageShape = imageShape
        self.pixels = pixels
        self.labels = labels
        self.classCount = classCount
        self.classNames = classNames
        self.pixelScale = pixelScale
    }

    public var count: Int { labels.count }
    public var channels: Int { imageShape[0] }
    public var height: Int { isFlat ? 1 : imageShape[1] }
    public var width: Int { isFlat ? 1 : imageShape[2] }
    /// Whether samples are `[features]`.
    var isFlat: Bool { imageShape.count == 1 }
    public var pixelsPerImage: Int { imageShape.reduce(1, *) }

    /// One sample, of `imageShape`.
    public func image(_ index: Int) -> ArraySlice<UInt8> {
        pixels[index * pixelsPerImage..<(index + 1) * pixelsPerImage]
    }

    /// A copy of neighbouring samples.
    public func subset(_ range: Range<Int>) -> DataSet {
        let pixelRange = range.lowerBound * pixelsPerImage..<range.upperBound * pixelsPerImage
        return DataSet(
            name: name, imageShape: imageShape, pixels: Array(pixels[pixelRange]),
            labels: Array(labels[range]), classCount: classCount, classNames: classNames,
            pixelScale: pixelScale)
    }

    /// The same samples for a network that reads `shape`: images as features in the order `[channels,
    /// height, width]`, or features as images, if they are as many. Other sets stay as they are.
    public func fitted(to shape: [Int]) -> DataSet {
        guard isFlat != (shape.count == 1), shape.reduce(1, *) == pixelsPerImage else {
            return self
        }
        return DataSet(
            name: name, imageShape: shape, pixels: pixels, labels: labels, classCount: classCount,
            classNames: classNames, pixelScale: pixelScale)
    }

    /// The same images with the labels that a model has for their classes.
    ///
    /// Classes that have names on both sides are told by them: those of the data may be some of the
    /// model's, in another order. Without names on either side labels stay, and the data may have fewer
    /// classes unless they have names.
    /// - Parameters:
    ///   - names: the model's, or empty if they are not known.
    ///   - count: how many classes the model tells apart.
    public func labelled(for names: [String], count: Int) throws(DataSetError) -> DataSet {
        var labels = labels
        if !names.isEmpty && !classNames.isEmpty {
            var places: [Int] = []
            let placeOfName = Dictionary(zip(names, 0...), uniquingKeysWith: { first, _ in first })
            for name in classNames {
                guard let place = placeOfName[name] else {
                    throw .unknownClass(dataSet: self.name, name: name, known: names)
                }
                places.append(place)
            }
            if names == classNames { return self }
            labels = labels.map { places[$0] }
        } else if classNames.isEmpty ? classCount > count : classCount != count {
            if classNames.isEmpty, let range = Self.labelsFromOne(labels, classCount: count) {
                throw .labelsFromOne(dataSet: name, found: range)
            }
            throw .wrongClassCount(dataSet: name, found: classCount, expected: count)
        }
        return DataSet(
            name: name, imageShape: imageShape, pixels: pixels, labels: labels, classCount: count,
            classNames: names, pixelScale: pixelScale)
    }

    /// From the smallest to the largest of some labels, if they seem to count classes from 1.
    package static func labelsFromOne(
        _ labels: [Int], classCount: Int
    ) -> ClosedRange<Int>? {
        guard let least = labels.min(), least > 0, labels.max() == classCount else { return nil }
        return least...classCount
    }

    /// Throws unless a network made for such images and classes can read this set.
    public func require(imageShape: [Int], classCount: Int) throws(DataSetError) {
        guard self.imageShape == imageShape else {
            throw .wrongShape(dataSet: name, found: self.imageShape, expected: imageShape)
        }
        guard self.classCount == classCount else {
            throw .wrongClassCount(dataSet: name, found: self.classCount, expected: classCount)
        }
    }
}
