import Foundation
import Importing
import Networks
import Pipeline
import Testing
import Training

@Suite struct `Quantization after training` {
    private func run(_ text: String) throws -> ExperimentResults {
        let folder = try TemporaryFolder()
        let experiment = try Experiment(path: folder.file("after.yaml", text))
        return try ExperimentRunner(
            experiment, build: folder.path + "/build", threads: 1,
            source: try DataSetSource(named: "digits", fixtures: packageFolder + "/Fixtures"),
            display: ProgressDisplay(isSilent: true)
        ).run()
    }

    /// What is said of the pipeline in `text`: each report with float accuracy, its own and the
    /// engine's.
    private func expectClose(
        _ results: ExperimentResults, points: Double, at location: SourceLocation = #_sourceLocation
    ) throws {
        #expect(!results.reports.isEmpty, sourceLocation: location)
        for report in results.reports {
            let report = try #require(report, sourceLocation: location)
            let engine = try #require(report.engine, sourceLocation: location)
            let (float, integer) = (report.stages[0].accuracy.top1, report.stages[1].accuracy.top1)
            #expect(abs(float - integer) <= points / 100, "\(report.pipeline)")
            #expect(engine.agreement >= 0.995, "\(report.pipeline)")
            #expect(abs(engine.top1 - integer) <= 0.0021, "\(report.pipeline): one image of 500")
        }
    }

    @Test func `is within a point of the float network at 8 bits, however it is calibrated`() throws
    {
        let results = try run(
            """
            title: Calibrations
            question: Are all of use?
            seeds: [1]
            pipeline:
              data: {set: digits, validation: 100}
              network: {architecture: digits-cnn}
              stages:
                train: {epochs: 15, batch-size: 32, learning-rate: 0.03}
                quantize: {weights: {bits: 8}, activations: {bits: 8}, calibration: 300}
                encode: {}
            rows:
              min-max: {stages.quantize.activations.calibration: min-max}
              moving average: {stages.quantize.activations.calibration: moving-average}
              percentile:
                stages.quantize.activations.calibration: percentile
                stages.quantize.activations.percentile: 99.9
              least squares: {stages.quantize.activations.calibration: least-squares}
              entropy: {stages.quantize.activations.calibration: entropy}
              corrected: {stages.quantize.bias-correction: true}
              equalized: {stages.quantize.equalization: true}
              both, step per output:
                stages.quantize.bias-correction: true
                stages.quantize.equalization: true
                stages.quantize.weights.per-channel: true
            columns:
              digits: {}
            """)
        #expect(results.reports.count == 8)
        #expect(try #require(results.reports[0]).stages[0].accuracy.top1 > 0.93)
        try expectClose(results, points: 1)
        let calibrations = results.reports.map { $0?.stages[1].calibration }
        #expect(
            calibrations.map { $0?.method } == [
                "min-max", "moving-average", "percentile", "least-squares", "entropy",
                "least-squares", "least-squares", "least-squares",
            ])
        #expect(calibrations.allSatisfy { $0?.images == 300 })
        #expect(calibrations[2]?.percentile == 99.9 && calibrations[0]?.percentile == nil)
        #expect(calibrations[7]?.equalization == true && calibrations[7]?.biasCorrection == true)
        let tables = try #require(results.reports[7]).tables(usesColor: false)
        #expect(
            tables.contains(
                "quantize: calibrated on 300 images by least-squares, channels equalized, "
                    + "biases corrected"))
    }

    @Test func `folds and corrects a residual network`() throws {
        let results = try run(
            """
            title: A graph
            question: Does batch normalization fold?
            seeds: [3]
            pipeline:
              data: {set: digits, validation: 100}
              network: {architecture: resnet-20, width: 0.25}
              stages:
                train: {epochs: 4, batch-size: 32, learning-rate: 0.05}
                quantize: {weights: {bits: 8}, activations: {bits: 8}, calibration: 128}
                encode: {}
            rows:
              corrected: {stages.quantize.bias-correction: true}
              both:
                stages.quantize.bias-correction: true
                stages.quantize.equalization: true
                stages.quantize.activations.calibration: entropy
            columns:
              digits: {}
            """)
        try expectClose(results, points: 2)
    }

    @Test(arguments: [
        (
            "activations: {bits: 6}", "activations: {bits: 6, percentile: 99}",
            "x.yaml:17: stages.quantize.activations.percentile is '99', expected nothing, since it "
                + "belongs to calibration: percentile"
        ),
        (
            "activations: {bits: 6}",
            "activations: {bits: 6, calibration: percentile, percentile: 0.99}",
            "x.yaml:17: stages.quantize.activations.percentile is '0.99', expected a number in "
                + "50...100"
        ),
        (
            "activations: {bits: 6}", "activations: {bits: 6, calibration: kl}",
            "x.yaml:17: stages.quantize.activations.calibration is 'kl', expected one of min-max, "
                + "moving-average, percentile, lsq, least-squares, entropy"
        ),
        (
            "activations: {bits: 6}",
            "activations: {bits: 6, calibration: entropy, initialization: min-max}",
            "x.yaml:17: stages.quantize.activations.initialization is 'min-max', expected nothing, "
                + "since it is another word for calibration"
        ),
        (
            "activations: {bits: 6}", "activations: {bits: 6}\n    bias-correction: true",
            "x.yaml:18: stages.quantize.bias-correction is 'true', expected false, since the stage "
                + "trains"
        ),
    ])
    func `refuses settings that do not go together`(
        old: String, new: String, message: String
    ) throws {
        let folder = try TemporaryFolder()
        let yaml = quickPipeline.replacingOccurrences(of: old, with: new)
        #expect(yaml != quickPipeline)
        do {
            _ = try PipelineFile(path: folder.file("x.yaml", yaml))
            Issue.record("no error")
        } catch {
            #expect("\(error)".replacingOccurrences(of: folder.path + "/", with: "") == message)
        }
    }

    /// Each image is one pixel, its number.
    @Test(arguments: [1, 64, 70, 100, 1000]) func `reads so many images, each once`(
        count: Int
    ) throws {
        let data = LabelledImages(
            shape: [1, 1, 1], pixels: (0..<100).map { UInt8($0) },
            labels: [Int](repeating: 0, count: 100), values: [(0...255).map { Float($0) }])
        let network = try Network(
            name: "one", inputShape: [1, 1, 1], chain: [("relu", Activation(.relu))])
        let images = CalibrationImages(data, count: count, seed: 5)
        #expect(images.count == min(count, 100))
        var (read, again): ([Float], [Float]) = ([], [])
        images.forEachBatch(for: network) { read += $0.elements }
        images.forEachBatch(for: network) { again += $0.elements }
        #expect(read.count == min(count, 100) && Set(read).count == read.count)
        #expect(read == again)
    }
}
