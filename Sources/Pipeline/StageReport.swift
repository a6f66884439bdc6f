import Foundation
import Tensors
import Training

/// What a stage did and what came of it; `report.json` in the stage's folder.
public struct StageReport: Codable, Sendable, Equatable {
    public struct Accuracy: Codable, Sendable, Equatable {
        /// `test` or `validation`.
        public var split: String
        public var count: Int
        /// The share of images whose predicted class is the label.
        public var top1: Double

        init(split: String, count: Int, top1: Double) {
            (self.split, self.count, self.top1) = (split, count, top1)
        }

        init(_ evaluation: Evaluation, _ split: String) {
            self.init(split: split, count: evaluation.count, top1: evaluation.top1)
        }
    }

    public struct Parameters: Codable, Sendable, Equatable {
        /// Weights and biases.
        public var total: Int
        public var nonzero: Int
    }

    public struct Bytes: Codable, Sendable, Equatable {
        /// 4 bytes for each parameter of the network that the pipeline started with.
        public var float32: Int
        /// The file's size after `encode`; before it, what the network would take if it were encoded
        /// now: positions, codes, tables, codebooks, scales, biases, headers.
        public var stored: Int
    }

    public struct Layer: Codable, Sendable, Equatable {
        public var name: String
        /// `[outputs, inputs]` or `[outputs, channels, kernelHeight, kernelWidth]`
        public var shape: [Int]
        public var weights: Int
        public var nonzero: Int
        /// Bits of a weight's code; 16 in half precision, 32 where it is a float.
        public var weightBits: Int
        /// Bits of the activations that the layer reads; none where they are floats.
        public var activationBits: Int?
        /// After entropy coding, a nonzero weight on average.
        public var weightBitsCoded: Double?
        /// Bits of a relative index, where the coding has a fixed one.
        public var indexBits: Int?
        public var indexBitsCoded: Double?
        /// Where codes and positions are coded as one symbol: bits of the pair.
        public var jointBitsCoded: Double?
        /// The coding that was the smallest, after `encode`.
        public var coding: String?
        public var bytes: Int
        /// `(nnz · H(code) + n · h(density)) / 8`: what no coding can beat that takes weights for
        /// independent; one that uses how nonzeros cluster can.
        public var entropyBoundBytes: Int?

        public var density: Double { Double(nonzero) / Double(max(weights, 1)) }
    }

    public struct Engine: Codable, Sendable, Equatable {
        public var top1: Double
        /// The share of test images on which engine and fake-quantized network predict the same; the
        /// network computed exactly (`ExactNetwork`) where it is in integers.
        public var agreement: Double
        /// The same with the network's forward pass in `Float`, whose sums depend on their order. Reports
        /// without it are of a network in floats, or are older: there `agreement` is this figure.
        public var agreementInFloat: Double?
        public var isa: String
        /// Of batches on one thread.
        public var microsecondsPerSample: Double
    }

    /// What the grids of activations were chosen by, or started from.
    public struct Calibration: Codable, Sendable, Equatable {
        /// How many training images; their labels are not read.
        public var images: Int
        /// The word of the pipeline file.
        public var method: String
        public var percentile: Double?
        public var equalization: Bool
        public var biasCorrection: Bool
    }

    public var stage: String
    public var seconds: Double
    public var peakMemoryBytes: Int
    /// On the test set; no choice is made by it.
    public var accuracy: Accuracy
    /// On the samples that are set aside for choices, where the pipeline sets some aside.
    public var validation: Accuracy?
    public var parameters: Parameters
    public var bytes: Bytes
    public var compressionRatio: Double
    public var layers: [Layer]
    /// Of the stage `quantize`, if it trains nothing.
    public var calibration: Calibration?
    /// Of the stage `encode`.
    public var engine: Engine?
    /// Of the settings that the stage ran with, as `PipelineFile.settingsDigest(ofStage:)` makes it.
    var settings: String?
    /// Of the settings of `encode` that sizes before it are measured by.
    var coding: String?

    /// Pretty JSON with sorted keys, so that the same report is the same bytes.
    public func write(to path: String) throws { try writeJSON(self, to: path) }

    public init(contentsOf path: String) throws { self = try readJSON(path) }

    init(
        stage: String, seconds: Double, accuracy: Accuracy, validation: Accuracy?,
        parameters: Parameters, bytes: Bytes, layers: [Layer], calibration: Calibration? = nil,
        engine: Engine? = nil
    ) {
        self.stage = stage
        self.seconds = seconds
        peakMemoryBytes = Self.peakMemory
        self.accuracy = accuracy
        self.validation = validation
        self.parameters = parameters
        self.bytes = bytes
        compressionRatio = Double(bytes.float32) / Double(max(bytes.stored, 1))
        self.layers = layers
        self.calibration = calibration
        self.engine = engine
    }

    /// Puts other sizes in the place of those that were measured.
    mutating func replaceSizes(by sizes: NetworkSizes) {
        (parameters, bytes, layers) = (sizes.parameters, sizes.bytes, sizes.layers)
        compressionRatio = Double(bytes.float32) / Double(max(bytes.stored, 1))
    }

    /// The most memory that this process has had, in bytes.
    static var peakMemory: Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return Int(usage.ru_maxrss) * 1024
    }
}

/// All stages of a pipeline in order; `report.json` in the pipeline's folder.
public struct PipelineReport: Codable, Sendable, Equatable {
    public var pipeline: String
    public var method: String
    public var seed: UInt64
    public var stages: [StageReport]
    public var engine: StageReport.Engine?
    /// What a reader has to know of these figures, such as that they are of an earlier version.
    public var note: String?

    /// Collects the reports of the stages that have run.
    public init(_ file: PipelineFile, folder: PipelineFolder) throws {
        pipeline = file.name
        method = file.method
        seed = file.seed
        stages = []
        for stage in file.stages {
            let path = folder.report(stage.name)
            guard FileManager.default.fileExists(atPath: path) else { break }
            stages.append(try StageReport(contentsOf: path))
        }
        guard !stages.isEmpty else { throw PipelineError.missingReport(path: folder.root) }
        engine = stages.last?.engine
    }

    public init(contentsOf path: String) throws { self = try readJSON(path) }

    public func write(to path: String) throws { try writeJSON(self, to: path) }

    /// Writes the report as a web page.
    public func writePage(to path: String) throws {
        try AtomicFile.write(Array(html().utf8), to: path)
    }
}

func writeJSON(_ value: some Encodable, to path: String) throws {
    try AtomicFile.write(Array(jsonText(value).utf8), to: path)
}

/// Pretty JSON with sorted keys and a newline at its end.
public func jsonText(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
}

func readJSON<Value: Decodable>(_ path: String) throws -> Value {
    guard let data = FileManager.default.contents(atPath: path) else {
        throw PipelineError.missingReport(path: path)
    }
    do {
        return try JSONDecoder().decode(Value.self, from: data)
    } catch {
        throw PipelineError.noModel(
            path: path, reason: "not a report of shrink: " + jsonReason(error))
    }
}
