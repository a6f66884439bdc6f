import Testing
import Training

private func expect(
    _ schedule: LearningRateSchedule, warmUp: Float = 0, _ values: [(at: Float, is: Float)],
    _ location: SourceLocation = #_sourceLocation
) {
    for value in values {
        let found = schedule.factor(at: value.at, warmUp: warmUp)
        #expect(
            abs(found - value.is) < 1e-6, "\(found) instead of \(value.is) at \(value.at)",
            sourceLocation: location)
    }
}

@Test func `a constant schedule stays`() {
    expect(.constant, [(0, 1), (0.3, 1), (1, 1)])
}

@Test func `a cosine falls from one to its end`() {
    // (1 + cos 60°) / 2 = 3/4
    expect(.cosine(end: 0), [(0, 1), (1 / 3, 0.75), (0.5, 0.5), (2 / 3, 0.25), (1, 0)])
    expect(.cosine(end: 0.2), [(0, 1), (0.5, 0.6), (1, 0.2)])
}

@Test func `steps multiply at their shares`() {
    expect(
        .step(at: [0.5, 0.75], factor: 0.1),
        [(0, 1), (0.49, 1), (0.5, 0.1), (0.74, 0.1), (0.75, 0.01), (1, 0.01)])
    expect(.step(at: [], factor: 0.1), [(0, 1), (1, 1)])
}

@Test func `a warm-up grows linearly onto any schedule`() {
    expect(.constant, warmUp: 0.2, [(0, 0), (0.05, 0.25), (0.1, 0.5), (0.2, 1), (0.9, 1)])
    expect(.cosine(end: 0), warmUp: 0.5, [(0, 0), (1 / 3, 0.5), (0.5, 0.5), (1, 0)])
    expect(.step(at: [0.1], factor: 0.5), warmUp: 0.2, [(0.1, 0.25), (0.2, 0.5)])
}
