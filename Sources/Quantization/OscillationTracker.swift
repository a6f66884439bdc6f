import Networks
import Tensors

/// Finds weights whose codes go back and forth between training steps, and freezes them (Nagel et
/// al. 2022, arXiv 2203.11086, §5.2).
///
/// A code oscillates when it changes against the direction of its last change. The frequency is
/// the moving average of that; a weight whose frequency is above the threshold keeps the code
/// nearest to the moving average of its codes from then on.
public struct OscillationTracker: Sendable, Equatable {
    /// Of both moving averages: how much the newest step counts.
    public let momentum: Float
    private var codes: [Int8]
    /// Of the last change: 1, −1, or 0 before the first.
    private var directions: [Int8]
    public private(set) var frequencies: [Float]
    /// Of the codes; that of a frozen weight does not change any more.
    private var averages: [Float]
    private var isFrozen: [Bool]

    public init(codes: [Int8], momentum: Float) {
        precondition(momentum > 0 && momentum <= 1, "a momentum of \(momentum)")
        self.momentum = momentum
        self.codes = codes
        directions = [Int8](repeating: 0, count: codes.count)
        frequencies = [Float](repeating: 0, count: codes.count)
        averages = codes.map(Float.init)
        isFrozen = [Bool](repeating: false, count: codes.count)
    }

    public var frozenCount: Int { isFrozen.count { $0 } }

    /// The code that a weight is frozen at, if it is.
    public func frozenCode(_ index: Int) -> Float? {
        isFrozen[index] ? averages[index].rounded(.toNearestOrEven) : nil
    }

    /// Looks at the codes after a training step.
    /// - Parameter threshold: `nil` to freeze none.
    public mutating func observe(_ newCodes: [Int8], threshold: Float?) {
        precondition(newCodes.count == codes.count, "\(newCodes.count) codes, not \(codes.count)")
        for index in codes.indices where !isFrozen[index] {
            let direction = (Int(newCodes[index]) - Int(codes[index])).signum()
            let oscillates = direction * Int(directions[index]) == -1
            if direction != 0 { directions[index] = Int8(direction) }
            codes[index] = newCodes[index]
            frequencies[index] += momentum * ((oscillates ? 1 : 0) - frequencies[index])
            averages[index] += momentum * (Float(newCodes[index]) - averages[index])
            if let threshold, frequencies[index] > threshold { isFrozen[index] = true }
        }
    }
}

extension OscillationTracker {
    func save(in state: inout SavedState) {
        func vector(_ values: [Float]) -> Tensor { Tensor(shape: [values.count], elements: values) }
        state.numbers["oscillations.momentum"] = Double(momentum)
        state.bytes["oscillations.codes"] = codes.map { UInt8(bitPattern: $0) }
        state.bytes["oscillations.directions"] = directions.map { UInt8(bitPattern: $0) }
        state.bytes["oscillations.frozen"] = isFrozen.map { $0 ? 1 : 0 }
        state.tensors["oscillations.frequencies"] = vector(frequencies)
        state.tensors["oscillations.averages"] = vector(averages)
    }

    /// - Returns: `nil` if the state has none.
    init?(state: SavedState) throws(SavedStateError) {
        guard state.numbers["oscillations.momentum"] != nil else { return nil }
        let codes = try state.bytes("oscillations.codes").map { Int8(bitPattern: $0) }
        self.init(
            codes: codes,
            momentum: try state.float("oscillations.momentum", in: .leastNormalMagnitude...1))
        directions = try state.bytes("oscillations.directions").map { Int8(bitPattern: $0) }
        isFrozen = try state.bytes("oscillations.frozen").map { $0 != 0 }
        frequencies = try state.tensor("oscillations.frequencies").elements
        averages = try state.tensor("oscillations.averages").elements
        for count in [directions.count, isFrozen.count, frequencies.count, averages.count]
        where count != codes.count {
            throw .wrongShape(
                kind: state.kind, field: "oscillations", found: [count], expected: [codes.count])
        }
    }
}

extension Parameter {
    /// Looks at the codes that the last training step has left, and puts frozen weights back to
    /// theirs.
    /// - Parameter threshold: `nil` to freeze no more.
    public mutating func trackOscillations(momentum: Float, threshold: Float?) {
        guard var quantizer = parametrization(WeightQuantizer.self), isFinite else { return }
        let codes = quantizer.codes(of: trained.value)
        var tracker =
            quantizer.oscillations ?? OscillationTracker(codes: codes, momentum: momentum)
        tracker.observe(codes, threshold: threshold)
        let steps = quantizer.steps
        trained.value.withUnsafeMutableElements { weights in
            for index in weights.indices {
                if let code = tracker.frozenCode(index) {
                    weights[index] = steps[index % steps.count] * code
                }
            }
        }
        quantizer.oscillations = tracker
        updateChain { if $0 is WeightQuantizer { $0 = quantizer } }
    }
}
