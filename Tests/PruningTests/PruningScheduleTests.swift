import Pruning
import Testing

struct PruningScheduleTests {
    @Test func `the cubic schedule follows its formula`() {
        let schedule = PruningSchedule.cubic(from: 0.1, to: 0.9, start: 100, interval: 10, count: 4)
        // 0.9 − 0.8 · (1 − k/4)³
        let expected = [0.1, 0.5625, 0.8, 0.8875, 0.9]
        #expect(zip(schedule.sparsities, expected).allSatisfy { abs($0 - $1) < 1e-12 })
        #expect(schedule.sparsities.last == 0.9)
    }

    @Test func `updates come at the start and then at every interval until the last`() {
        let schedule = PruningSchedule.cubic(to: 0.5, start: 5, interval: 3, count: 2)
        #expect((0..<30).filter(schedule.isUpdate(at:)) == [5, 8, 11])
    }

    @Test func `between updates the sparsity stays`() {
        let schedule = PruningSchedule(sparsities: [0.2, 0.6], start: 2, interval: 3)
        let found = (0..<9).map { schedule.sparsity(at: $0) }
        #expect(found == [nil, nil, 0.2, 0.2, 0.2, 0.6, 0.6, 0.6, 0.6])
        #expect(PruningSchedule(sparsities: []).sparsity(at: 3) == nil)
    }
}
