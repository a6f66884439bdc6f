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

/// Its loss is that of the weights before the step.
@Test func `a network whose last step diverged is not finite`() throws {
    let data = tinyImages(count: 4, seed: 3)
    func isFinite(learningRate: Float) throws -> Bool {
        var settings = TrainingSettings(epochs: 1, learningRate: learningRate)
        settings.schedule = .constant
        settings.batchSize = 4
        var trainer = Trainer(
            try tinyNetwork(seed: 1), settings: settings, seed: 1, threads: 1)
        var teacher: Network?
        trainer.runEpoch(on: data, teacher: &teacher)
        #expect(trainer.lastLoss.isFinite)
        return trainer.network.isFinite
    }
    #expect(try isFinite(learningRate: 0.1))
    #expect(try !isFinite(learningRate: .infinity))
}

@Test func `a running statistic that is no number makes a network not finite`() throws {
    var layer = BatchNormalization(channels: 2)
    func isFinite() throws -> Bool {
        try Network(name: "n", inputShape: [2], chain: [("bn", layer)]).isFinite
    }
    #expect(try isFinite())
    layer.runningMean[1] = .nan
    #expect(try !isFinite())
}

/// As ONNX files of other tools have one.
@Test func `a softmax at the end makes no difference to what is learned`() throws {
    let data = tinyImages(count: 8, seed: 3)
    func trained(_ end: [(name: String, layer: any Layer)]) throws -> [Float] {
        var network = try Network(
            name: "n", inputShape: [6, 6, 1],
            chain: [("flatten", Flatten()), ("fc", Linear(inputs: 36, outputs: 3))] + end)
        var generator = SeededGenerator(seed: 4)
        network.initialize(using: &generator)
        var teacher: Network? = network
        network.initialize(using: &generator)
        var settings = TrainingSettings(epochs: 3, learningRate: 0.1)
        settings.batchSize = 4
        settings.loss = Loss(distillationWeight: 0.5, temperature: 2)
        var trainer = Trainer(network, settings: settings, seed: 1, threads: 1)
        while !trainer.isDone { trainer.runEpoch(on: data, teacher: &teacher) }
        var values = [trainer.lastLoss]
        trainer.network.visitParameters { values += $1.trained.value.elements }
        return values
    }
    let expected = try trained([])
    #expect(try trained([("softmax", Softmax())]) == expected)
    #expect(expected.allSatisfy { $0.isFinite })
}
