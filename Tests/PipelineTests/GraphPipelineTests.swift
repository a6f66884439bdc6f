import Pipeline
import Testing

/// Networks that are no chains, with batch normalization, through all stages. They are narrow and see
/// few images; what counts is that every stage takes them and the engine computes what they compute.
@Suite struct `A pipeline for graphs` {
    private func pipeline(_ network: String, quantize: String) -> String {
        """
        method: a test
        seed: 5
        data: {set: digits, validation: 100}
        network: {\(network)}
        stages:
          train: {epochs: 1, batch-size: 32, learning-rate: 0.05}
          prune:
            density: {first: 1, last: 0.8, default: 0.5}
            batch-norm-batches: 4
            train: {epochs: 1, batch-size: 32, learning-rate: 0.02}
          quantize:
            \(quantize)
            calibration: 64
            batch-norm-batches: 8
            train: {epochs: 1, batch-size: 32, learning-rate: 0.002}
          encode: {coding: deep-compression}
        """
    }

    @Test(arguments: [
        (
            "architecture: resnet-20, width: 0.25",
            """
            weights: {bits: {first: 8, last: 8, default: 4}, initialization: lsq+}
                activations: {bits: 4, initialization: min-max}
            """
        ),
        (
            "architecture: efficientnet-b0, width: 0.1, stem: cifar",
            """
            weights: {bits: 8, per-channel: true}
                activations: {bits: 8, residual-bits: 7, initialization: min-max}
            """
        ),
    ])
    func `ends in an engine that agrees`(network: String, quantize: String) throws {
        let folder = try TemporaryFolder()
        let report = try runPipeline(
            pipeline(network, quantize: quantize), in: folder, threads: 2)
        let quantized = try #require(report.stages.first { $0.stage == "quantize" })
        let engine = try #require(report.engine)
        #expect(engine.agreement >= 0.995)
        #expect(try #require(engine.agreementInFloat) >= 0.98)
        #expect(abs(engine.top1 - quantized.accuracy.top1) <= 0.0041, "two images of 500")
        #expect(quantized.bytes.stored == report.stages.last?.bytes.stored)
        #expect(report.stages[0].bytes.stored == report.stages[0].bytes.float32)
        #expect(report.stages[0].bytes.float32 == 4 * report.stages[0].parameters.total)
    }
}
