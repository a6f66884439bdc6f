import Foundation
import Networks
import Tensors
import Testing
import Training

/// A checkpoint of a training in the middle, with parametrizations.
func unfinishedCheckpoint(method: Optimizer.Method) throws -> Checkpoint {
    var settings = TrainingSettings(epochs: 2, learningRate: 0.01)
    settings.method = method
    var trainer = Trainer(
        try tinyNetwork(seed: 5, parametrized: true), settings: settings, seed: 1, threads: 1)
    var teacher: Network?
    trainer.runEpoch(on: tinyImages(count: 50, seed: 2), teacher: &teacher)
    return Checkpoint(trainer, notes: ["stage": "prune"])
}

private func read(_ file: Safetensors) throws -> Checkpoint {
    try Checkpoint(Safetensors(file.encoded()), path: "f", vocabulary: vocabulary)
}

@Test(arguments: [false, true])
func `a network is read as it was written`(parametrized: Bool) throws {
    let network = try tinyNetwork(seed: 3, parametrized: parametrized)
    let copy = try read(Checkpoint(network, notes: ["a": "b"]).encoded())
    #expect(copy.notes == ["a": "b"])
    #expect(copy.training == nil)
    #expect(copy.network.name == "tiny")
    #expect(copy.network.inputShape == [6, 6, 1])
    #expect(copy.network.nodes.map(\.name) == network.nodes.map(\.name))
    #expect(copy.network.nodes.map(\.inputs) == network.nodes.map(\.inputs))
    #expect(copy.network.variableBits == network.variableBits)
    var (first, second, pass) = (network, copy.network, Pass(isTraining: false))
    let x = tinyImages(count: 4, seed: 9).batch(0..<4)
    #expect(first.forward(x, pass: &pass).bits == second.forward(x, pass: &pass).bits)
}

@Test func `a parameter that is read decays as before`() throws {
    var network = try read(Checkpoint(tinyNetwork(seed: 3, parametrized: true)).encoded()).network
    var decays: [String: Bool] = [:]
    network.visitVariables { decays[$0] = $1.decays }
    #expect(
        decays == [
            "conv.weight": true, "conv.bias": false, "fc.weight": true, "fc.weight.factor": false,
            "fc.bias": false,
        ])
}

@Test func `a training in the middle keeps its optimizer`() throws {
    for method in [
        .sgd(momentum: 0.9, nesterov: false), .adam(beta1: 0.9, beta2: 0.99, epsilon: 1e-8),
    ] as [Optimizer.Method] {
        let checkpoint = try unfinishedCheckpoint(method: method)
        let training = try #require(try read(checkpoint.encoded()).training)
        #expect(training.epoch == 1)
        #expect(training.step == 1)
        #expect(training.moments == checkpoint.training?.moments)
        #expect(training.moments.count == 5)
    }
}

@Test func `the same checkpoint gives the same bytes`() throws {
    let checkpoint = try unfinishedCheckpoint(method: .sgd(momentum: 0.9, nesterov: false))
    let bytes = try checkpoint.encoded().encoded()
    #expect(try checkpoint.encoded().encoded() == bytes)
    #expect(try read(checkpoint.encoded()).encoded().encoded() == bytes)
}

/// ONNX names nodes so.
@Test func `moments of a layer with slashes in its name are found again`() throws {
    let network = try Network(
        name: "n", inputShape: [6, 6, 1],
        chain: [("/flatten", Flatten()), ("/block/fc", Linear(inputs: 36, outputs: 3))])
    var trainer = Trainer(
        network, settings: TrainingSettings(epochs: 1, learningRate: 0.1), seed: 1, threads: 1)
    var teacher: Network?
    trainer.runEpoch(on: tinyImages(count: 10, seed: 2), teacher: &teacher)
    let moments = try #require(read(Checkpoint(trainer).encoded()).training?.moments)
    #expect(moments.keys.sorted() == ["/block/fc.bias", "/block/fc.weight"])
    #expect(moments == trainer.optimizer.moments)
}

@Test func `a training goes on after a change of its method`() throws {
    let checkpoint = try unfinishedCheckpoint(method: .sgd(momentum: 0.9, nesterov: false))
    var settings = TrainingSettings(epochs: 2, learningRate: 0.01)
    settings.method = .adam(beta1: 0.9, beta2: 0.99, epsilon: 1e-8)
    var trainer = try read(checkpoint.encoded()).trainer(settings: settings, seed: 1, threads: 1)
    var teacher: Network?
    trainer.runEpoch(on: tinyImages(count: 50, seed: 2), teacher: &teacher)
    #expect(trainer.isDone)
    #expect(trainer.optimizer.moments["fc.weight"]?.count == 2)
}
