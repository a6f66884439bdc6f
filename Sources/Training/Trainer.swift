import Foundation
import Networks
import Tensors

/// How to train.
public struct TrainingSettings: Sendable, Equatable {
    public var epochs: Int
    public var batchSize = 128
    public var method = Optimizer.Method.sgd(momentum: 0.9, nesterov: false)
    public var learningRate: Float
    public var schedule = LearningRateSchedule.cosine(end: 0)
    /// The share of the training over which the learning rate grows from 0.
    public var warmUp: Float = 0
    public var weightDecay: Float = 0
    /// Images are moved by up to this many pixels in each direction, at random.
    public var maximalShift = 0
    /// Half of the images, at random, are mirrored left to right.
    public var flips = false
    public var loss = Loss()

    /// Steps in an epoch over `count` images.
    public func stepsPerEpoch(count: Int) -> Int {
        BatchLoader.batches(count: count, size: batchSize)
    }

    public init(epochs: Int, learningRate: Float) {
        self.epochs = epochs
        self.learningRate = learningRate
    }
}

/// Where a training stands, for a progress display.
public struct TrainingProgress: Sendable {
    public var epoch: Int
    public var epochs: Int
    /// Batches done of this epoch, and batches in it.
    public var batch: Int
    public var batches: Int
    /// Mean over the epoch so far.
    public var loss: Float
    public var imagesPerSecond: Double
    public var secondsLeft: Double
}

/// Fits a network to images. A value: keep it, write it, go on with it.
public struct Trainer: Sendable {
    public var network: Network
    public internal(set) var optimizer: Optimizer
    /// Epochs done.
    public internal(set) var epoch = 0
    /// Mean over the last epoch, of losses before each step; not finite once a training has diverged,
    /// unless its very last step did it: see `Network.isFinite`.
    public private(set) var lastLoss: Float = 0
    public let settings: TrainingSettings
    public let seed: UInt64
    /// Results do not depend on it.
    public let threads: Int

    public init(_ network: Network, settings: TrainingSettings, seed: UInt64, threads: Int) {
        self.network = network
        self.settings = settings
        self.seed = seed
        self.threads = threads
        optimizer = Optimizer(settings.method, weightDecay: settings.weightDecay)
    }

    public var isDone: Bool { epoch >= settings.epochs }

    /// Trains for one epoch.
    /// - Parameters:
    ///   - teacher: gives the logits that a loss with distillation wants.
    ///   - beforeStep: called before each step with its number, counted from 0 over all epochs.
    ///   - afterBackward: called with the same number when all gradients are there.
    ///   - progress: called a few times a second.
    public mutating func runEpoch(
        on data: LabelledImages, teacher: inout Network?,
        beforeStep: (Int, inout Network) -> Void = { _, _ in },
        afterBackward: (Int, inout Network) -> Void = { _, _ in },
        progress: (TrainingProgress) -> Void = { _ in }
    ) {
        let batches = settings.stepsPerEpoch(count: data.count)
        let loader = BatchLoader(
            data, batchSize: settings.batchSize, maximalShift: settings.maximalShift,
            flips: settings.flips, seed: seed, epoch: epoch, isBackground: threads > 1)
        var pass = Pass(
            isTraining: true, threads: threads,
            generator: SeededGenerator(seed: seed, stream: UInt64(epoch) &* 2))
        var batch = Batch()
        var gradient = Tensor.empty
        var meter = ProgressMeter(epoch: epoch, settings: settings, batches: batches)
        for index in 0..<batches {
            let step = epoch * batches + index
            let share = Float(step) / Float(max(1, settings.epochs * batches))
            beforeStep(step, &network)
            loader.next(&batch)
            let logits = network.logits(for: batch.images, pass: &pass)
            let loss = settings.loss.evaluate(
                logits: logits, labels: batch.labels,
                teacher: teacherLogits(batch.images, &teacher), gradient: &gradient)
            network.backward(gradient, pass: &pass)
            afterBackward(step, &network)
            let factor = settings.schedule.factor(at: share, warmUp: settings.warmUp)
            optimizer.update(
                &network, learningRate: settings.learningRate * factor, threads: threads)
            meter.add(loss: loss, images: batch.labels.count, report: progress)
        }
        epoch += 1
        lastLoss = meter.meanLoss
    }

    private func teacherLogits(_ images: Tensor, _ teacher: inout Network?) -> Tensor? {
        guard settings.loss.distillationWeight > 0 else { return nil }
        var pass = Pass(isTraining: false, threads: threads)
        return teacher?.logits(for: images, pass: &pass)
    }
}

extension Network {
    /// Whether all that is trained and all running statistics are numbers; they are not once a training
    /// has diverged.
    public var isFinite: Bool {
        var (network, result) = (self, true)
        network.visitVariables { _, variable in result = result && variable.value.isFinite }
        for case let layer as BatchNormalization in nodes.map(\.layer) {
            result = result && layer.runningMean.isFinite && layer.runningVariance.isFinite
        }
        return result
    }
}

extension Tensor {
    fileprivate var isFinite: Bool { withUnsafeElements { $0.allSatisfy(\.isFinite) } }
}

/// Counts images and time, and reports at most five times a second.
private struct ProgressMeter {
    private var progress: TrainingProgress
    private var lossSum: Double = 0
    private var images = 0
    private let start = ContinuousClock.now
    private var lastReport = ContinuousClock.now

    init(epoch: Int, settings: TrainingSettings, batches: Int) {
        progress = TrainingProgress(
            epoch: epoch, epochs: settings.epochs, batch: 0, batches: batches, loss: 0,
            imagesPerSecond: 0, secondsLeft: 0)
    }

    /// Over the images so far, which the last batch may have fewer of.
    var meanLoss: Float { Float(lossSum / Double(max(images, 1))) }

    mutating func add(loss: Float, images count: Int, report: (TrainingProgress) -> Void) {
        progress.batch += 1
        lossSum += Double(loss) * Double(count)
        images += count
        let now = ContinuousClock.now
        guard now - lastReport > .milliseconds(200) || progress.batch == progress.batches else {
            return
        }
        lastReport = now
        let seconds = max((now - start) / .seconds(1), 1e-9)
        let batchesLeft =
            (progress.epochs - progress.epoch) * progress.batches - progress.batch
        progress.loss = meanLoss
        progress.imagesPerSecond = Double(images) / seconds
        progress.secondsLeft = seconds / Double(progress.batch) * Double(batchesLeft)
        report(progress)
    }
}
