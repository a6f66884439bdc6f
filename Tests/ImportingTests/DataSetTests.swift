import Importing
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

@Test func `a set that does not fit a network is an error`() throws {
    try small.require(imageShape: [2, 2, 3], classCount: 3)
    #expect(
        throws: DataSetError.wrongShape(dataSet: "small", found: [2, 2, 3], expected: [1, 2, 3])
    ) { try small.require(imageShape: [1, 2, 3], classCount: 3) }
    #expect(throws: DataSetError.wrongClassCount(dataSet: "small", found: 3, expected: 10)) {
        try small.require(imageShape: [2, 2, 3], classCount: 10)
    }
}

@Test func `images are features for a network that reads as many, and the other way round`() {
    let features = small.fitted(to: [12])
    #expect(features.imageShape == [12])
    #expect(features.pixels == small.pixels)
    #expect([features.channels, features.height, features.width] == [12, 1, 1])
    #expect(features.fitted(to: [2, 2, 3]) == small)
    #expect(small.fitted(to: [11]) == small)
    #expect(small.fitted(to: [3, 2, 2]) == small)
}

@Test func `a normalization of channels is one of the features that come of them`() {
    let channels = PixelNormalization(of: small)
    let features = channels.spread(6)
    #expect(features.mean == (0..<12).map { channels.mean[$0 / 6] })
    #expect(features.deviation == (0..<12).map { channels.deviation[$0 / 6] })
    #expect(features.pixelScale == channels.pixelScale)
}

@Test func `a pixel is normalized in the operations of a model file's input`() {
    let normalization = PixelNormalization(
        pixelScale: small.pixelScale, mean: [0.3, 0.45], deviation: [0.21, 0.37])
    for pixel in UInt8.min...UInt8.max {
        for channel in 0..<2 {
            var expected = Float(pixel)
            expected *= small.pixelScale
            expected -= normalization.mean[channel]
            expected /= normalization.deviation[channel]
            #expect(normalization.value(of: pixel, channel: channel) == expected)
        }
    }
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
