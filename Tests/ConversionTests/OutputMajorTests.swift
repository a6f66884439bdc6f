import Conversion
import Testing

/// Expected orders come from loops over all indices of a weight.
struct OutputMajorTests {
    private static let sizes = [1, 2, 3, 4, 5, 6, 7, 31]

    @Test(arguments: sizes) func `a linear layer's weights are transposed`(outputs: Int) {
        for inputs in Self.sizes {
            let layout = OutputMajor([inputs, outputs])
            #expect(layout.shape == [outputs, inputs])
            var expected: [Int] = []
            for output in 0..<outputs {
                for input in 0..<inputs { expected.append(input * outputs + output) }
            }
            let elements = Array(0..<inputs * outputs)
            #expect(layout.array(elements) == expected, "\(inputs) × \(outputs)")
        }
    }

    @Test(arguments: sizes) func `a convolution's weights go by output, channel, row and column`(
        outputs: Int
    ) {
        for channels in Self.sizes.dropLast() {
            for height in 1...7 {
                for width in 1...7 {
                    let layout = OutputMajor([height, width, channels, outputs])
                    #expect(layout.shape == [outputs, channels, height, width])
                    let elements = Array(0..<height * width * channels * outputs)
                    let expected = convolution(height, width, channels, outputs)
                    #expect(
                        layout.array(elements) == expected,
                        "\(height) × \(width) × \(channels) × \(outputs)")
                }
            }
        }
    }

    /// Where in `[height, width, channels, outputs]` each weight comes from.
    private func convolution(
        _ height: Int, _ width: Int, _ channels: Int, _ outputs: Int
    ) -> [Int] {
        var result: [Int] = []
        for output in 0..<outputs {
            for channel in 0..<channels {
                for row in 0..<height {
                    for column in 0..<width {
                        result.append(
                            row * width * channels * outputs + column * channels * outputs
                                + channel * outputs + output)
                    }
                }
            }
        }
        return result
    }

    @Test func `weights of three dimensions are refused`() async {
        await #expect(processExitsWith: .failure) { _ = OutputMajor([2, 3, 4]) }
    }

    @Test func `an array of another size is refused`() async {
        await #expect(processExitsWith: .failure) {
            _ = OutputMajor([2, 3]).array([1, 2, 3, 4, 5])
        }
    }
}
