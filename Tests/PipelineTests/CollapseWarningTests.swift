import Pipeline
import Testing

@Suite struct `A stage behind which the network guesses` {
    @Test func `is told from one that was no better before`() {
        #expect(collapseWarning(stage: "prune", from: 0.9, to: 0.1, classCount: 10) != nil)
        #expect(collapseWarning(stage: "train", from: nil, to: 0.1, classCount: 10) != nil)
        #expect(collapseWarning(stage: "train", from: nil, to: 1, classCount: 1) == nil)
        #expect(collapseWarning(stage: "prune", from: 0.12, to: 0.1, classCount: 10) == nil)
        #expect(collapseWarning(stage: "prune", from: 0.9, to: 0.16, classCount: 10) == nil)
        #expect(collapseWarning(stage: "prune", from: 0.9, to: 0.7, classCount: 2) != nil)
    }

    @Test func `is named with both accuracies`() throws {
        let text = try #require(
            collapseWarning(stage: "quantize", from: 0.984, to: 0.1, classCount: 10))
        #expect(text.contains("'quantize'"))
        #expect(text.contains("10.00 % of 10 classes (98.40 % before it)"))
        #expect(text.contains("learning-rate"))
    }
}
