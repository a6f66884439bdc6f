import Pipeline
import Testing

private func warning(
    from before: Double?, to now: Double, classCount: Int = 10, trains: Bool = true
) -> String? {
    collapseWarning(
        stage: "quantize", from: before, to: now, classCount: classCount, trains: trains)
}

@Suite struct `A stage behind which the network guesses` {
    @Test func `is told`() {
        #expect(warning(from: 0.9, to: 0.1) != nil)
        #expect(warning(from: nil, to: 0.1) != nil)
        #expect(warning(from: nil, to: 1, classCount: 1) == nil)
        #expect(warning(from: 0.9, to: 0.16) == nil)
        #expect(warning(from: 0.9, to: 0.7, classCount: 2) != nil)
    }

    @Test func `is named with both accuracies`() throws {
        let text = try #require(warning(from: 0.984, to: 0.1))
        #expect(text.contains("'quantize'"))
        #expect(text.contains("10.00 % of 10 classes (98.40 % before it)"))
        #expect(text.contains("learning-rate"))
    }

    @Test func `is not blamed for what was there before it, or without training`() throws {
        let wrongBefore = [
            warning(from: 0.12, to: 0.1), warning(from: nil, to: 0.1, trains: false),
        ]
        for text in wrongBefore {
            let text = try #require(text)
            #expect(text.contains("look at the normalization") && text.contains("labels"))
            #expect(!text.contains("learning-rate"))
        }
        // What rounds a network that was right does harm by itself.
        let rounded = try #require(warning(from: 0.9, to: 0.1, trains: false))
        #expect(!rounded.contains("normalization") && !rounded.contains("learning-rate"))
        #expect(rounded.contains("more bits, or 'train'"))
    }
}
