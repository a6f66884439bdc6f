import Foundation
import Importing
import Networks
import Pruning
import Quantization
import Tensors
import Training
import WeightSharing

extension Vocabulary {
    /// Everything that a checkpoint of a pipeline may name.
    public static let pipeline = Vocabulary.standard.adding(
        layers: [
            ActivationQuantizer.self, PACTQuantizer.self, EWGSActivationQuantizer.self,
            DynamicQuantizer.self,
        ],
        parametrizations: [
            Mask.self, Codebook.self, WeightQuantizer.self, DoReFaWeightQuantizer.self,
            EWGSWeightQuantizer.self, BiasQuantizer.self, HalfRounding.self,
        ])
}

/// Runs single stages of a pipeline. A stage reads the checkpoint of the one before it and leaves a
/// checkpoint and a report; a stage that was killed goes on from its last finished epoch.
public struct PipelineRunner {
    public let file: PipelineFile
    public let folder: PipelineFolder
    let threads: Int
    let display: ProgressDisplay
    let source: DataSetSource

    /// Between two writes of a training in the middle, which happen at ends of epochs.
    let saveInterval: Duration

    public init(
        _ file: PipelineFile, folder: PipelineFolder, source: DataSetSource? = nil,
        threads: Int = ProcessInfo.processInfo.activeProcessorCount,
        saveInterval: Duration = .seconds(10), display: ProgressDisplay = ProgressDisplay()
    ) throws {
        self.file = file
        self.folder = folder
        self.threads = threads
        self.saveInterval = saveInterval
        self.display = display
        self.source =
            try source ?? DataSetSource(nameOrFolder: file.data.set, classes: file.data.classes)
    }

    /// Runs one stage, whether or not its results are there already.
    @discardableResult
    public func run(stage name: String) throws -> StageReport {
        // An error stands on a line of its own.
        defer { display.clear() }
        let index = try file.stageIndex(named: name)
        let stage = file.stages[index]
        try folder.create(name)
        for path in [folder.checkpoint(name), folder.partial(name), folder.model] {
            AtomicFile.removeRemains(of: path)
        }
        let data = try readData(index)
        var report =
            switch stage.settings {
            case .encode: try encode(index, data)
            default: try train(index, data)
            }
        report.settings = file.settingsDigest(ofStage: index)
        report.coding = file.codingDigest
        try report.write(to: folder.report(name))
        try PipelineReport(file, folder: folder).write(to: folder.report)
        try? FileManager.default.removeItem(atPath: folder.partial(name))
        display.say(report.summary(total: file.stages.count, number: index + 1))
        warnOfCollapse(report, index, classCount: data.classCount)
        return report
    }

    /// The data for the pipeline's network, which is looked at with all stages' settings. Its file may be
    /// large: it is read once for its shape and its layers, and the first stage reads it again for weights.
    private func readData(_ index: Int) throws -> PipelineData {
        let imported = try file.network.imported()
        let data = try PipelineData(source, file.data, for: imported) { done, total in
            display.line("reading \(file.data.set): \(done) of \(total) images")
        }
        if index == 0 {
            for note in [imported?.leftOutNote, data.normalization.unitNote] {
                if let note { display.say(note) }
            }
        }
        try checkLayerNames(of: blankNetwork(imported, data))
        return data
    }

    /// Looks at all stages' settings, so that a misspelt or forgotten layer stops the first stage, not
    /// the last.
    private func checkLayerNames(of network: Network) throws {
        var layers = network.weightedLayers
        for stage in file.stages {
            let known = layers + ["first", "last", "default"]
            for (key, names) in stage.settings.layerNames {
                if let name = names.first(where: { !known.contains($0) }) {
                    throw PipelineError.unknownLayer(
                        file: file.path, stage: stage.name, key: key, found: name, known: known)
                }
            }
            for (key, covers) in stage.settings.neededLayers {
                if let layer = layers.first(where: { !covers($0, layers) }) {
                    throw PipelineError.layerWithoutValue(
                        file: file.path, stage: stage.name, key: key, layer: layer)
                }
            }
            if case .factorize(let settings) = stage.settings {
                try settings.requirePlainWeights(of: network)
                layers = try settings.layerNames(behind: layers, of: network)
            }
        }
    }

