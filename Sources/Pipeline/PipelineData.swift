import Importing
import Networks
import Training

/// The three parts of a pipeline's data set.
struct PipelineData: Sendable {
    var train: LabelledImages
    /// Empty where the pipeline sets none aside.
    var validation: LabelledImages
    var test: LabelledImages
    var classNames: [String]
    var classCount: Int
    var normalization: PixelNormalization
    /// By which the training images are known again.
    let digest: String

    /// - Parameters:
    ///   - network: the one that the pipeline starts from, where a file has its graph; an architecture takes
    ///     what the data have.
    ///   - progress: as of `DataSetSource.load`.
    init(
        _ source: DataSetSource, _ settings: PipelineFile.Data, for network: NetworkImport?,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws {
        let validationCount = settings.validationCount
        let shape = network?.inputShape
        let read = try source.load(.train, for: shape, progress: progress)
        let all = shape.map(read.fitted) ?? read
        guard all.count > validationCount else {
            throw PipelineError.noTrainingData(
                dataSet: all.name, found: all.count, validationCount: validationCount)
        }
        // A subset is a copy.
        let train = validationCount == 0 ? all : all.subset(0..<all.count - validationCount)
        let validation = all.subset(train.count..<all.count)
        let testRead = try source.load(.test, for: read.imageShape, progress: progress)
        let test = shape.map(testRead.fitted) ?? testRead
        try test.require(imageShape: train.imageShape, classCount: train.classCount)
        normalization =
            if let stated = settings.normalization {
                try stated.normalization(of: train, shape: read.imageShape)
            } else if let stated = network?.normalization, stated.mean.count == train.channels {
                stated
            } else {
                PixelNormalization(scaling: train)
            }
        classNames = train.classNames
        classCount = train.classCount
        self.train = LabelledImages(train, normalization)
        digest = Digest(of: self.train).text
        self.validation = LabelledImages(validation, normalization)
        self.test = LabelledImages(test, normalization)
    }
}

extension LabelledImages {
    init(_ set: DataSet, _ normalization: PixelNormalization) {
        self.init(
            shape: set.imageShape, pixels: set.pixels, labels: set.labels,
            values: (0..<set.channels).map { channel in
                (0...255).map { normalization.value(of: UInt8($0), channel: channel) }
            })
    }
}
