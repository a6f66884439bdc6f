import PackedModel

// What can be said of a part of a model without the rest.

extension CheckedModel {
    static func inputValue(_ input: PackedInput) throws(EngineError) -> Value {
        try checkShape(input.shape, sizes: [1, 3], at: .input)
        // A plain vector may be normalised as a whole or value by value.
        let channels = input.shape.count == 3 ? [input.shape[0]] : [1, input.shape[0]]
        for (name, list) in [("means", input.mean), ("deviations", input.deviation)]
        where !channels.contains(list.count) || list.count != input.mean.count {
            throw .count(.input, of: name, found: list.count, expected: channels)
        }
        for mean in [input.pixelScale] + input.mean where !mean.isFinite {
            throw .value(.input, of: "a mean or the pixel scale", found: Double(mean))
        }
        for deviation in input.deviation where !deviation.isFinite || deviation == 0 {
            throw .value(.input, of: "a deviation", found: Double(deviation))
        }
        try check(input.quantizer, at: .input)
        return Value(shape: input.shape, quantizer: input.quantizer)
    }

    static func checkShape(
        _ shape: [Int], sizes: [Int], at place: EngineError.Place
    ) throws(EngineError) {
        var count = 1
        var isSmall = sizes.contains(shape.count)
        for size in shape where isSmall {
            isSmall = size > 0 && size <= mostValues / count
            if isSmall { count *= size }
        }
        guard isSmall else { throw .shape(place, found: shape, sizes: sizes) }
    }

    /// Checks a quantizer, if there is one.
    static func check(
        _ quantizer: PackedQuantizer?, at place: EngineError.Place
    ) throws(EngineError) {
        guard let quantizer else { return }
        guard (2...8).contains(quantizer.bits) else {
            throw .value(place, of: "the width of a quantizer", found: Double(quantizer.bits))
        }
        guard quantizer.scale.isNormal, quantizer.scale > 0 else {
            throw .value(place, of: "the scale of a quantizer", found: Double(quantizer.scale))
        }
        guard quantizer.offset.isFinite else {
            throw .value(place, of: "the offset of a quantizer", found: Double(quantizer.offset))
        }
    }

    static func checkScales(
        _ layer: PackedLayer, outputs: Int, at place: EngineError.Place
    ) throws(EngineError) {
        let scales = layer.weights.scales
        guard scales.count == 1 || scales.count == outputs else {
            throw .count(place, of: "scales", found: scales.count, expected: [1, outputs])
        }
        for scale in scales where !scale.isFinite || scale == 0 {
            throw .value(place, of: "a scale of weights", found: Double(scale))
        }
        guard layer.bias.codes.count == outputs else {
            throw .count(
                place, of: "bias codes", found: layer.bias.codes.count, expected: [outputs])
        }
        guard layer.bias.scale.isFinite, layer.bias.scale > 0 else {
            throw .value(place, of: "the scale of the bias", found: Double(layer.bias.scale))
        }
    }

    /// Checks a function that is to be a clamp of codes.
    static func checkClamp(
        _ activation: PackedActivation, at place: EngineError.Place
    ) throws(EngineError) {
        guard activation.isClamp else { throw .activation(place, found: activation) }
        try checkFunction(activation, at: place)
    }

    /// Checks the parameters of a function.
    static func checkFunction(
        _ function: PackedActivation, at place: EngineError.Place
    ) throws(EngineError) {
        switch function {
        case .clip(let lowest, let highest):
            for bound in [lowest, highest] where !bound.isFinite {
                throw .value(place, of: "a bound of the clip", found: Double(bound))
            }
            guard lowest <= highest else { throw .activation(place, found: function) }
        case .leakyReLU(let slope):
            guard slope.isFinite else {
                throw .value(place, of: "the slope of the leaky ReLU", found: Double(slope))
            }
        default: break
        }
    }

    static func checkGroups(
        _ groups: Int, of channels: Int, at place: EngineError.Place
    ) throws(EngineError) {
        guard groups > 0, channels.isMultiple(of: groups) else {
            throw .value(
                place, of: "the number of groups of \(channels) channels", found: Double(groups))
        }
    }

    /// Height and width of what pooling yields; every window has a part inside the image.
    static func pooledPlaces(
        _ window: PackedWindow, over input: Value, at place: EngineError.Place
    ) throws(EngineError) -> [Int] {
        guard window.groups == 1 else {
            throw .value(place, of: "the number of groups", found: Double(window.groups))
        }
        for dilation in window.dilation where dilation != 1 {
            throw .value(place, of: "the dilation", found: Double(dilation))
        }
        let most = window.kernel.map { min(max($0, 1), mostValues) - 1 }
        return try places(of: window, over: input, mostPadding: most, at: place)
    }

    /// Height and width of what a window yields.
    static func places(
        of window: PackedWindow, over input: Value, mostPadding: [Int], at place: EngineError.Place
    ) throws(EngineError) -> [Int] {
        guard input.shape.count == 3 else { throw .shape(place, found: input.shape, sizes: [3]) }
        let error = EngineError.window(
            place,
            .init(
                kernel: window.kernel, stride: window.stride, padding: window.padding,
                dilation: window.dilation, input: Array(input.shape[1...])))
        for pair in [window.kernel, window.stride, window.padding, window.dilation]
        where pair.count != 2 {
            throw error
        }
        let sizes = 1...mostValues
        for axis in 0..<2 {
            let padding = window.padding[axis]
            guard
                sizes.contains(window.kernel[axis]), sizes.contains(window.dilation[axis]),
                (0...mostPadding[axis]).contains(padding), sizes.contains(window.stride[axis]),
                window.extent(axis) <= input.shape[1 + axis] + 2 * padding
            else { throw error }
        }
        // The bordered input must be as limited as every other value.
        let padded = (0..<2).map { input.shape[1 + $0] + 2 * window.padding[$0] }
        let bordered = (0..<2).map { roundedUp(padded[$0], to: window.stride[$0]) }
        try checkShape([input.shape[0]] + bordered, sizes: [3], at: place)
        return (0..<2).map { (padded[$0] - window.extent($0)) / window.stride[$0] + 1 }
    }
}

extension PackedWindow {
    /// How many places a kernel spans along an axis.
    func extent(_ axis: Int) -> Int { dilation[axis] * (kernel[axis] - 1) + 1 }
}