    /// The pipeline's network without its weights, where those take time to make or to read.
    private func blankNetwork(
        _ imported: NetworkImport?, _ data: PipelineData
    ) throws -> Network {
        do {
            return try file.network.blankNetwork(
                imported, inputShape: data.train.inputShape, classes: data.classCount)
        } catch PipelineError.networkDoesNotFit(let path, let found, let expected) {
            if data.classNames.isEmpty, found[0] == expected[0], found[1].count == 1,
                let range = DataSet.labelsFromOne(data.train.labels, classCount: found[1][0])
            {
                throw DataSetError.labelsFromOne(dataSet: file.data.set, found: range)
            }
            throw PipelineError.networkDoesNotFit(path: path, found: found, expected: expected)
        }
    }

    /// Takes away the results of this stage and of later ones, which are out of date from now on, so
    /// that no report can mix old and new, and the unfinished trainings of later ones, which began with
    /// another network. Called when nothing is left that could refuse the stage.
    func removeReports(from index: Int) throws {
        var paths = [folder.report, folder.page, folder.model]
        paths += file.stages[index...].map { folder.report($0.name) }
        paths += file.stages[(index + 1)...].map { folder.partial($0.name) }
        for path in paths { try PipelineFolder.remove(path) }
    }

    /// A training can collapse to one class while its loss stays a number, and a network that reads
    /// other numbers than it was trained on guesses. Only what choices may be made on tells.
    private func warnOfCollapse(_ report: StageReport, _ index: Int, classCount: Int) {
        // The stage 'encode' changes nothing.
        guard let training = file.stages[index].settings.training, let now = report.validation?.top1
        else {
            return
        }
        let before =
            index > 0
            ? (try? StageReport(contentsOf: folder.report(file.stages[index - 1].name)))?
                .validation?.top1 : nil
        if let text = collapseWarning(
            stage: report.stage, from: before, to: now, classCount: classCount,
            trains: training.epochs > 0)
        {
            display.say(text)
        }
    }

    // MARK: Stages that train

    private func train(_ index: Int, _ data: PipelineData) throws -> StageReport {
        var (network, seconds) = try trained(index, data)
        let begin = ContinuousClock.now
        let stage = file.stages[index]
        let test = evaluation(of: &network, on: data.test)
        let validation =
            data.validation.count == 0 ? nil : evaluation(of: &network, on: data.validation)
        let sizes = try NetworkSizes(
            of: network, encoding(of: network, data), float32Bytes: float32Bytes(before: index))
        var notes = [
            "key": file.key(ofStage: index),
            PixelNormalization.noteName: try data.normalization.note(),
            Checkpoint.validationNote: "\(data.validation.count)", "data": data.digest,
        ]
        if !data.classNames.isEmpty {
            notes[Checkpoint.classesNote] = try Checkpoint.note(ofClasses: data.classNames)
        }
        try Checkpoint(network, notes: notes).write(to: folder.checkpoint(stage.name))
        seconds += (ContinuousClock.now - begin) / .seconds(1)
        return StageReport(
            stage: stage.name, seconds: seconds,
            accuracy: .init(test, "test"), validation: validation.map { .init($0, "validation") },
            parameters: sizes.parameters, bytes: sizes.bytes, layers: sizes.layers,
            calibration: stage.settings.calibration(imageCount: data.train.count))
    }

    /// 4 bytes for each parameter of the network that the pipeline started with, which every ratio is
    /// against; `nil` for the first stage, or where its report is gone.
    func float32Bytes(before index: Int) -> Int? {
        guard index > 0 else { return nil }
        return (try? StageReport(contentsOf: folder.report(file.stages[0].name)))?.bytes.float32
    }

    /// What a network says of images. Its memory for steps is given back.
    func evaluation(of network: inout Network, on images: LabelledImages) -> Evaluation {
        network.releaseStepMemory()
        defer { network.releaseStepMemory() }
        return network.evaluate(on: images, threads: threads)
    }

