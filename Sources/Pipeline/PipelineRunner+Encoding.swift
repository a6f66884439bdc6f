import Container
import Conversion
import Foundation
import Importing
import Inference
import Networks
import PackedModel
import Quantization
import Tensors
import Training

extension PipelineRunner {
    /// Converts the network to integers, writes the file, reads it back and runs it on the test set.
    func encode(
        _ index: Int, _ data: PipelineData
    ) throws -> StageReport {
        let begin = ContinuousClock.now
        let encoded = try encoded(index, data)
        try removeReports(from: index)
        guard try Container.read(encoded.bytes) == encoded.model else {
            throw PipelineError.noModel(
                path: folder.model, reason: "what was written reads back as another model")
        }
        try AtomicFile.write(encoded.bytes, to: folder.model)
        let engine = try EngineRun(encoded.model, on: data, encoded.test, encoded.testInFloat)
        try measureEarlierStages(before: index, data)
        let sizes = encoded.sizes
        for (layer, tensor) in Self.matched(sizes, encoded.summary)
        where tensor.shape[0] < layer.shape[0] {
            display.say(
                "\(layer.name): \(tensor.shape[0]) of \(layer.shape[0]) outputs are in the file, "
                    + "nothing reads the others")
        }
        if engine.report.agreement < 0.995 {
            display.say(
                "warning: the engine predicts another class than the network on "
                    + "\(((1 - engine.report.agreement) * 100).formatted()) % of the test set")
        }
        return StageReport(
            stage: file.stages[index].name, seconds: (ContinuousClock.now - begin) / .seconds(1),
            accuracy: .init(split: "test", count: data.test.count, top1: engine.report.top1),
            validation: engine.validation.map { .init($0, "validation") },
            parameters: sizes.parameters,
            bytes: .init(float32: sizes.bytes.float32, stored: encoded.bytes.count),
            layers: Self.layers(sizes, encoded.summary),
            engine: engine.report)
    }

    /// Measures earlier stages again that ran while `encode` had other settings, if their checkpoints are
    /// still there. Their reports keep their dates: nothing that was made of them is out of date.
    private func measureEarlierStages(before index: Int, _ data: PipelineData) throws {
        for earlier in 0..<index {
            let path = folder.report(file.stages[earlier].name)
            guard var report = try? StageReport(contentsOf: path),
                report.coding != file.codingDigest,
                var network = try? result(ofStage: earlier, for: index, data)
            else { continue }
            network.updateEffective(threads: threads)
            report.replaceSizes(
                by: try NetworkSizes(
                    of: network, encoding(of: network, data),
                    float32Bytes: float32Bytes(before: earlier)))
            report.coding = file.codingDigest
            let manager = FileManager.default
            let date = try manager.attributesOfItem(atPath: path)[.modificationDate]
            try report.write(to: path)
            try date.map { try manager.setAttributes([.modificationDate: $0], ofItemAtPath: path) }
        }
    }

    /// A network's file, and what the network says that the file should say, too.
    private struct Encoded {
        let model: PackedModel
        let bytes: [UInt8]
        let summary: ContainerSummary
        let sizes: NetworkSizes
        /// Exactly, unless the network is in floats.
        let test: Evaluation
        let testInFloat: Evaluation
    }

    /// The network itself is gone when the file is read and run.
    private func encoded(_ index: Int, _ data: PipelineData) throws -> Encoded {
        var network = try input(index, data)
        let test = evaluation(of: &network, on: data.test)
        let encoding = try encoding(of: network, data)
        let model = try PackedModel(
            converting: network, normalization: encoding.normalization,
            classNames: encoding.classNames)
        let (bytes, summary) = try Container.write(model, options: encoding.options)
        let sizes = try NetworkSizes(
            of: network, encoding, file: summary, float32Bytes: float32Bytes(before: index))
        let exact = model.isFloat ? nil : ExactNetwork(network)
        precondition(model.isFloat || exact != nil, "what was converted has quantized weights")
        return Encoded(
            model: model, bytes: bytes, summary: summary, sizes: sizes,
            test: exact?.evaluate(on: data.test, threads: threads) ?? test, testInFloat: test)
    }

