import Importing
import Networks
import Tensors
import Testing
import Training

extension LabelledImages {
    init(_ set: DataSet) {
        self.init(
            shape: set.imageShape, pixels: set.pixels, labels: set.labels.map { Int($0) },
            values: (0..<set.channels).map { _ in (0...255).map { Float($0) * set.pixelScale } })
    }
}

/// Seeds differ by a percent, of 500 images; the bounds leave room for two.
@Test(arguments: [(Architecture.lenet300x100, 0.91), (.digitsCNN, 0.94)])
func `a network learns the digits in a few epochs`(
    architecture: Architecture, accuracy: Double
) throws {
    let source = try DataSetSource(named: "digits", fixtures: packageRoot + "/Fixtures")
    let training = LabelledImages(try source.load(.train, validationCount: 0))
    let test = LabelledImages(try source.load(.test))
    var generator = SeededGenerator(seed: 1)
    let network = try architecture.network(
        inputShape: training.inputShape, classes: 10, using: &generator)
    var settings = TrainingSettings(epochs: 12, learningRate: 0.05)
    settings.batchSize = 32
    settings.loss = Loss(labelSmoothing: 0.05)
    var trainer = Trainer(network, settings: settings, seed: 1, threads: 2)
    var teacher: Network?
    while !trainer.isDone { trainer.runEpoch(on: training, teacher: &teacher) }
    let evaluation = trainer.network.evaluate(on: test, threads: 2)
    #expect(evaluation.top1 > accuracy, "\(evaluation.top1)")
}
