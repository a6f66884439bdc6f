import CFloatKernels
import Networks
import Quantization
import Tensors
import Testing

/// Functions between two grids, computed together, beside the same layers one by one.
struct QuantizedFunctionTests {
    private static let functions: [ActivationFunction] = [
        .silu, .hardSwish, .sigmoid, .hardSigmoid, .relu, .leakyReLU(slope: 0.1), .relu6,
    ]

    private func normal(_ count: Int, seed: UInt64) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in 3 * generator.normal() }
    }

    /// A function between two quantizers, behind a linear layer whose variables want the gradient of the
    /// first one's input, or on the input itself. `Dropout` of nothing keeps the layers apart.
    private func network(
        _ function: ActivationFunction, _ first: ActivationQuantizer,
        _ second: ActivationQuantizer, isApart: Bool, isBehindLayer: Bool = true
    ) throws -> Network {
        var linear = Linear(inputs: 40, outputs: 40)
        for index in 0..<40 { linear.weight.trained.value[index * 41] = 1 }
        var chain: [(String, any Layer)] = isBehindLayer ? [("linear", linear)] : []
        chain.append(("first", first))
        if isApart { chain.append(("apart", Dropout(rate: 0))) }
        chain += [("function", Activation(function)), ("second", second)]
        return try Network(
            name: "chain", inputShape: [40], chain: chain.map { (name: $0.0, layer: $0.1) })
    }

    private func results(
        of network: Network, isTraining: Bool = true, batch: Int = 25, threads: Int = 1
    ) -> (y: [Float], gradients: [String: [Float]]) {
        var network = network
        let shape = [batch, 40]
        let x = Tensor(shape: shape, elements: normal(batch * 40, seed: 1))
        let dy = Tensor(shape: shape, elements: normal(batch * 40, seed: 2))
        var pass = Pass(isTraining: isTraining, threads: threads)
        let y = network.forward(x, pass: &pass)
        network.backward(dy, pass: &pass)
        var gradients: [String: [Float]] = [:]
        network.visitVariables { gradients[$0] = $1.gradient.elements }
        return (y.elements, gradients)
    }

    private func expectSame(
        _ found: [String: [Float]], _ expected: [String: [Float]], _ what: String
    ) {
        #expect(found.count == expected.count)
        for (name, values) in expected {
            let size = 1e-6 * (1 + values.map(abs).max()!)
            let isNear = zip(found[name]!, values).allSatisfy { abs($0 - $1) <= size }
            #expect(isNear, "\(name), \(what)")
            #expect(values.contains { $0 != 0 } || name.hasSuffix("offset"), "\(name), \(what)")
        }
    }

    @Test(arguments: functions, ActivationScheme.allCases)
    func `together they compute what they compute one by one`(
        function: ActivationFunction, scheme: ActivationScheme
    ) throws {
        for bits in [2, 4, 8] {
            let first = ActivationQuantizer(
                bits: bits, scheme: scheme, step: 7 / Float(1 << bits),
                offset: scheme.hasOffset ? -1.1 : 0)
            let second = ActivationQuantizer(
                bits: 4, scheme: .unsignedAsymmetric, step: 0.3, offset: -0.28)
            let together = try network(function, first, second, isApart: false)
            let found = results(of: together)
            let expected = results(of: try network(function, first, second, isApart: true))
            #expect(found.y == expected.y, "\(bits) bits")
            #expect(found.y == results(of: together, isTraining: false).y, "\(bits) bits")
            expectSame(found.gradients, expected.gradients, "\(bits) bits")
        }
    }

    /// Behind a normalization, which takes them over; the second one also alone.
    @Test(arguments: [ActivationFunction.silu, .relu6, nil], [1, 700])
    func `a normalization before them takes them over`(
        function: ActivationFunction?, batch: Int
    ) throws {
        let first = ActivationQuantizer(
            bits: 8, scheme: .signedAsymmetric, step: 0.03, offset: 0.1)
        let second = ActivationQuantizer(
            bits: 4, scheme: .unsignedAsymmetric, step: 0.2, offset: -0.28)
        func network(isApart: Bool) throws -> Network {
            var linear = Linear(inputs: 40, outputs: 40)
            for index in 0..<40 { linear.weight.trained.value[index * 41] = 1 }
            var chain: [(String, any Layer)] = [
                ("linear", linear),
                (
                    "normalization",
                    BatchNormalization(channels: 40, activation: .leakyReLU(slope: 0.2))
                ),
            ]
            if isApart { chain.append(("apart", Dropout(rate: 0))) }
            if let function { chain += [("first", first), ("function", Activation(function))] }
            chain.append(("second", second))
            return try Network(
                name: "chain", inputShape: [40], chain: chain.map { (name: $0.0, layer: $0.1) })
        }
        var together = try network(isApart: false)
        var pass = Pass(isTraining: true)
        _ = together.forward(Tensor(shape: [5, 40], repeating: 1), pass: &pass)
        #expect(together.activation(2).count == 0)
        let found = results(of: try network(isApart: false), batch: batch + 1)
        let expected = results(of: try network(isApart: true), batch: batch + 1)
        #expect(found.y == expected.y)
        expectSame(found.gradients, expected.gradients, "a batch of \(batch)")
        let shared = results(of: try network(isApart: false), batch: batch + 1, threads: 3)
        #expect(shared.y == found.y && shared.gradients == found.gradients)
    }

    /// Many chunks, also on several threads; and without the gradient of the input.
    @Test(arguments: ActivationScheme.allCases, [true, false])
    func `as much on several threads, for every second grid`(
        scheme: ActivationScheme, isBehindLayer: Bool
    ) throws {
        let first = ActivationQuantizer(
            bits: 8, scheme: .signedAsymmetric, step: 0.05, offset: 0.1,
            isLearned: scheme.hasOffset, sharing: .features)
        let second = ActivationQuantizer(
            bits: 4, scheme: scheme, step: 0.4, offset: scheme.hasOffset ? -0.2 : 0)
        func run(isApart: Bool, threads: Int) throws -> (y: [Float], gradients: [String: [Float]]) {
            let network = try network(
                .silu, first, second, isApart: isApart, isBehindLayer: isBehindLayer)
            return results(of: network, batch: 7000, threads: threads)
        }
        let (found, expected) = (
            try run(isApart: false, threads: 1), try run(isApart: true, threads: 1)
        )
        #expect(found.y == expected.y)
        expectSame(found.gradients, expected.gradients, "\(scheme)")
        let shared = try run(isApart: false, threads: 3)
        #expect(shared.y == found.y && shared.gradients == found.gradients)
    }

    /// What is between them is not computed, which tells that they are.
    @Test
    func `a network computes them together where both learn as LSQ+ has it`() throws {
        let plain = ActivationQuantizer(bits: 4, scheme: .unsignedAsymmetric, step: 0.3)
        var other = plain
        other.rule = .lgLSQStyle(forWeights: false)
        func computes(_ second: ActivationQuantizer, isTraining: Bool) throws -> Bool {
            var network = try network(.silu, plain, second, isApart: false)
            var pass = Pass(isTraining: isTraining)
            _ = network.forward(Tensor(shape: [25, 40], repeating: 1), pass: &pass)
            return network.activation(3).count > 0
        }
        #expect(try !computes(plain, isTraining: true))
        #expect(try computes(plain, isTraining: false))
        #expect(try computes(other, isTraining: true))
    }

    /// An evaluation computes layers one by one, and so does a backward pass behind it, although the forward
    /// pass before was one of training; the next one in training is together again.
    @Test
    func `a backward pass is that of the last forward pass`() throws {
        func gradients(isApart: Bool) throws -> [[String: [Float]]] {
            let first = ActivationQuantizer(bits: 4, scheme: .signedSymmetric, step: 0.5)
            let second = ActivationQuantizer(bits: 4, scheme: .unsignedAsymmetric, step: 0.25)
            var network = try network(.silu, first, second, isApart: isApart)
            let batches = [(25, true), (9, false), (25, true)]
            var found: [[String: [Float]]] = []
            for (index, (batch, isTraining)) in batches.enumerated() {
                let x = Tensor(
                    shape: [batch, 40], elements: normal(batch * 40, seed: UInt64(index)))
                var pass = Pass(isTraining: isTraining, threads: 1)
                _ = network.forward(x, pass: &pass)
                if index == 0 { continue }
                let dy = Tensor(
                    shape: [batch, 40], elements: normal(batch * 40, seed: UInt64(10 + index)))
                network.backward(dy, pass: &pass)
                found.append([:])
                network.visitVariables { found[found.count - 1][$0] = $1.gradient.elements }
            }
            return found
        }
        let (together, apart) = (
            try gradients(isApart: false), try gradients(isApart: true)
        )
        expectSame(together[0], apart[0], "behind an evaluation")
        expectSame(together[1], apart[1], "in training again")
    }

    /// The sum reads the first quantizer, or the function, besides.
    @Test(arguments: [1, 2])
    func `what others read, too, is computed`(other: Int) throws {
        let quantizer = ActivationQuantizer(bits: 4, scheme: .unsignedAsymmetric, step: 0.3)
        let layers: [(any Layer, [Int])] = [
            (quantizer, [0]), (Activation(.silu), [1]), (quantizer, [2]), (Add(), [3, other]),
        ]
        var network = try Network(
            name: "fork", inputShape: [8],
            nodes: layers.enumerated().map {
                Network.Node(name: "\($0)", inputs: $1.1, layer: $1.0)
            })
        var pass = Pass(isTraining: true)
        _ = network.forward(Tensor(shape: [2, 8], repeating: 1), pass: &pass)
        #expect((1...4).allSatisfy { network.activation($0).count == 16 })
    }

    /// The formulas, one value at a time.
    private func slow(
        _ g: cfk_grid, _ values: [Float], _ slopes: [cfk_slopes], _ x: [Float], _ dy: [Float]
    ) -> (y: [Float], dx: [Float], sums: [Double]) {
        var (y, dx, sums) = ([Float](), [Float](), [0.0, 0, 0, 0])
        for (x, dy) in zip(x, dy) {
            let u = (x - g.offset) / g.step
            let code = min(max(u, g.lowest), g.highest).rounded(.toNearestOrEven)
            let isInside = g.lowest < u && u < g.highest
            let place = Int(code - g.lowest)
            let slope = dy * slopes[place].value
            y.append(values[place])
            dx.append(isInside ? slope : 0)
            sums[0] += Double(slope * (isInside ? code - u : code))
            sums[1] += isInside ? 0 : Double(slope)
            sums[2] += Double(dy * slopes[place].step)
            if slopes[place].value.bitPattern == (-Float(0)).bitPattern { sums[3] += Double(dy) }
        }
        return (y, dx, sums)
    }

    @Test(arguments: instructionSets)
    func `kernels agree with the formulas at every length`(isa: UInt32) {
        let isa = cfk_isa(rawValue: isa)
        let grid = cfk_grid(
            step: 0.17, offset: -0.3, lowest: -128, highest: 127)
        let values = normal(257, seed: 10)
        let slopes = (0..<257).map {
            // Each kind of zero stands for something else.
            let value: Float? = $0 % 5 == 0 ? -0.0 : $0 % 7 == 0 ? 0 : nil
            return cfk_slopes(value: value ?? values[256 - $0], step: Float($0 % 11) - 5)
        }
        for count in Array(0...40) + Array(250...262) + [1009] {
            let x = normal(count, seed: 3).map { 4 * $0 }
            let dy = normal(count, seed: 4)
            let expected = slow(grid, values, slopes, x, dy)
            var (y, dx) = (x, dy)
            var (sums, sumsAlone) = ([9.0, 9, 9, 9], [0.0, 0, 0, 0])
            cfk_quantize_lookup(isa, grid, values, x, &y, Int64(count))
            cfk_quantize_lookup_gradient(isa, grid, slopes, x, dy, &dx, Int64(count), &sums)
            cfk_quantize_lookup_gradient(isa, grid, slopes, x, dy, nil, Int64(count), &sumsAlone)
            #expect(y == expected.y && dx == expected.dx, "\(count) values")
            let size = 1e-5 * (1 + dy.reduce(0) { $0 + Double(abs($1)) } * 500)
            #expect(zip(sums, expected.sums).allSatisfy { abs($0 - $1) < size })
            #expect(sumsAlone == sums, "\(count) values")
        }
    }

    @Test(arguments: instructionSets)
    func `what is no number stays so, and infinity has the last code`(isa: UInt32) {
        let grid = cfk_grid(step: 1, offset: 0, lowest: 0, highest: 255)
        let x: [Float] = [.nan, .infinity, -.infinity, 3, 1e30]
        var y = [Float](repeating: 0, count: 5)
        let table = (0..<256).map { Float($0) + 0.5 } + [.nan]
        cfk_quantize_lookup(cfk_isa(rawValue: isa), grid, table, x, &y, 5)
        #expect(y[0].isNaN)
        #expect(Array(y[1...]) == [255.5, 0.5, 3.5, 255.5])
    }
}
