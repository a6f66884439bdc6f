import Tensors

/// Turns a tensor in the layout of training (`[inputs, outputs]`, or `[kernelHeight, kernelWidth,
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

    /// What a function makes of each element of a tensor, in this layout.
    ///
    /// - Parameter value: is given an element and its place in the tensor.
    public func array<Value: BitwiseCopyable>(
        of tensor: Tensor, _ value: (Float, Int) -> Value
    ) -> [Value] {
        precondition(tensor.count == taps * channels * outputs, "\(tensor.shape) for \(shape)")
        return tensor.withUnsafeElements { elements in
            [Value](unsafeUninitializedCapacity: elements.count) { target, count in
                for start in stride(from: 0, to: outputs, by: Self.outputsAtOnce) {
                    let part = start..<min(start + Self.outputsAtOnce, outputs)
                    place(elements, part, into: target, value)
                }
                count = elements.count
            }
        }
    }

    /// Floats of a cache line. Reading one output after the other would fetch each line so many times.
    private static let outputsAtOnce = 16

    /// Writes what belongs to some outputs.
    @inline(__always)
    private func place<Value: BitwiseCopyable>(
        _ elements: UnsafeBufferPointer<Float>, _ part: Range<Int>,
        into target: UnsafeMutableBufferPointer<Value>, _ value: (Float, Int) -> Value
    ) {
        let (taps, inner) = (taps, taps * channels)
        for channel in 0..<channels {
            for tap in 0..<taps {
                let source = (tap * channels + channel) * outputs
                let place = channel * taps + tap
                for output in part {
                    target.initializeElement(
                        at: output * inner + place,
                        to: value(elements[source + output], source + output))
                }
            }
        }
    }
}
