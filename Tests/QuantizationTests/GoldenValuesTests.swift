import Quantization
import Tensors
import Testing

struct GoldenValuesTests {
    let golden: Golden

    init() throws { golden = try Golden.load() }

    func grid(_ golden: Golden.Case) -> UniformGrid {
        let grid = UniformGrid(
            bits: golden.bits, isSigned: golden.n < 0, step: Float(golden.s),
            offset: Float(golden.beta ?? 0))
        #expect(grid.lowest == golden.n && grid.highest == golden.p)
        return grid
    }

    /// Codes, values, error and gradients of one golden case.
    func check(_ expected: Golden.Case) {
        let name = "\(expected.kind ?? "") config \(expected.config ?? 0), \(expected.bits) bits, "
        let label = name + (expected.s_label ?? "")
        let (grid, x, go) = (grid(expected), golden.tensor(expected.tensor), golden.tensor("GO16"))
        var (result, dx) = (Tensor(shape: x.shape), Tensor(shape: x.shape))
        grid.fakeQuantize(x, into: &result)
        #expect(grid.codes(of: x) == expected.code, "\(label)")
        expectClose(result.elements, expected.xhat, label + " xhat")
        let errors = zip(result.elements, x.elements).map { Double($0 - $1) * Double($0 - $1) }
        expectClose(errors.reduce(0, +) / Double(x.count), expected.mse, label + " mse")
        // Where a value lies on the end of the grid, rounding of step and offset to Float decides
        // whether it is inside.
        guard expected.float32_safe_gradients else { return }
        let sums = grid.backpropagate(x, resultGradient: go, into: &dx)
        let scale = Double(grid.gradientScale(sharedBy: x.count))
        expectClose(dx.elements, expected.dx, label + " dx")
        expectClose(scale, expected.g, label + " g")
        // `code − u` loses what `u`, up to p, is rounded by: 2⁻²⁴ · p an element.
        let norm = go.elements.reduce(0) { $0 + Double($1 * $1) }.squareRoot()
        let rounding = 0x1p-24 * Double(expected.p) * norm
        expectClose(sums.step, expected.ds_raw, label + " ds_raw", slack: rounding)
        expectClose(sums.step * scale, expected.ds, label + " ds", slack: scale * rounding)
        if let offset = expected.dbeta_raw { expectClose(sums.offset, offset, label + " dbeta") }
    }

    @Test func `LSQ agrees with NumPy`() {
        #expect(golden.lsq.count == 36)
        golden.lsq.forEach(check)
    }

    @Test func `LSQ+ on activations agrees with NumPy in all four configurations`() {
        #expect(golden.lsqplus_activation.count == 48)
        golden.lsqplus_activation.forEach(check)
    }

    @Test func `LSQ+ on weights agrees with NumPy`() {
        #expect(golden.lsqplus_weight.count == 4)
        golden.lsqplus_weight.forEach(check)
    }

    @Test func `ties round to even`() {
        let ties = golden.rounding_ties
        let x = Tensor(shape: [ties.x.count], elements: ties.x)
        let grid = UniformGrid(bits: 4, isSigned: true, step: ties.s)
        #expect(grid.codes(of: x) == ties.half_to_even)
    }

    @Test func `the first steps of LSQ and LSQ+ agree with NumPy`() {
        for expected in golden.lsq where expected.s_label == "init" {
            let step = StepInitialization.lsq.step(
                // The golden formula takes the mean over zeros as well.
                for: golden.tensors[expected.tensor]!.map { $0 == 0 ? 1e-30 : $0 },
                grid: grid(expected))
            expectClose(Double(step), expected.s, "\(expected.kind!) \(expected.bits) bits")
        }
        for expected in golden.lsqplus_weight_init {
            let step = StepInitialization.lsqPlus.step(
                for: golden.tensors["W16"]!, grid: UniformGrid(bits: expected.bits, isSigned: true))
            expectClose(Double(step), expected.s_population_sigma, "\(expected.bits) bits")
        }
    }

    @Test func `the grid from extremes agrees with NumPy, and that of least squares is no worse`() {
        for expected in golden.lsqplus_activation where expected.s_label != "fixed" {
            let isMinMax = expected.s_label == "minmax"
            let sample = golden.tensor(expected.tensor)
            let initialization: ActivationInitialization = isMinMax ? .minMax : .leastSquares
            let grid = initialization.grid(
                for: sample.elements, bits: expected.bits,
                scheme: ActivationScheme(rawValue: expected.config!)!)
            let label = "config \(expected.config!), \(expected.bits) bits"
            if isMinMax {
                expectClose(Double(grid.step), expected.s, label)
                expectClose(Double(grid.offset), expected.beta!, label)
            } else {
                var result = Tensor(shape: sample.shape)
                grid.fakeQuantize(sample, into: &result)
                let errors = zip(result.elements, sample.elements).map { ($0 - $1) * ($0 - $1) }
                let mse = Double(errors.reduce(0, +)) / Double(sample.count)
                #expect(mse <= expected.mse * (1 + 1e-4) + 1e-9, "\(label)")
            }
        }
    }

    @Test func `an offset folds into the bias of an integer dot product`() {
        #expect(golden.offset_folding.count == 6)
        for expected in golden.offset_folding {
            let activations = UniformGrid(
                bits: expected.bits, isSigned: expected.config == 3, step: Float(expected.s_x),
                offset: Float(expected.beta))
            let weights = UniformGrid(
                bits: expected.bits, isSigned: true, step: Float(expected.s_w))
            let x = activations.codes(of: Tensor(shape: [8], elements: expected.x))
            #expect(x == expected.xbar)
            for (row, elements) in expected.W.enumerated() {
                let w = weights.codes(of: Tensor(shape: [8], elements: elements))
                #expect(w == expected.wbar[row])
                let sum = zip(w, x).reduce(0) { $0 + $1.0 * $1.1 }
                #expect(sum == expected.acc_int32[row])
                let y = Double(weights.step * activations.step) * Double(sum)
                expectClose(y + expected.folded_bias[row], expected.y[row], "row \(row)")
            }
        }
    }
}
