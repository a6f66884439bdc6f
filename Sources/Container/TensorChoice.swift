import PackedModel

/// What an encoder found for one tensor: the plan it chose and those it did not.
struct TensorChoice {
    let plan: TensorPlan
    let values: WeightValues
    /// Of the weights in the order of the plan.
    let statistics: WeightStatistics
    /// The best plan for each mode and order that was tried.
    let candidates: [TensorPlan]

    /// Tries the modes and orders that `options` leave open for the layer `name`.
    init(_ tensor: PackedTensor, name: String, options: EncodingOptions) {
        let modes = (options.modes[name] ?? options.mode).map { [$0] } ?? CodingMode.all
        let weights = CodedWeights(tensor)
        let (values, rows) = (weights.values, weights.rows)
        self.values = values
        var best: (plan: TensorPlan, statistics: WeightStatistics)?
        var candidates: [TensorPlan] = []
        for order in TensorChoice.orders(rows, modes, options) {
            let statistics = WeightStatistics(rows.reordered(order), symbols: values.symbols)
            for mode in modes where mode != .raw || order == .rowMajor {
                let plan = TensorPlan.smallest(mode, values, statistics)
                candidates.append(plan)
                if best.map({ plan.bodyBytes < $0.plan.bodyBytes }) ?? true {
                    best = (plan, statistics)
                }
            }
        }
        (plan, statistics) = best!
        self.candidates = candidates
    }

    /// The orders to try: both, unless they are the same, or `options` or modes say otherwise.
    private static func orders(
        _ weights: ScannedWeights, _ modes: [CodingMode], _ options: EncodingOptions
    ) -> [ScanOrder] {
        if modes == [.raw] { return [.rowMajor] }
        if let order = options.scanOrder { return [order] }
        let isLine = weights.outputs == 1 || weights.inner == 1
        return isLine || weights.gaps.isEmpty ? [.rowMajor] : ScanOrder.allCases
    }
}
