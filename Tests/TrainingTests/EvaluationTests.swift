import Networks
import Tensors
import Testing
import Training

@Test func `accuracy and agreement are shares of images`() {
    let a = Evaluation(predictions: [0, 1, 2, 2], labels: [0, 1, 1, 2])
    let b = Evaluation(predictions: [0, 2, 1, 2], labels: [0, 1, 1, 2])
    #expect(a.correct == 3)
    #expect(a.top1 == 0.75)
    #expect(a.agreement(with: b) == 0.5)
    #expect(a.agreement(with: a) == 1)
}

/// The network's outputs are the pixels themselves.
@Test(arguments: [1, 2, 3, 100], [1, 2])
func `the prediction is the first of the largest outputs`(batchSize: Int, threads: Int) throws {
    let rows: [[UInt8]] = [[1, 3, 2], [5, 5, 5], [0, 7, 7], [9, 0, 9], [0, 0, 1]]
    let data = LabelledImages(
        shape: [3, 1, 1], pixels: rows.flatMap { $0 }, labels: [1, 0, 2, 0, 2],
        values: [[Float]](repeating: (0...255).map { Float($0) }, count: 3))
    var network = try Network(name: "n", inputShape: [1, 1, 3], chain: [("flatten", Flatten())])
    let evaluation = network.evaluate(on: data, threads: threads, batchSize: batchSize)
    #expect(evaluation.predictions == [1, 0, 1, 0, 2])
    #expect(evaluation.correct == 4)
}
