import Networks
import Quantization
import Tensors
import Testing

struct OscillationTrackerTests {
    @Test func `frequencies count changes against the direction of the last one`() {
        // Back and forth; steadily up; up, rest, up; up, rest, down.
        let steps: [[Int8]] = [
            [1, 1, 1, 1], [0, 2, 1, 1], [1, 3, 2, 0], [0, 4, 2, 0],
        ]
        var tracker = OscillationTracker(codes: [0, 0, 0, 0], momentum: 0.5)
        for codes in steps { tracker.observe(codes, threshold: nil) }
        // 0, then 1, 1, 1 against the last direction: f = ((0 + 1) / 2 ...), newest last.
        #expect(tracker.frequencies == [0.875, 0, 0, 0.25])
        #expect(tracker.frozenCount == 0)
    }

    @Test func `a weight freezes at the code nearest to the mean of its codes`() {
        var tracker = OscillationTracker(codes: [2, 5], momentum: 0.25)
        for codes in [[3, 5], [2, 5], [3, 5]] as [[Int8]] {
            tracker.observe(codes, threshold: 0.3)
        }
        // f = 0, 0.25, 0.4375; averages 2.25, 2.1875, 2.39.
        #expect(tracker.frozenCount == 1)
        #expect(tracker.frozenCode(0) == 2 && tracker.frozenCode(1) == nil)
        for _ in 0..<9 { tracker.observe([3, 5], threshold: 0.3) }
        #expect(tracker.frozenCode(0) == 2)
    }

    @Test func `a frozen weight keeps its code whatever the step becomes, also after saving`()
        throws
    {
        var parameter = Parameter(Tensor(shape: [2], elements: [0.9, 3]), decays: true)
        parameter.quantize(with: WeightQuantizer(bits: 4, steps: [1], weightCount: 2))
        // The first weight goes to and fro around the threshold at 0.5.
        for weight in [0.9, 0.1, 0.9, 0.1, 0.9] as [Float] {
            parameter.trained.value[0] = weight
            parameter.trackOscillations(momentum: 0.2, threshold: 0.3)
        }
        let quantizer = try #require(parameter.parametrization(WeightQuantizer.self))
        let tracker = try #require(quantizer.oscillations)
        #expect(tracker.frozenCount == 1)
        let code = try #require(tracker.frozenCode(0))
        let copy = try WeightQuantizer(state: quantizer.state)
        #expect(copy.oscillations == tracker)
        parameter.quantize(with: copy.withSteps([0.25]))
        parameter.trained.value[0] = 1.7
        parameter.trackOscillations(momentum: 0.2, threshold: 0.3)
        parameter.updateEffective()
        #expect(parameter.effective[0] == 0.25 * code)
        #expect(
            throws: SavedStateError.wrongShape(
                kind: "weight-quantizer", field: "oscillations", found: [2], expected: [3])
        ) { try copy.requireFit(to: [3]) }
    }
}
