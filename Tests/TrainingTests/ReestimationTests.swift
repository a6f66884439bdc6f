import Networks
import Tensors
import Testing
import Training

struct ReestimationTests {
    /// Images of 1 × 2 pixels and one channel; pixel `p` is the number `p`.
    private func images(_ pixels: [UInt8]) -> LabelledImages {
        LabelledImages(
            shape: [1, 1, 2], pixels: pixels, labels: Array(repeating: 0, count: pixels.count / 2),
            values: [(0...255).map { Float($0) }])
    }

    private func network(momentum: Float = 0.1, width: Int = 2) throws -> Network {
        var layer = BatchNormalization(channels: 1, momentum: momentum)
        layer.runningMean[0] = 77
        layer.runningVariance[0] = 99
        return try Network(
            name: "one", inputShape: [1, width, 1],
            chain: [("dropout", Dropout(rate: 0.5)), ("bn", layer)])
    }

    @Test func `one batch gives its own mean and unbiased variance`() throws {
        var network = try network()
        network.reestimateBatchNormalization(
            on: images([1, 2, 3, 6]), batches: 5, batchSize: 2, seed: 1, threads: 1)
        let layer = try #require(network.nodes[1].layer as? BatchNormalization)
        #expect(layer.runningMean[0] == 3)
        // ((−2)² + 1² + 0 + 3²) / 3
        #expect(abs(layer.runningVariance[0] - 14 / 3) < 1e-6)
        #expect(layer.momentum == 0.1, "the layer is otherwise what it was")
        #expect((network.nodes[0].layer as? Dropout)?.rate == 0.5)
    }

    /// Batches of one image; which image is in which does not matter when all are used.
    @Test(arguments: [Float(0), 0.1, 1])
    func `several batches give the mean of their statistics, whatever the momentum`(
        momentum: Float
    ) throws {
        var network = try network(momentum: momentum)
        network.reestimateBatchNormalization(
            on: images([1, 3, 10, 20, 5, 5]), batches: 3, batchSize: 1, seed: 4, threads: 2)
        let layer = try #require(network.nodes[1].layer as? BatchNormalization)
        #expect(abs(layer.runningMean[0] - (2 + 15 + 5) / 3) < 1e-5)
        #expect(abs(layer.runningVariance[0] - (2 + 50 + 0) / 3) < 1e-5)
    }

    @Test func `batches of one position leave the statistics as they are`() throws {
        var network = try network(width: 1)
        let images = LabelledImages(
            shape: [1, 1, 1], pixels: [4, 6], labels: [0, 0], values: [(0...255).map { Float($0) }])
        func statistics(batchSize: Int) throws -> [Float] {
            network.reestimateBatchNormalization(
                on: images, batches: 2, batchSize: batchSize, seed: 1, threads: 1)
            let layer = try #require(network.nodes[1].layer as? BatchNormalization)
            return [layer.runningMean[0], layer.runningVariance[0]]
        }
        #expect(try statistics(batchSize: 1) == [77, 99])
        #expect(try statistics(batchSize: 2) == [5, 2])
    }

    @Test func `no batches leave all as it is`() throws {
        var network = try network()
        network.reestimateBatchNormalization(
            on: images([1, 2]), batches: 0, batchSize: 2, seed: 1, threads: 1)
        let layer = try #require(network.nodes[1].layer as? BatchNormalization)
        #expect(layer.runningMean[0] == 77 && layer.runningVariance[0] == 99)
        #expect(network.hasBatchNormalization)
    }
}
