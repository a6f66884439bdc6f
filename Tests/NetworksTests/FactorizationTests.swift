import Networks
import Tensors
import Testing

@Suite struct `Truncated singular value decomposition` {
    /// `Σ values[k] · left[k] ⊗ right[k]`, with orthonormal random vectors.
    private func matrix(_ values: [Double], rows: Int, columns: Int, seed: UInt64) -> Tensor {
        var generator = SeededGenerator(seed: seed)
        func basis(_ length: Int) -> [[Double]] {
            var vectors: [[Double]] = []
            for _ in values {
                var vector = (0..<length).map { _ in Double(generator.normal()) }
                for other in vectors {
                    let share = zip(vector, other).reduce(0) { $0 + $1.0 * $1.1 }
                    for index in vector.indices { vector[index] -= share * other[index] }
                }
                let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
                vectors.append(vector.map { $0 / norm })
            }
            return vectors
        }
        let (left, right) = (basis(rows), basis(columns))
        var result = Tensor(shape: [rows, columns])
        for row in 0..<rows {
            for column in 0..<columns {
                result[row * columns + column] = Float(
                    values.indices.reduce(0) {
                        $0 + values[$1] * left[$1][row] * right[$1][column]
                    })
            }
        }
        return result
    }

    private func product(_ svd: TruncatedSVD) -> Tensor {
        let (a, b) = svd.balancedFactors
        var result = Tensor(shape: [a.shape[0], b.shape[1]])
        for row in 0..<a.shape[0] {
            for column in 0..<b.shape[1] {
                result[row * b.shape[1] + column] = (0..<a.shape[1]).reduce(0) {
                    $0 + a[row * a.shape[1] + $1] * b[$1 * b.shape[1] + column]
                }
            }
        }
        return result
    }

    private func error(_ a: Tensor, _ b: Tensor) -> Double {
        zip(a.elements, b.elements).reduce(0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
            .squareRoot()
    }

    @Test(arguments: [(9, 6), (6, 9), (7, 7), (5, 1), (1, 5)])
    func `finds singular values and gives the matrix back`(rows: Int, columns: Int) {
        let values = Array([8, 4, 2, 1, 0.5].prefix(min(rows, columns)))
        let matrix = matrix(values, rows: rows, columns: columns, seed: UInt64(rows))
        let svd = TruncatedSVD(of: matrix, .rank(100), threads: 1)
        for (found, expected) in zip(svd.values, values) {
            #expect(abs(found - expected) < 1e-5)
        }
        #expect(svd.values.dropFirst(values.count).allSatisfy { $0 < 1e-5 })
        #expect(error(product(svd), matrix) < 1e-5)
    }

    /// Eckart & Young 1936: the error of the best approximation is the norm of what is left out.
    @Test func `a truncated one is the best approximation of its rank`() {
        let matrix = matrix([8, 4, 2, 1], rows: 12, columns: 7, seed: 3)
        let svd = TruncatedSVD(of: matrix, .rank(2), threads: 1)
        #expect(svd.values.count == 2)
        #expect(abs(error(product(svd), matrix) - 5.0.squareRoot()) < 1e-4)
    }

    /// 64 + 16 + 4 + 1 = 85
    @Test(arguments: [(0.7, 1), (0.76, 2), (0.93, 2), (0.95, 3), (1, 4), (0, 1)])
    func `keeps as many values as hold the energy`(energy: Double, rank: Int) {
        let matrix = matrix([8, 4, 2, 1], rows: 8, columns: 9, seed: 4)
        let svd = TruncatedSVD(of: matrix, .energy(min(energy, 0.999999)), threads: 1)
        #expect(svd.values.count == rank)
    }

    @Test func `a zero matrix has a factorization of rank one`() {
        let svd = TruncatedSVD(of: Tensor(shape: [3, 4]), .energy(0.9), threads: 1)
        #expect(product(svd) == Tensor(shape: [3, 4]))
    }

    /// Both sides are above what is decomposed whole.
    @Test(arguments: [Factorization.Rank.rank(6), .energy(0.99999)])
    func `finds the largest values of a matrix that is too large to decompose whole`(
        rank: Factorization.Rank
    ) {
        let values = [90, 50, 30, 20, 10, 5.0]
        let matrix = matrix(values, rows: 520, columns: 530, seed: 5)
        let svd = TruncatedSVD(of: matrix, rank, threads: 2)
        #expect(svd.values.count == 6)
        for (found, expected) in zip(svd.values, values) {
            #expect(abs(found - expected) < 1e-3 * expected)
        }
        #expect(error(product(svd), matrix) < 0.05)
    }
}

@Suite struct `Factorized networks` {
    private func network() throws -> Network {
        var network = try Network(
            name: "n", inputShape: [6, 7, 3],
            chain: [
                (
                    "conv",
                    Convolution(
                        ConvolutionGeometry(
                            height: 6, width: 7, channels: 3, outputs: 5, kernel: [3, 3],
                            stride: [2, 1], padding: [1, 1]))
                ),
                ("relu", Activation(.relu)), ("flatten", Flatten()),
                ("fc", Linear(inputs: 105, outputs: 4)),
            ])
        var generator = SeededGenerator(seed: 6)
        network.randomize(using: &generator)
        return network
    }

    private func outputs(_ network: Network) -> [Float] {
        var (network, generator) = (network, SeededGenerator(seed: 7))
        var pass = Pass(isTraining: false)
        return network.forward(.random([2, 6, 7, 3], using: &generator), pass: &pass).elements
    }

    @Test func `compute the same at full rank`() throws {
        let network = try network()
        let factorized = try network.factorized(
            ["conv": .rank(5), "fc": .rank(4)], threads: 1)
        #expect(
            factorized.nodes.map(\.name) == [
                "conv.a", "conv.b", "relu", "flatten", "fc.a", "fc.b",
            ])
        for (found, expected) in zip(outputs(factorized), outputs(network)) {
            #expect(abs(found - expected) < 1e-4)
        }
    }

    @Test func `have fewer weights at lower rank`() throws {
        let factorized = try network().factorized(["fc": .rank(2)], threads: 1)
        let convolution = 27 * 5 + 5
        #expect(factorized.parameterCount == convolution + 105 * 2 + 2 + 2 * 4 + 4)
    }

    @Test func `refuse what is no layer with plain weights`() throws {
        let network = try network()
        #expect(
            throws: FactorizationError.unknownLayer(
                "fc9", known: ["conv", "relu", "flatten", "fc"])
        ) { try network.factorized(["fc9": .rank(1)], threads: 1) }
        #expect(
            throws: FactorizationError.unfit(layer: "relu", reason: "it is of kind activation")
        ) { try network.factorized(["relu": .rank(1)], threads: 1) }
    }
}
