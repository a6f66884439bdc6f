import Conversion
import Tensors
import Testing

/// Expected orders come from loops over all indices of a weight.
struct OutputMajorTests {
    private static let sizes = [1, 2, 3, 4, 5, 6, 7, 15, 16, 17, 31, 33]

    /// Elements that are their own places: `array` has to say the same of both.
    private func places(_ layout: OutputMajor, _ shape: [Int]) -> [Int] {
        let count = shape.reduce(1, *)
        let tensor = Tensor(shape: shape, elements: (0..<count).map { Float($0) })
        let places = layout.array(of: tensor) { $1 }
        #expect(layout.array(of: tensor) { value, _ in Int(value) } == places)
        return places
    }

    @Test(arguments: sizes) func `a linear layer's weights are transposed`(outputs: Int) {
        for inputs in Self.sizes {
            let layout = OutputMajor([inputs, outputs])
            #expect(layout.shape == [outputs, inputs])
            var expected: [Int] = []
            for output in 0..<outputs {
                for input in 0..<inputs { expected.append(input * outputs + output) }
            }
            #expect(places(layout, [inputs, outputs]) == expected, "\(inputs) × \(outputs)")
        }
    }

    @Test(arguments: sizes) func `a convolution's weights go by output, channel, row and column`(
        outputs: Int
    ) {
        for channels in 1...7 {
            for height in 1...5 {
                for width in 1...5 {
                    let shape = [height, width, channels, outputs]
                    let layout = OutputMajor(shape)
                    #expect(layout.shape == [outputs, channels, height, width])
                    let expected = convolution(height, width, channels, outputs)
                    #expect(places(layout, shape) == expected, "\(shape)")
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

    @Test func `a tensor of another size is refused`() async {
        await #expect(processExitsWith: .failure) {
            _ = OutputMajor([2, 3]).array(of: Tensor(shape: [5])) { value, _ in value }
        }
    }
}