    /// The network at the end of a stage, and the seconds that went into it over all runs. The
    /// optimizer's memory is gone by then.
    private func trained(
        _ index: Int, _ data: PipelineData
    ) throws -> (network: Network, seconds: Double) {
        let stage = file.stages[index]
        let settings = stage.settings.training!
        guard data.train.inputShape.count == 3 || settings.maximalShift == 0 && !settings.flips
        else {
            throw PipelineError.augmentedFeatures(stage: stage.name)
        }
        let method = Self.method(stage.settings)
        let input = inputDigests(index, data)
        var work =
            try resumed(index, settings, input, data) ?? started(index, settings, method, data)
        let context = context(index, settings, data)
        var teacher = try teacher(settings, index, data)
        try removeReports(from: index)
        let clock = ContinuousClock()
        var (begin, lastSave) = (clock.now, clock.now)
        while !work.trainer.isDone {
            work.trainer.runEpoch(
                on: data.train, teacher: &teacher,
                beforeStep: { method.beforeStep($0, &$1, context) },
                afterBackward: { method.afterBackward($0, &$1, context) },
                progress: { display.show(stage.name, $0) })
            let now = clock.now
            work.seconds += (now - begin) / .seconds(1)
            guard work.trainer.lastLoss.isFinite else {
                throw PipelineError.diverged(stage: stage.name, epoch: work.trainer.epoch)
            }
            begin = now
            if now - lastSave >= saveInterval && !work.trainer.isDone {
                try save(work, index, input)
                lastSave = now
            }
        }
        // Each loss is of before its step: none has seen what the last one did.
        guard work.trainer.epoch == 0 || work.trainer.network.isFinite else {
            throw PipelineError.diverged(stage: stage.name, epoch: work.trainer.epoch)
        }
        try method.finish(&work.trainer.network, context)
        return (work.trainer.network, work.seconds + (clock.now - begin) / .seconds(1))
    }

    /// A training and the seconds that went into it, over all runs.
    private struct Work {
        var trainer: Trainer
        var seconds: Double
    }

    private static func method(_ settings: StageSettings) -> any StageMethod {
        switch settings {
        case .train, .encode: TrainMethod()
        case .factorize(let settings): FactorizeMethod(settings: settings)
        case .prune(let settings): PruneMethod(settings: settings)
        case .share(let settings): ShareMethod(settings: settings)
        case .quantize(let settings): QuantizeMethod(settings: settings)
        case .quantizeWeights(let settings): FloatModeMethod(settings: settings)
        }
    }

    private func context(
        _ index: Int, _ settings: TrainingSettings, _ data: PipelineData
    ) -> StageContext {
        return StageContext(
            data: data, seed: seed(index), threads: threads,
            steps: settings.stepsPerEpoch(count: data.train.count) * settings.epochs,
            augmentation: file.augmentation(upTo: index),
            place: file.path, stage: file.stages[index].name, say: { display.say($0) })
    }

    /// Each stage draws its own random numbers.
    private func seed(_ index: Int) -> UInt64 { file.seed &* 1000 &+ UInt64(index) }

    private func started(
        _ index: Int, _ settings: TrainingSettings, _ method: any StageMethod, _ data: PipelineData
    ) throws -> Work {
        let begin = ContinuousClock.now
        var network = try input(index, data)
        try method.prepare(&network, context(index, settings, data))
        let trainer = Trainer(network, settings: settings, seed: seed(index), threads: threads)
        return Work(trainer: trainer, seconds: (ContinuousClock.now - begin) / .seconds(1))
    }

    /// A training that was killed, if its settings are still those of the file, and the network that it
    /// began with and its images are still there. Which ones those were, files of earlier versions do
    /// not say.
    private func resumed(
        _ index: Int, _ settings: TrainingSettings, _ input: InputDigests, _ data: PipelineData
    ) throws -> Work? {
        let path = folder.partial(file.stages[index].name)
        guard FileManager.default.fileExists(atPath: path),
            let checkpoint = try? Checkpoint(contentsOf: path, vocabulary: .pipeline),
            checkpoint.notes["key"] == file.key(ofStage: index),
            checkpoint.notes["input"] == nil || checkpoint.notes["input"] == input.files,
            checkpoint.notes["data"] == nil || checkpoint.notes["data"] == input.images,
            fits(checkpoint.network, data)
        else { return nil }
        let trainer = checkpoint.trainer(settings: settings, seed: seed(index), threads: threads)
        display.say("\(file.stages[index].name): goes on behind epoch \(trainer.epoch)")
        return Work(
            trainer: trainer, seconds: checkpoint.notes["seconds"].flatMap(Double.init) ?? 0)
    }

    private func fits(_ network: Network, _ data: PipelineData) -> Bool {
        network.inputShape == data.train.inputShape && network.shapes.last == [data.classCount]
    }

