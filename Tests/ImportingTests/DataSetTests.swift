import Importing
import Tensors
import Testing

/// Five images of 2 channels, 2×3 pixels; pixel `i` of the set is `i · 4`.
private let small = DataSet(
    name: "small", imageShape: [2, 2, 3], pixels: (0..<60).map { UInt8($0 * 4) },
    labels: [0, 1, 2, 1, 0], classCount: 3, classNames: ["a", "b", "c"], pixelScale: 1 / 255)

@Test func `a subset by range keeps images and labels together`() {
    let part = small.subset(1..<3)
    #expect(part.count == 2)
    #expect(part.labels == [1, 2])
    #expect(part.pixels == (12..<36).map { UInt8($0 * 4) })
    #expect(part.classCount == 3)
    #expect(part.classNames == small.classNames)
    #expect(small.subset(5..<5).count == 0)
    #expect(small.subset(0..<5) == small)
}

@Test func `a subset by indices has their order and repeats`() {
    let part = small.subset(at: [4, 0, 4])
    #expect(part.labels == [0, 0, 0])
    #expect(Array(part.image(0)) == (48..<60).map { UInt8($0 * 4) })
    #expect(Array(part.image(1)) == (0..<12).map { UInt8($0 * 4) })
    #expect(part.image(2) == part.image(0))
}

@Test func `labels are counted by class`() {
    #expect(small.labelCounts == [2, 2, 1])
}

@Test func `a set that does not fit a network is an error`() throws {
    try small.require(imageShape: [2, 2, 3], classCount: 3)
    #expect(
        throws: DataSetError.wrongShape(dataSet: "small", found: [2, 2, 3], expected: [1, 2, 3])
    ) { try small.require(imageShape: [1, 2, 3], classCount: 3) }
    #expect(throws: DataSetError.wrongClassCount(dataSet: "small", found: 3, expected: 10)) {
        try small.require(imageShape: [2, 2, 3], classCount: 10)
    }
}

@Test func `a batch is normalized, channels last, in the order of a model file's input`() {
    let normalization = PixelNormalization(
        pixelScale: small.pixelScale, mean: [0.3, 0.45], deviation: [0.21, 0.37])
    let samples = [3, 0, 3]
    let batch = normalization.batch(samples, of: small)
    #expect(batch.shape == [3, 2, 3, 2])
    for position in 0..<3 {
        for y in 0..<2 {
            for x in 0..<3 {
                for c in 0..<2 {
                    let pixel = small.pixels[((samples[position] * 2 + c) * 2 + y) * 3 + x]
                    var expected = Float(pixel)
                    expected *= small.pixelScale
                    expected -= normalization.mean[c]
                    expected /= normalization.deviation[c]
                    let found = batch[((position * 2 + y) * 3 + x) * 2 + c]
                    #expect(found == expected, "sample \(position), y \(y), x \(x), channel \(c)")
                    #expect(normalization.value(of: pixel, channel: c) == expected)
                }
            }
        }
    }
}

@Test func `a batch takes the place of an older one of another size`() {
    let normalization = PixelNormalization(
        pixelScale: 1, mean: [0, 0], deviation: [1, 1])
    var batch = normalization.batch(0..<4, of: small)
    normalization.write([2], of: small, to: &batch)
    #expect(batch == normalization.batch([2], of: small))
    normalization.write([], of: small, to: &batch)
    #expect(batch.shape == [0, 2, 3, 2])
}

@Test func `mean and deviation of a channel are those of all its pixels`() {
    // By hand: channel 0 has 0, 2, 4, 6 with mean 3 and variance 5; channel 1 is constant.
    let set = DataSet(
        name: "two", imageShape: [2, 1, 2], pixels: [0, 2, 7, 7, 4, 6, 7, 7], labels: [0, 0],
        classCount: 1, pixelScale: 0.5)
    let normalization = PixelNormalization(of: set)
    #expect(normalization.mean == [1.5, 3.5])
    #expect(normalization.deviation == [Float(5.0.squareRoot() / 2), 1])
}

@Test func `the root of the data comes from the environment, else it is Data`() {
    #expect(DataSetSource.defaultRoot(environment: ["SHRINK_DATA": "/mnt/sets"]) == "/mnt/sets")
    #expect(DataSetSource.defaultRoot(environment: ["SHRINK_DATA": ""]) == "Data")
    #expect(DataSetSource.defaultRoot(environment: [:]) == "Data")
}
