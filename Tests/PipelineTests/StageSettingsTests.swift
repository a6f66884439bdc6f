import Pipeline
import Testing

/// Pipelines of one epoch a stage: every setting runs through, and the engine computes what the
/// network computed. Accuracies only show that the network has not gone blind.
@Suite struct `One epoch a stage with` {
    private static let train = "epochs: 1, batch-size: 32, learning-rate"

    private func pipeline(
        train: String = "{\(Self.train): 0.03}",
        prune: String = "{density: 0.5, train: {\(Self.train): 0.01}}",
        share: String = "{bits: 5, train: {\(Self.train): 0.0005}}",
        quantize: String = "{weights: {bits: 6}, activations: {bits: 6}}"
    ) -> String {
        """
        method: a test
        seed: 11
        data: {set: digits, validation: 100}
        network: {architecture: digits-cnn, dropout: 0.1}
        stages:
          train: \(train)
          prune: \(prune)
          share: \(share)
          quantize: \(quantize.dropLast()), train: {\(Self.train): 0.0005}}
          encode: {coding: smallest}
        """
    }

    /// On 500 images, of which at most two may lie so close to a border that rounding decides.
    @discardableResult
    private func expectAgreement(
        _ yaml: String, at location: SourceLocation = #_sourceLocation
    ) throws -> PipelineReport {
        let report = try runPipeline(yaml, in: TemporaryFolder())
        #expect(report.stages.count == 5, sourceLocation: location)
        let engine = try #require(report.engine, sourceLocation: location)
        #expect(engine.agreement >= 0.995, sourceLocation: location)
        // Ten classes: a network that says the same of everything is right one time in ten.
        #expect(engine.top1 > 0.5, sourceLocation: location)
        return report
    }

    @Test(arguments: [
        "epochs: 1, optimizer: adam, learning-rate: 0.003",
        "\(train): 0.03, nesterov: true",
        "\(train): 0.03, momentum: 0.5",
        "\(train): 0.03, schedule: {at: [0.5], factor: 0.1}",
        "\(train): 0.03, schedule: constant",
        "\(train): 0.03, schedule: cosine, warm-up: 0.2",
        "\(train): 0.03, label-smoothing: 0.1",
    ]) func `ways to train`(settings: String) throws {
        try expectAgreement(pipeline(train: "{\(settings)}"))
    }

    @Test(arguments: ["lsq", "lsq+", "least-squares", "maximum"])
    func `first steps of weights`(initialization: String) throws {
        try expectAgreement(
            pipeline(
                quantize:
                    "{weights: {bits: 6, initialization: \(initialization)}, activations: {bits: 6}}"
            ))
    }

    @Test(arguments: 1...4, ["min-max", "least-squares"])
    func `placings of the grid of activations`(configuration: Int, initialization: String) throws {
        try expectAgreement(
            pipeline(
                quantize: """
                    {weights: {bits: 6}, activations: {bits: 6, configuration: \(configuration), \
                    initialization: \(initialization)}}
                    """))
    }

    @Test(arguments: ["linear", "density", "random"])
    func `first centroids`(initialization: String) throws {
        try expectAgreement(
            pipeline(
                share: """
                    {bits: 5, initialization: \(initialization), train: {\(Self.train): 0.0005}}
                    """))
    }

    @Test(arguments: ["one-shot", "iterative", "cubic"])
    func `weights that may come back`(schedule: String) throws {
        let report = try expectAgreement(
            pipeline(
                prune: """
                    {density: 0.25, schedule: \(schedule), interval: 5, regrow: true, \
                    train: {\(Self.train): 0.01}}
                    """))
        for layer in report.stages[1].layers {
            #expect(layer.nonzero == layer.weights / 4, "\(layer.name)")
        }
    }

    /// Counts of weights are multiples of 16, so that these densities are whole numbers of weights.
    @Test(arguments: [1, 3, 4, 100])
    func `iterative pruning to the densities that were asked for`(steps: Int) throws {
        let densities = ["conv1": 0.75, "conv2": 0.25, "fc1": 0.125, "fc2": 0.5]
        let text = densities.map { "\($0.key): \($0.value)" }.sorted().joined(separator: ", ")
        let report = try expectAgreement(
            pipeline(
                prune: """
                    {density: {\(text)}, schedule: iterative, steps: \(steps), \
                    train: {\(Self.train): 0.01}}
                    """))
        let pruned = report.stages[1]
        #expect(pruned.layers.map(\.name) == ["conv1", "conv2", "fc1", "fc2"])
        for layer in pruned.layers {
            let density = try #require(densities[layer.name])
            #expect(Double(layer.nonzero) == density * Double(layer.weights), "\(layer.name)")
        }
    }
}