    private func save(_ work: Work, _ index: Int, _ input: InputDigests) throws {
        var notes = ["key": file.key(ofStage: index), "seconds": "\(work.seconds)"]
        notes["input"] = input.files
        notes["data"] = input.images
        try Checkpoint(work.trainer, notes: notes)
            .write(to: folder.partial(file.stages[index].name))
    }

    /// By which what a stage starts from is known again.
    private struct InputDigests {
        /// The checkpoint before it, or the network's files.
        var files: String?
        /// Those that it trains on.
        var images: String
    }

    private func inputDigests(_ index: Int, _ data: PipelineData) -> InputDigests {
        let files =
            index > 0 ? [folder.checkpoint(file.stages[index - 1].name)] : file.network.files
        return InputDigests(
            files: Digest(ofFiles: files)?.text, images: data.digest)
    }

    /// The network that a stage starts from.
    func input(_ index: Int, _ data: PipelineData) throws -> Network {
        guard index > 0 else { return try freshNetwork(data) }
        let network = try result(ofStage: index - 1, for: index, data)
        guard network.inputShape == data.train.inputShape else {
            throw PipelineError.dataDoNotFit(
                dataSet: file.data.set, found: channelsFirst(data.train.inputShape),
                expected: channelsFirst(network.inputShape))
        }
        guard network.shapes.last == [data.classCount] else {
            throw PipelineError.networkDoesNotFit(
                path: folder.checkpoint(file.stages[index - 1].name),
                found: [network.inputShape, network.shapes.last!].map(channelsFirst),
                expected: [channelsFirst(data.train.inputShape), [data.classCount]])
        }
        return network
    }

    /// The architecture with random weights, or those of a file.
    private func freshNetwork(_ data: PipelineData) throws -> Network {
        var generator = SeededGenerator(seed: file.seed, stream: 1 << 32)
        return try file.network.network(
            inputShape: data.train.inputShape, classes: data.classCount, using: &generator)
    }

    /// What an earlier stage has left for stage `index`.
    func result(
        ofStage earlier: Int, for index: Int, _ data: PipelineData
    ) throws -> Network {
        let (stage, previous) = (file.stages[index].name, file.stages[earlier].name)
        let path = folder.checkpoint(previous)
        guard FileManager.default.fileExists(atPath: path) else {
            throw PipelineError.missingInput(stage: stage, path: path, previous: previous)
        }
        let checkpoint = try Checkpoint(contentsOf: path, vocabulary: .pipeline)
        guard checkpoint.notes["key"] == file.key(ofStage: earlier) else {
            throw PipelineError.outdatedInput(stage: stage, path: path, previous: previous)
        }
        // Files of earlier versions do not say what they were trained on.
        guard checkpoint.notes["data"] == nil || checkpoint.notes["data"] == data.digest else {
            throw PipelineError.otherData(
                stage: stage, path: path, previous: previous, dataSet: file.data.set)
        }
        return checkpoint.network
    }

    /// The float network of the first stage, for distillation.
    private func teacher(
        _ settings: TrainingSettings, _ index: Int, _ data: PipelineData
    ) throws -> Network? {
        guard settings.loss.distillationWeight > 0, index > 0 else { return nil }
        return try result(ofStage: 0, for: index, data)
    }
}

/// What to say of a stage behind which a network does no better than guessing, or `nil`.
///
/// Guessing is right once in `classCount` times; up to half more than that counts as no better. A
/// network of a single class can not do worse.
/// - Parameters:
///   - before: the share of images that was right before the stage; `nil` for the first one.
///   - trains: whether the stage trains the network.
package func collapseWarning(
    stage: String, from before: Double?, to now: Double, classCount: Int, trains: Bool
) -> String? {
    let guessing = 1.5 / Double(classCount)
    guard classCount > 1, now <= guessing else { return nil }
    let past = before.map { " (\(NumberText.percent($0)) % before it)" } ?? ""
    let remedy =
        if before.map({ $0 <= guessing }) ?? !trains {
            "the stage is not the cause: look at the normalization (mean and deviation are of pixels "
                + "scaled to 0...1) and at the labels (do their numbers mean what the network was "
                + "trained for?)"
        } else if trains {
            "try a smaller learning-rate, or less in one stage"
        } else {
            "try less in one stage, such as more bits, or 'train' in its settings"
        }
    return "warning: behind stage '\(stage)' the network guesses: validation accuracy is "
        + "\(NumberText.percent(now)) % of \(classCount) classes\(past); \(remedy)"
}
