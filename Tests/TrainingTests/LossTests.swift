import Foundation
import Tensors
import Testing
import Training

/// The loss by its definition, in `Double`.
private func slowLoss(_ loss: Loss, logits: [Double], labels: [Int], teacher: [Double]) -> Double {
    func logSoftmax(_ z: ArraySlice<Double>, _ temperature: Double) -> [Double] {
        let sum = z.reduce(0) { $0 + exp($1 / temperature) }
        return z.map { $0 / temperature - log(sum) }
    }
    let classes = logits.count / labels.count
    let (epsilon, w) = (Double(loss.labelSmoothing), Double(loss.distillationWeight))
    let temperature = Double(loss.temperature)
    var total = 0.0
    for (sample, label) in labels.enumerated() {
        let row = sample * classes..<(sample + 1) * classes
        for (c, logP) in logSoftmax(logits[row], 1).enumerated() {
            total -= (epsilon / Double(classes) + (c == label ? 1 - epsilon : 0)) * logP
        }
        let logP = logSoftmax(logits[row], temperature)
        for (c, logQ) in logSoftmax(teacher[row], temperature).enumerated() {
            total += w * temperature * temperature * exp(logQ) * (logQ - logP[c])
        }
    }
    return total / Double(labels.count)
}

private let losses = [
    Loss(), Loss(labelSmoothing: 0.1), Loss(distillationWeight: 0.5, temperature: 3),
    Loss(labelSmoothing: 0.3, distillationWeight: 2, temperature: 0.5),
]

@Test(arguments: losses.indices, [1, 2, 3] as [UInt64])
func `a loss is its definition, and its gradient the definition's`(index: Int, seed: UInt64) {
    let loss = losses[index]
    var generator = SeededGenerator(seed: seed)
    let logits = (0..<20).map { _ in Double(3 * generator.normal()) }
    let teacher = (0..<20).map { _ in Double(3 * generator.normal()) }
    let labels = (0..<4).map { _ in Int.random(in: 0..<5, using: &generator) }
    var gradient = Tensor.empty
    let found = loss.evaluate(
        logits: Tensor(shape: [4, 5], elements: logits.map { Float($0) }), labels: labels,
        teacher: Tensor(shape: [4, 5], elements: teacher.map { Float($0) }), gradient: &gradient)
    let expected = slowLoss(loss, logits: logits, labels: labels, teacher: teacher)
    // Exponentials and logarithms of floats: a few units of 6e-8, times at most 50.
    #expect(abs(Double(found) - expected) < 1e-5 * max(1, expected), "seed \(seed)")
    #expect(gradient.shape == [4, 5])
    for index in logits.indices {
        var (above, below) = (logits, logits)
        above[index] += 1e-5
        below[index] -= 1e-5
        let difference =
            slowLoss(loss, logits: above, labels: labels, teacher: teacher)
            - slowLoss(loss, logits: below, labels: labels, teacher: teacher)
        #expect(abs(Double(gradient[index]) - difference / 2e-5) < 1e-5, "[\(index)], seed \(seed)")
    }
}

@Test func `the loss of three numbers is the one computed by hand`() {
    // softmax(0, ln 2, ln 5) = (1, 2, 5) / 8; label 1; −ln(2/8).
    let logits = Tensor(shape: [1, 3], elements: [0, Float(log(2.0)), Float(log(5.0))])
    var gradient = Tensor.empty
    let plain = Loss().evaluate(logits: logits, labels: [1], teacher: nil, gradient: &gradient)
    #expect(abs(plain - 1.3862944) < 1e-6)
    for (found, expected) in zip(gradient.elements, [0.125, -0.75, 0.625] as [Float]) {
        #expect(abs(found - expected) < 1e-6)
    }
    // With ε = 0.3 the target is (0.1, 0.8, 0.1): 0.1 ln 8 + 0.8 ln 4 + 0.1 ln 1.6.
    let smooth = Loss(labelSmoothing: 0.3)
        .evaluate(logits: logits, labels: [1], teacher: nil, gradient: &gradient)
    #expect(abs(smooth - (0.20794415 + 1.1090355 + 0.047000363)) < 1e-6)
    // A teacher of equal logits, T = 1: Σ 1/3 ln((1/3) / p) = ln 8 − ln 3 − ln(10) / 3.
    let teacher = Tensor(shape: [1, 3], repeating: 4)
    let distilled = Loss(distillationWeight: 1)
        .evaluate(logits: logits, labels: [1], teacher: teacher, gradient: &gradient)
    #expect(abs(distilled - plain - (2.0794415 - 1.0986123 - 0.76752836)) < 1e-6)
}

/// The probability is 0 as a float; its logarithm −200.
@Test func `a loss goes on where the label's probability is too small for a float`() {
    var gradient = Tensor.empty
    let logits = Tensor(shape: [1, 2], elements: [200, 0])
    let loss = Loss().evaluate(logits: logits, labels: [1], teacher: nil, gradient: &gradient)
    #expect(loss == 200)
    // With a teacher that is sure of label 1, T = 1: another ln(1 / p).
    let teacher = Tensor(shape: [1, 2], elements: [0, 200])
    let distilled = Loss(distillationWeight: 1)
        .evaluate(logits: logits, labels: [1], teacher: teacher, gradient: &gradient)
    #expect(distilled == 400)
}

@Test func `a loss of huge logits is finite`() {
    var gradient = Tensor.empty
    let logits = Tensor(shape: [1, 3], elements: [1e4, -1e4, 0])
    let loss = Loss(labelSmoothing: 0.1)
        .evaluate(logits: logits, labels: [1], teacher: nil, gradient: &gradient)
    #expect(loss.isFinite)
    #expect(gradient.elements.allSatisfy { $0.isFinite })
}

@Test func `a label beyond the classes and a missing teacher stop the program`() async {
    await #expect(processExitsWith: .failure) {
        var gradient = Tensor.empty
        _ = Loss().evaluate(
            logits: Tensor(shape: [1, 3]), labels: [3], teacher: nil, gradient: &gradient)
    }
    await #expect(processExitsWith: .failure) {
        var gradient = Tensor.empty
        _ = Loss(distillationWeight: 1).evaluate(
            logits: Tensor(shape: [1, 3]), labels: [0], teacher: nil, gradient: &gradient)
    }
}
