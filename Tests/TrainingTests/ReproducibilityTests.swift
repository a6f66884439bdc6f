import Networks
import Tensors
import Testing
import Training

private let methods: [Optimizer.Method] = [
    .sgd(momentum: 0.9, nesterov: true), .adam(beta1: 0.9, beta2: 0.99, epsilon: 1e-8),
]

private func settings(_ method: Optimizer.Method, epochs: Int) -> TrainingSettings {
    var settings = TrainingSettings(epochs: epochs, learningRate: 0.01)
    settings.batchSize = 60
    settings.method = method
    settings.warmUp = 0.2
    settings.weightDecay = 1e-3
    settings.maximalShift = 1
    settings.flips = true
    settings.loss = Loss(labelSmoothing: 0.1)
    return settings
}

/// Trains up to an epoch; 150 images are three batches, the last one smaller.
private func train(_ trainer: inout Trainer, toEpoch end: Int) {
    let data = tinyImages(count: 150, seed: 1)
    var teacher: Network?
    while trainer.epoch < end { trainer.runEpoch(on: data, teacher: &teacher) }
}

@Test(arguments: methods.indices)
func `the same seed gives the same bits on 1, 2 and 3 threads`(method: Int) throws {
    let network = try tinyNetwork(seed: 2, parametrized: true)
    let results = (1...3).map { threads in
        var trainer = Trainer(
            network, settings: settings(methods[method], epochs: 2), seed: 7, threads: threads)
        train(&trainer, toEpoch: 2)
        return trainer.network.variableBits
    }
    #expect(results[0] != network.variableBits)
    #expect(results[1] == results[0])
    #expect(results[2] == results[0])
}

@Test func `another seed gives other weights`() throws {
    let results = try ([1, 2] as [UInt64]).map { seed in
        var trainer = Trainer(
            try tinyNetwork(seed: 2), settings: settings(methods[0], epochs: 1), seed: seed,
            threads: 1)
        train(&trainer, toEpoch: 1)
        return trainer.network.variableBits
    }
    #expect(results[0] != results[1])
}

@Test(arguments: methods.indices, [1, 2])
func `a training that was interrupted ends in the bits of one that was not`(
    method: Int, interruption: Int
) throws {
    let settings = settings(methods[method], epochs: 3)
    var whole = Trainer(
        try tinyNetwork(seed: 2, parametrized: true), settings: settings, seed: 7, threads: 1)
    train(&whole, toEpoch: 3)
    var first = Trainer(
        try tinyNetwork(seed: 2, parametrized: true), settings: settings, seed: 7, threads: 1)
    train(&first, toEpoch: interruption)
    var second = try withTemporaryFolder { folder in
        try Checkpoint(first).write(to: folder + "/model.safetensors")
        return try Checkpoint(contentsOf: folder + "/model.safetensors", vocabulary: vocabulary)
            .trainer(settings: settings, seed: 7, threads: 2)
    }
    #expect(second.epoch == interruption && !second.isDone)
    train(&second, toEpoch: 3)
    #expect(second.isDone)
    #expect(second.network.variableBits == whole.network.variableBits)
    #expect(second.optimizer.step == whole.optimizer.step)
    #expect(second.optimizer.moments == whole.optimizer.moments)
}

@Test func `a teacher changes the training by its opinion alone`() throws {
    let data = tinyImages(count: 60, seed: 1)
    func trained(byTeacherOf seed: UInt64?) throws -> [String: [UInt32]] {
        var settings = settings(methods[0], epochs: 1)
        settings.batchSize = 20
        if seed != nil { settings.loss = Loss(distillationWeight: 1, temperature: 2) }
        var trainer = Trainer(try tinyNetwork(seed: 2), settings: settings, seed: 7, threads: 1)
        var teacher = try seed.map { try tinyNetwork(seed: $0) }
        let before = teacher?.variableBits
        trainer.runEpoch(on: data, teacher: &teacher)
        #expect(teacher?.variableBits == before)
        return trainer.network.variableBits
    }
    let (first, again) = (try trained(byTeacherOf: 3), try trained(byTeacherOf: 3))
    #expect(first == again)
    #expect(try trained(byTeacherOf: 4) != first)
    #expect(try trained(byTeacherOf: nil) != first)
}

@Test func `steps are counted over all epochs, and progress over batches`() throws {
    var settings = TrainingSettings(epochs: 2, learningRate: 0.1)
    settings.batchSize = 7
    let data = tinyImages(count: 20, seed: 1)
    var trainer = Trainer(try tinyNetwork(seed: 2), settings: settings, seed: 7, threads: 1)
    #expect(trainer.settings.stepsPerEpoch(count: data.count) == 3)
    var (steps, last): ([Int], TrainingProgress?) = ([], nil)
    var teacher: Network?
    for _ in 0..<2 {
        trainer.runEpoch(
            on: data, teacher: &teacher, beforeStep: { step, _ in steps.append(step) },
            progress: { last = $0 })
    }
    #expect(steps == Array(0..<6))
    #expect(last?.batch == 3 && last?.batches == 3 && last?.epoch == 1)
    #expect(last?.loss.isFinite == true)
    #expect(trainer.isDone)
}
