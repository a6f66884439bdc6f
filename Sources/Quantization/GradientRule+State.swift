import Networks
import Tensors

/// What a checkpoint keeps of a rule: nothing of LSQ's, which is also that of a checkpoint that
/// says nothing.
extension GradientRule {
    func save(in state: inout SavedState) {
        if self == GradientRule() { return }
        state.numbers["rule.progress"] = Double(progress)
        state.numbers["rule.passesOutside"] = passesOutside ? 1 : 0
        if case .arctangent(let slope, let hasTail) = rounding {
            slope.save(in: &state, as: "rule.slope")
            state.numbers["rule.hasTail"] = hasTail ? 1 : 0
        }
        switch discretization {
        case .ignored: break
        case .inGradient(let delta): state.numbers["rule.delta"] = Double(delta)
        case .inLoss(let weight): weight.save(in: &state, as: "rule.pull")
        }
        if case .simulated(let amplitude, let probe) = step {
            state.numbers["rule.amplitude"] =
                Double(Amplitude.allCases.firstIndex(of: amplitude)!)
            state.numbers["rule.probe.ratio"] = Double(probe.ratio)
            state.numbers["rule.probe.interval"] = Double(probe.interval)
            state.numbers["rule.probe.sampleSize"] = Double(probe.sampleSize)
        }
    }

    init(state: SavedState) throws(SavedStateError) {
        self.init()
        guard state.numbers["rule.progress"] != nil else { return }
        progress = try state.float("rule.progress", in: 0...1)
        passesOutside = try state.integer("rule.passesOutside", in: 0...1) == 1
        if state.numbers["rule.slope.first"] != nil {
            rounding = .arctangent(
                slope: try Schedule(state: state, "rule.slope", in: 0...1000),
                hasTail: try state.integer("rule.hasTail", in: 0...1) == 1)
        }
        if state.numbers["rule.delta"] != nil {
            discretization = .inGradient(try state.float("rule.delta", in: 0...1000))
        } else if state.numbers["rule.pull.first"] != nil {
            discretization = .inLoss(
                try Schedule(state: state, "rule.pull", in: 0...1_000_000))
        }
        if state.numbers["rule.amplitude"] != nil {
            let amplitudes = Amplitude.allCases
            let index = try state.integer("rule.amplitude", in: 0...amplitudes.count - 1)
            let probe = Probe(
                ratio: try state.float("rule.probe.ratio", in: 1.001...1000),
                interval: try state.integer("rule.probe.interval", in: 1...1_000_000),
                sampleSize: try state.integer("rule.probe.sampleSize", in: 1...1 << 30))
            step = .simulated(amplitudes[index], probe)
        }
    }
}

extension Schedule {
    fileprivate func save(in state: inout SavedState, as name: String) {
        state.numbers["\(name).first"] = Double(first)
        state.numbers["\(name).last"] = Double(last)
        state.numbers["\(name).start"] = Double(start)
    }

    fileprivate init(
        state: SavedState, _ name: String, in range: ClosedRange<Float>
    ) throws(SavedStateError) {
        self.init(
            from: try state.float("\(name).first", in: range),
            to: try state.float("\(name).last", in: range),
            start: try state.float("\(name).start", in: 0...1))
    }
}

extension StepSearch {
    func save(in state: inout SavedState, _ rule: GradientRule) {
        guard case .simulated = rule.step else { return }
        state.numbers["search.stepsLeft"] = Double(stepsLeft)
        state.tensors["directions"] = Tensor(shape: [directions.count], elements: directions)
    }

    init(state: SavedState, steps: Int, _ rule: GradientRule) throws(SavedStateError) {
        self.init(steps: steps)
        guard case .simulated = rule.step else { return }
        let found = try state.tensor("directions")
        guard found.shape == [steps] else {
            throw .wrongShape(
                kind: state.kind, field: "directions", found: found.shape, expected: [steps])
        }
        directions = found.elements
        stepsLeft = try state.integer("search.stepsLeft", in: 0...1_000_000)
    }
}
