import Networks
import Tensors
import Testing
import Training

/// Five images in batches of two: the last one counts half as much.
@Test func `the loss of an epoch is the mean over its images`() throws {
    let data = tinyImages(count: 5, seed: 3)
    var network = try Network(
        name: "n", inputShape: [6, 6, 1],
        chain: [("flatten", Flatten()), ("fc", Linear(inputs: 36, outputs: 3))])
    var generator = SeededGenerator(seed: 4)
    network.initialize(using: &generator)
    func meanLoss(batchSize: Int) -> Float {
        // Nothing is learned, so that the losses of all batches are those of one network.
        var settings = TrainingSettings(epochs: 1, learningRate: 0)
        settings.batchSize = batchSize
        var trainer = Trainer(network, settings: settings, seed: 1, threads: 1)
        var teacher: Network?
        trainer.runEpoch(on: data, teacher: &teacher)
        return trainer.lastLoss
    }
    #expect(abs(meanLoss(batchSize: 2) - meanLoss(batchSize: 5)) < 1e-6)
}
