import Networks
import Pipeline
import Quantization
import Tensors
import Testing
import Training

/// Whole batches and a smaller last one, on one thread and several: each image gets its own class.
@Test(arguments: [1, 3])
func `an exact network classifies every image of all batches`(threads: Int) throws {
    let (features, classes, count) = (12, 5, 137)
    var generator = SeededGenerator(seed: 4)
    var linear = Linear(inputs: features, outputs: classes)
    for index in 0..<features * classes { linear.weight.trained.value[index] = generator.normal() }
    linear.weight.quantize(with: WeightQuantizer(bits: 8, fitting: linear.weight.effective))
    let layers: [(name: String, layer: any Layer)] = [
        ("quantizer", ActivationQuantizer(bits: 8, scheme: .unsignedSymmetric, step: 1)),
        ("flatten", Flatten()), ("linear", linear),
    ]
    var network = try Network(name: "classes", inputShape: [3, 4, 1], chain: layers)
    let pixels = (0..<count * features).map { _ in UInt8.random(in: 0...255, using: &generator) }
    let images = LabelledImages(
        shape: [1, 3, 4], pixels: pixels, labels: (0..<count).map { $0 % classes },
        values: [(0..<256).map(Float.init)])
    let exact = try #require(ExactNetwork(network)).evaluate(on: images, threads: threads)
    #expect(exact == network.evaluate(on: images, threads: 1))
    #expect(Set(exact.predictions).count > 1)
}