    /// The layers of the file, those included that conversion has made.
    private static func layers(
        _ sizes: NetworkSizes, _ summary: ContainerSummary
    ) -> [StageReport.Layer] {
        let known = Dictionary(uniqueKeysWithValues: sizes.layers.map { ($0.name, $0) })
        return summary.tensors.map { tensor in
            let made = StageReport.Layer(
                name: tensor.name, shape: tensor.shape, weights: tensor.weights,
                nonzero: tensor.nonzeros, weightBits: 1, bytes: tensor.bytes)
            return StageReport.Layer(known[tensor.name] ?? made, tensor)
        }
    }

    /// Layers of the network beside what has become of them.
    private static func matched(
        _ sizes: NetworkSizes, _ summary: ContainerSummary
    ) -> [(layer: StageReport.Layer, tensor: TensorSummary)] {
        sizes.layers.compactMap { layer in
            summary.tensors.first { $0.name == layer.name }.map { (layer, $0) }
        }
    }

    /// How the pipeline's `encode` stage writes a network.
    func encoding(of network: Network, _ data: PipelineData) throws -> Encoding {
        var encoding = Encoding(
            options: EncodingOptions(),
            normalization: InputNormalization(data.normalization), classNames: data.classNames)
        guard let stage = file.stages.last, case .encode(let settings) = stage.settings,
            settings.coding == .deepCompression
        else { return encoding }
        let context = StageContext(
            data: data, seed: 0, threads: threads, steps: 0, augmentation: nil,
            place: file.path, stage: stage.name)
        let bits = try settings.indexBits.resolved(
            for: network.weightedLayers, key: "index-bits", context)
        // By rows or by columns, as the paper's §2 has it: whichever is smaller.
        encoding.options.modes = bits.mapValues { .deepCompression(indexBits: $0.rawValue) }
        return encoding
    }
}

/// What a file holds besides the network, and how it is coded.
struct Encoding {
    var options: EncodingOptions
    var normalization: InputNormalization
    var classNames: [String]
}

/// The engine on the test set, beside what the fake-quantized network says of it, and on the images that
/// are set aside.
struct EngineRun {
    let report: StageReport.Engine
    let validation: Evaluation?

    init(
        _ model: PackedModel, on data: PipelineData, _ expected: Evaluation, _ inFloat: Evaluation
    ) throws {
        let engine = try Engine(model)
        let images = data.test
        let begin = ContinuousClock.now
        let predictions = engine.predict(pixels: images.pixels)
        let seconds = (ContinuousClock.now - begin) / .seconds(1)
        let evaluation = Evaluation(predictions: predictions, labels: images.labels)
        report = StageReport.Engine(
            top1: evaluation.top1, agreement: evaluation.agreement(with: expected),
            agreementInFloat: evaluation.agreement(with: inFloat), isa: engine.plan.instructionSet,
            microsecondsPerSample: seconds / Double(images.count) * 1e6)
        let others = data.validation
        validation =
            others.count == 0
            ? nil
            : Evaluation(predictions: engine.predict(pixels: others.pixels), labels: others.labels)
    }
}

extension InputNormalization {
    init(_ normalization: PixelNormalization) {
        self.init(
            pixelScale: normalization.pixelScale, mean: normalization.mean,
            deviation: normalization.deviation)
    }
}

extension StageReport.Layer {
    /// A layer of the file: sizes before encoding say the bits and how many weights there were, the
    /// container's summary what is left of them, and the bytes.
    fileprivate init(_ layer: StageReport.Layer, _ tensor: TensorSummary) {
        self = layer
        nonzero = tensor.nonzeros
        coding = tensor.mode.description
        if case .deepCompression(let bits) = tensor.mode { indexBits = bits }
        weightBitsCoded = tensor.weightBitsCoded
        indexBitsCoded = tensor.indexBitsCoded
        if tensor.mode == .joint, tensor.nonzeros > 0 {
            jointBitsCoded =
                Double(tensor.parts.pairBits + tensor.parts.gapBits) / Double(tensor.nonzeros)
        }
        bytes = tensor.bytes
        entropyBoundBytes = tensor.entropyBoundBytes
    }
}
