/// Turns an array in the layout of training (`[inputs, outputs]`, or `[kernelHeight, kernelWidth,
/// channels, outputs]`) into the one of files and engines (`[outputs, inputs]`, or `[outputs,
/// channels, kernelHeight, kernelWidth]`).
public struct OutputMajor {
    /// The shape in files and engines.
    public let shape: [Int]
    private let taps: Int
    private let channels: Int
    private let outputs: Int

    /// - Parameter trained: the shape in training, of 2 or 4 dimensions.
    public init(_ trained: [Int]) {
        precondition(trained.count == 2 || trained.count == 4, "weights of shape \(trained)")
        outputs = trained[trained.count - 1]
        channels = trained[trained.count - 2]
        let kernel = trained.dropLast(2)
        taps = kernel.reduce(1, *)
        shape = [outputs, channels] + kernel
    }

    public func array<Element>(_ elements: [Element]) -> [Element] {
        precondition(elements.count == taps * channels * outputs, "\(elements.count) for \(shape)")
        return [Element](unsafeUninitializedCapacity: elements.count) { target, count in
            var next = 0
            for output in 0..<outputs {
                for channel in 0..<channels {
                    for tap in 0..<taps {
                        let source = (tap * channels + channel) * outputs + output
                        (target.baseAddress! + next).initialize(to: elements[source])
                        next += 1
                    }
                }
            }
            count = next
        }
    }
}
