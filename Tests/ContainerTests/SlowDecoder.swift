import PackedModel

/// A second decoder, written from Format.md alone: bit by bit, codes looked up in a dictionary of
/// strings. It knows no Zstandard and trusts its input.
struct SlowDecoder {
    private var bytes: ArraySlice<UInt8>
    /// The bits of the field that is being read, as `0` and `1`.
    private var bits: ArraySlice<Character> = []

    static func model(_ file: [UInt8]) -> PackedModel {
        var decoder = SlowDecoder(bytes: file.dropFirst(5))
        return decoder.model()
    }

    private init(bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
    }

    // MARK: Byte fields

    private mutating func u8() -> Int { Int(bytes.removeFirst()) }

    private mutating func u32() -> UInt32 {
        (0..<4).reduce(0) { $0 + UInt32(u8()) << UInt32(8 * $1) }
    }

    private mutating func f32() -> Float { Float(bitPattern: u32()) }

    private mutating func varint() -> Int {
        var value = 0
        var factor = 1
        while true {
            let byte = u8()
            value += byte % 128 * factor
            factor *= 128
            if byte < 128 { return value }
        }
    }

    private mutating func text() -> String {
        let count = varint()
        defer { bytes.removeFirst(count) }
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    // MARK: Bit fields

    private mutating func startBits() {
        bits = ArraySlice(
            bytes.flatMap { byte in
                (0..<8).map { byte >> UInt8(7 - $0) & 1 == 1 ? Character("1") : "0" }
            })
    }

    private mutating func number(_ count: Int) -> Int {
        let digits = String(bits.prefix(count))
        bits.removeFirst(count)
        return count == 0 ? 0 : Int(digits, radix: 2)!
    }

    private mutating func rice(_ k: Int) -> Int {
        var quotient = 0
        while number(1) == 1 { quotient += 1 }
        return quotient * (1 << k) + number(k)
    }

    private func width(_ m: Int) -> Int {
        (0...).first { m < 1 << $0 }!
    }

    private func signed(_ z: Int) -> Int { z % 2 == 0 ? z / 2 : -(z + 1) / 2 }

    // MARK: Sections

    private mutating func model() -> PackedModel {
        var metadata = section(1)
        precondition(metadata.u8() == 0)
        var model = metadata.metadata()
        for index in model.nodes.indices {
            if let layer = model.nodes[index].operation.layer {
                model.nodes[index].operation.layer = tensor(layer)
            }
        }
        precondition(bytes.isEmpty)
        return model
    }

    private mutating func section(_ kind: Int) -> SlowDecoder {
        precondition(u8() == kind)
        let length = varint()
        defer { bytes.removeFirst(length + 4) }
        return SlowDecoder(bytes: bytes.prefix(length))
    }

    private mutating func metadata() -> PackedModel {
        let name = text()
        let flags = u8()
        let shape = (0..<(flags % 2 == 1 ? 3 : 1)).map { _ in varint() }
        let pixelScale = f32()
        let n = flags & 8 != 0 ? 1 : shape[0]
        let mean = floats(n, listed: flags & 2 != 0)
        let deviation = floats(n, listed: flags & 4 != 0)
        let input = PackedInput(
            shape: shape, pixelScale: pixelScale, mean: mean, deviation: deviation,
            quantizer: quantizer())
        let classNames = (0..<varint()).map { _ in text() }
        var nodes: [PackedNode] = []
        var shapes = [shape]
        for index in 0..<varint() {
            let kind = u8()
            let name = text()
            let inputs = kind >= 128 ? (0..<varint()).map { _ in varint() } : [index]
            let (operation, shape) = operation(kind % 128, inputs.map { shapes[$0] })
            nodes.append(PackedNode(name: name, inputs: inputs, operation: operation))
            shapes.append(shape)
        }
        precondition(bytes.isEmpty)
        return PackedModel(name: name, input: input, nodes: nodes, classNames: classNames)
    }

    private mutating func floats(_ count: Int, listed: Bool) -> [Float] {
        listed ? (0..<count).map { _ in f32() } : [Float](repeating: f32(), count: count)
    }

    private mutating func quantizer() -> PackedQuantizer? {
        let flags = u8()
        if flags == 0 { return nil }
        return PackedQuantizer(
            bits: flags % 8 + 1, isSigned: flags & 8 != 0, scale: f32(),
            offset: flags & 16 != 0 ? f32() : 0)
    }

    private mutating func operation(_ kind: Int, _ inputs: [[Int]]) -> (PackedOperation, [Int]) {
        let input = inputs[0]
        let all = input.reduce(1, *)
        switch kind {
        case 1:
            let layer = layer([all])
            return (.linear(layer), [layer.weights.shape[0]])
        case 4: return (.flatten, [all])
        case 7:
            let shape = (0..<u8()).map { _ in varint() }
            return (.reshape(shape), shape)
        case 8: return (.add(activation(), output: quantizer()), input)
        case 9: return (.multiply(output: quantizer()), input)
        case 10:
            let channels = inputs.reduce(0) { $0 + $1[0] }
            return (.concatenation(output: quantizer()), [channels] + input[1...])
        case 11:
            let first = varint()
            let count = varint()
            return (.slice(first..<first + count), [count] + input[1...])
        case 12: return (.channelShuffle(groups: varint()), input)
        case 13:
            let sides = (0..<4).map { _ in varint() }
            let height = sides[0] + input[1] + sides[2]
            return (.padding(sides), [input[0], height, sides[1] + input[2] + sides[3]])
        case 14: return (.function(activation(), output: quantizer()), input)
        case 15: return (.softmax, input)
        default: return windowed(kind, input)
        }
    }

    private mutating func activation(_ number: Int? = nil) -> PackedActivation {
        switch number ?? u8() {
        case 0: .identity
        case 1: .relu
        case 2: .clip(lowest: f32(), highest: f32())
        case 3: .leakyReLU(slope: f32())
        case 4: .sigmoid
        case 5: .hardSigmoid
        case 6: .silu
        default: .hardSwish
        }
    }

    /// Convolution and pooling.
    private mutating func windowed(_ kind: Int, _ input: [Int]) -> (PackedOperation, [Int]) {
        let values = (0..<6).map { _ in varint() }
        var window = PackedWindow(
            kernel: [values[0], values[1]], stride: [values[2], values[3]],
            padding: [values[4], values[5]])
        if kind == 5 {
            window.dilation = [varint(), varint()]
            window.groups = varint()
        }
        let size = (0..<2).map { (axis: Int) -> Int in
            let padded: Int = input[axis + 1] + 2 * values[4 + axis]
            let extent = window.dilation[axis] * (values[axis] - 1) + 1
            return (padded - extent) / values[2 + axis] + 1
        }
        if kind == 3 { return (.maxPooling(window), [input[0]] + size) }
        if kind == 6 {
            return (.averagePooling(window, output: quantizer()), [input[0]] + size)
        }
        let layer = layer([input[0] / window.groups] + window.kernel)
        return (.convolution(layer, window), [layer.weights.shape[0]] + size)
    }

    private mutating func layer(_ inner: [Int]) -> PackedLayer {
        let flags = u8()
        let activation = activation(flags % 16)
        let outputs = varint()
        let scales =
            flags & 64 != 0
            ? multiples(outputs) : (0..<(flags & 32 != 0 ? outputs : 1)).map { _ in f32() }
        let output = flags & 16 != 0 ? quantizer() : nil
        let biasBits = u8()
        let biasScale = f32()
        let codes = codes(u8(), outputs).map { Int16(signed($0)) }
        return PackedLayer(
            weights: PackedTensor(
                shape: [outputs] + inner, levels: [], gaps: [], codes: [], scales: scales),
            bias: PackedBias(bits: biasBits, scale: biasScale, codes: codes),
            activation: activation, output: output)
    }

    private mutating func multiples(_ count: Int) -> [Float] {
        let base = f32()
        let form = u8()
        return codes(form, count).map { base * Float(form & 64 != 0 ? $0 + 1 : signed($0)) }
    }

    /// The numbers `z` of a list of codes.
    private mutating func codes(_ form: Int, _ count: Int) -> [Int] {
        startBits()
        let all = bits.count
        let codes = (0..<count).map { _ in
            form & 32 != 0 ? rice(form % 32) : number(form % 32)
        }
        bytes.removeFirst((all - bits.count + 7) / 8)
        return codes
    }

    private mutating func tensor(_ layer: PackedLayer) -> PackedLayer {
        var section = section(2)
        let form = section.u8()
        section.startBits()
        let areHalves = form & 32 != 0
        let table = areHalves ? section.halves() : []
        let levels = areHalves ? [0] : section.levels()
        let shape = layer.weights.shape
        let count = shape.reduce(1, *)
        let symbols = areHalves ? max(table.count, 1) : levels.count - 1
        // Positions with the code of each, or with its half.
        var positions = section.positions(
            form % 8, count, symbols, lines: form & 8 == 0 ? shape[0] : count / shape[0])
        if areHalves, table.isEmpty {
            let upper = section.plane(positions.count)
            let lower = section.plane(positions.count)
            for i in positions.indices { positions[i].1 = 256 * upper[i] + lower[i] }
        } else if areHalves {
            for i in positions.indices { positions[i].1 = table[positions[i].1 - 1] }
        }
        precondition(section.bits.count < 8 && !section.bits.contains("1"))
        if form & 8 != 0 {
            let inner = count / shape[0]
            positions = positions.map { ($0.0 % shape[0] * inner + $0.0 / shape[0], $0.1) }
            positions.sort { $0.0 < $1.0 }
        }
        var result = layer
        result.weights.levels = levels
        if areHalves {
            result.weights.halves = positions.map { UInt16($0.1) }
        } else {
            result.weights.codes = positions.map { UInt8($0.1) }
        }
        result.weights.gaps = zip([-1] + positions.map(\.0), positions.map(\.0)).map {
            UInt32($1 - $0 - 1)
        }
        return result
    }

    // MARK: Tensors

    /// A table of halves.
    private mutating func halves() -> [Int] {
        (0..<number(8)).map { _ in number(16) }
    }

    /// The bytes of a plane of halves.
    private mutating func plane(_ count: Int) -> [Int] {
        guard count > 0 else { return [] }
        guard number(1) == 1 else { return (0..<count).map { _ in number(8) } }
        let codes = table(256, 0)
        return (0..<count).map { _ in symbol(codes) }
    }

    private mutating func levels() -> [Int8] {
        let count = number(8)
        guard count > 0 else { return [0] }
        switch number(2) {
        case 0:
            return (0...count).map { (code: Int) -> Int8 in
                code % 2 == 1 ? Int8((code + 1) / 2) : Int8(-code / 2)
            }
        case 1:
            let k = number(3)
            var candidates = ArraySlice((-128...127).filter { $0 != 0 })
            return [0]
                + (0..<count).map { _ in
                    candidates.removeFirst(rice(k))
                    return Int8(candidates.removeFirst())
                }
        default:
            return [0] + (0..<count).map { _ in Int8(truncatingIfNeeded: number(8)) }
        }
    }

    /// Position in the order of the file, and code, of each nonzero.
    private mutating func positions(_ mode: Int, _ count: Int, _ s: Int, lines: Int) -> [(Int, Int)]
    {
        if mode == 0 {
            return (0..<count).map { ($0, number(width(s))) }.filter { $0.1 != 0 }
        }
        let nonzeros = number(width(count))
        guard nonzeros > 0 else { return [] }
        var next = 0
        func append(_ gap: Int, _ code: Int, to result: inout [(Int, Int)]) {
            next += gap
            result.append((next, code))
            next += 1
        }
        var result: [(Int, Int)] = []
        switch mode {
        case 1:
            let w = number(5)
            for _ in 0..<nonzeros {
                append(number(w), number(width(s - 1)) + 1, to: &result)
            }
        case 2:
            let b = number(3) + 1
            let gaps = table(1 << b, 0)
            let codes = table(s + 1, 0)
            while result.count < nonzeros {
                let gap = symbol(gaps)
                let code = symbol(codes)
                if code == 0 { next += gap + 1 } else { append(gap, code, to: &result) }
            }
        case 3, 4:
            let d = number(3)
            let m = number(2)
            let classes = classBounds(d, m, count)
            let first = mode == 3 ? table(classes.count, 0) : table(classes.count * s, s)
            let second = mode == 3 ? table(s, 0) : [:]
            for _ in 0..<nonzeros {
                let symbol = symbol(first)
                let bounds = classes[mode == 3 ? symbol : symbol / s]
                let gap = bounds.lowerBound + number(width(bounds.count - 1))
                append(
                    gap, mode == 3 ? self.symbol(second) + 1 : symbol % s + 1, to: &result)
            }
        case 6:
            let k = number(3) + 2
            let steps = table(k, 0)
            var classOfLine: [Int] = []
            for _ in 0..<lines { classOfLine.append((classOfLine.last ?? 0) + symbol(steps)) }
            let isJoint = number(1) == 1
            let d = number(3)
            let m = number(2)
            let classes = classBounds(d, m, count)
            let firsts = (0..<k).map { _ in
                isJoint ? table(classes.count * s, s) : table(classes.count, 0)
            }
            let second = isJoint ? [:] : table(s, 0)
            for _ in 0..<nonzeros {
                let first = symbol(firsts[classOfLine[next / (count / lines)] % k])
                let bounds = classes[isJoint ? first / s : first]
                let gap = bounds.lowerBound + number(width(bounds.count - 1))
                append(gap, isJoint ? first % s + 1 : symbol(second) + 1, to: &result)
            }
        default:
            let k = number(5)
            let f = number(3)
            for _ in 0..<nonzeros {
                let gap = rice(k)
                append(gap, (f == 7 ? number(width(s - 1)) : rice(f)) + 1, to: &result)
            }
        }
        return result
    }

    /// The gaps of each class, from gap 0 up.
    private func classBounds(_ d: Int, _ m: Int, _ count: Int) -> [Range<Int>] {
        var bounds = (0..<(1 << d)).map { $0..<$0 + 1 }
        while bounds.last!.upperBound < count {
            let octave = bounds.last!.upperBound
            for t in 0..<(1 << m) {
                let step = octave >> m
                bounds.append(octave + t * step..<octave + (t + 1) * step)
            }
        }
        return Array(bounds.prefix { $0.lowerBound < count })
    }

    // MARK: Prefix codes

    /// Reads the code lengths of an alphabet, and returns the symbol of each code.
    private mutating func table(_ alphabet: Int, _ period: Int) -> [String: Int] {
        var lengths = [Int](repeating: 0, count: alphabet)
        let form = number(2)
        if form == 0 { return ["": number(width(alphabet - 1))] }
        let n = number(width(alphabet))
        if form == 1 {
            for symbol in 0..<n { lengths[symbol] = number(4) }
        } else if form == 2 {
            let k = number(4)
            var symbol = 0
            for _ in 0..<n {
                symbol += rice(k)
                lengths[symbol] = number(4)
                symbol += 1
            }
        } else {
            let k = number(2)
            let holes = number(1) == 1
            var last = 4
            for symbol in 0..<n where !holes || number(1) == 1 {
                let above = period > 0 && symbol >= period ? lengths[symbol - period] : 0
                lengths[symbol] = (above > 0 ? above : last) + signed(rice(k))
                last = lengths[symbol]
            }
        }
        return canonical(lengths)
    }

    private func canonical(_ lengths: [Int]) -> [String: Int] {
        var codes: [String: Int] = [:]
        var code = 0
        for length in 1...15 {
            code *= 2
            for symbol in lengths.indices where lengths[symbol] == length {
                let digits = String(code, radix: 2)
                codes[String(repeating: "0", count: length - digits.count) + digits] = symbol
                code += 1
            }
        }
        return codes
    }

    private mutating func symbol(_ codes: [String: Int]) -> Int {
        var code = ""
        while true {
            if let symbol = codes[code] { return symbol }
            code.append(bits.removeFirst())
        }
    }
}
