import Foundation
import Tensors

/// The largest singular values of a matrix `[rows, columns]` with their vectors: `A ≈ U diag(s) Vᵀ`.
///
/// Matrices with up to 512 rows or columns are decomposed whole by one-sided Jacobi rotations
/// (Hestenes 1958; Golub & Van Loan, Matrix Computations, section 8.6.3). Larger ones are first
/// projected on a random subspace that two power iterations have turned towards the largest singular
/// vectors (Halko, Martinsson & Tropp 2011, arXiv 0909.4061, algorithm 4.4).
package struct TruncatedSVD {
    /// Descending.
    package private(set) var values: [Double]
    /// `[rank][rows]` and `[rank][columns]`: the singular vectors.
    package private(set) var left: [[Double]]
    package private(set) var right: [[Double]]

    /// The side up to which a matrix is decomposed whole.
    private static let exactSide = 512
    /// Vectors of the random subspace beyond the rank.
    private static let oversampling = 10

    package init(of matrix: Tensor, _ rank: Factorization.Rank, threads: Int) {
        let (rows, columns) = (matrix.shape[0], matrix.shape[1])
        let side = min(rows, columns)
        if side <= Self.exactSide {
            self.init(matrix)
        } else {
            // For an energy the rank is not known: the subspace grows until it holds the energy.
            let total = matrix.elements.reduce(0) { $0 + Double($1) * Double($1) }
            var size: Int
            switch rank {
            case .rank(let count): size = count
            case .energy: size = 64
            }
            while true {
                let sketch = min(size + Self.oversampling, side)
                self.init(matrix, sketch: sketch, threads: threads)
                guard case .energy(let share) = rank, sketch < side else { break }
                if values.reduce(0, { $0 + $1 * $1 }) >= share * total { break }
                size *= 2
            }
        }
        truncate(to: rank, of: matrix)
    }

    /// `U √s` as `[rows, rank]` and `√s Vᵀ` as `[rank, columns]`.
    package var balancedFactors: (Tensor, Tensor) {
        let rank = values.count
        var a = Tensor(shape: [left[0].count, rank])
        var b = Tensor(shape: [rank, right[0].count])
        for index in 0..<rank {
            let root = values[index].squareRoot()
            for row in left[index].indices {
                a[row * rank + index] = Float(left[index][row] * root)
            }
            for column in right[index].indices {
                b[index * right[index].count + column] = Float(right[index][column] * root)
            }
        }
        return (a, b)
    }

    private mutating func truncate(to rank: Factorization.Rank, of matrix: Tensor) {
        var count = values.count
        switch rank {
        case .rank(let wanted):
            count = min(wanted, count)
        case .energy(let share):
            let total = matrix.elements.reduce(0) { $0 + Double($1) * Double($1) }
            var held = 0.0
            count = 0
            while count < values.count, count == 0 || held < share * total {
                held += values[count] * values[count]
                count += 1
            }
        }
        count = max(count, 1)
        values = Array(values.prefix(count))
        left = Array(left.prefix(count))
        right = Array(right.prefix(count))
    }

    // MARK: The whole matrix

    /// By rotations that make the shorter side's vectors orthogonal.
    private init(_ matrix: Tensor) {
        let isTall = matrix.shape[0] >= matrix.shape[1]
        let vectors = Vectors(isTall ? matrix.transposed : matrix)
        let (values, long, short) = Self.jacobi(vectors)
        self.values = values
        left = isTall ? long : short
        right = isTall ? short : long
    }

    /// One-sided Jacobi: rotates pairs of vectors until all are orthogonal. Their norms are then the
    /// singular values, the vectors themselves the long side's singular vectors, and the rotations
    /// make up the short side's.
    private static func jacobi(
        _ vectors: Vectors
    ) -> (values: [Double], long: [[Double]], short: [[Double]]) {
        let count = vectors.count
        var vectors = vectors
        var rotations = Vectors(identity: count)
        let mostSweeps = 60
        for _ in 0..<mostSweeps {
            var isOrthogonal = true
            for p in 0..<count {
                for q in p + 1..<max(count, p + 1) {
                    let (a, b, c) = vectors.products(p, q)
                    guard c != 0, abs(c) > 1e-12 * (a * b).squareRoot() else { continue }
                    isOrthogonal = false
                    let zeta = (b - a) / (2 * c)
                    let tangent =
                        (zeta >= 0 ? 1.0 : -1.0) / (abs(zeta) + (1 + zeta * zeta).squareRoot())
                    let cosine = 1 / (1 + tangent * tangent).squareRoot()
                    vectors.rotate(p, q, cosine: cosine, sine: cosine * tangent)
                    rotations.rotate(p, q, cosine: cosine, sine: cosine * tangent)
                }
            }
            if isOrthogonal { break }
        }
        let norms = (0..<count).map { vectors.products($0, $0).0.squareRoot() }
        let order = norms.indices.sorted { (norms[$1], $0) < (norms[$0], $1) }
        return (
            order.map { norms[$0] },
            order.map { k in vectors[k].map { norms[k] > 0 ? $0 / norms[k] : 0 } },
            order.map { rotations[$0] }
        )
    }

    // MARK: A random subspace

    /// The `sketch` largest singular values, nearly.
    private init(_ matrix: Tensor, sketch: Int, threads: Int) {
        let (rows, columns) = (matrix.shape[0], matrix.shape[1])
        var kernels = LinearKernels(inputs: columns, outputs: sketch)
        var generator = SeededGenerator(seed: 1)
        var basis = Tensor(shape: [columns, sketch])
        for index in 0..<basis.count { basis[index] = generator.normal() }
        let zeros = Tensor(shape: [sketch])
        var range = Tensor(shape: [rows, sketch])
        var unused = zeros
        for round in 0...2 {
            kernels.forward(matrix, weights: basis, bias: zeros, into: &range, threads: threads)
            range.orthonormalizeColumns()
            kernels.parameterGradients(
                matrix, range, weights: &basis, bias: &unused, threads: threads)
            if round < 2 { basis.orthonormalizeColumns() }
        }
        // A ≈ Q Qᵀ A, and `basis` is now Aᵀ Q.
        let (values, long, short) = Self.jacobi(Vectors(basis.transposed))
        self.values = values
        right = long
        let orthonormal = Vectors(range.transposed)
        left = short.map { coefficients in orthonormal.combined(by: coefficients) }
    }
}

/// Vectors of one length in one array.
private struct Vectors {
    let count: Int
    let length: Int
    private var elements: [Double]

    /// The rows of a matrix.
    init(_ matrix: Tensor) {
        (count, length) = (matrix.shape[0], matrix.shape[1])
        elements = matrix.elements.map(Double.init)
    }

    init(identity size: Int) {
        (count, length) = (size, size)
        elements = [Double](repeating: 0, count: size * size)
        for index in 0..<size { elements[index * size + index] = 1 }
    }

    subscript(index: Int) -> [Double] { Array(elements[index * length..<(index + 1) * length]) }

    /// `x · x`, `y · y` and `x · y` of two vectors.
    func products(_ first: Int, _ second: Int) -> (Double, Double, Double) {
        elements.withUnsafeBufferPointer { elements in
            let x = elements.baseAddress! + first * length
            let y = elements.baseAddress! + second * length
            var (a, b, c) = (0.0, 0.0, 0.0)
            for index in 0..<length {
                a += x[index] * x[index]
                b += y[index] * y[index]
                c += x[index] * y[index]
            }
            return (a, b, c)
        }
    }

    mutating func rotate(_ first: Int, _ second: Int, cosine: Double, sine: Double) {
        let length = length
        elements.withUnsafeMutableBufferPointer { elements in
            let x = elements.baseAddress! + first * length
            let y = elements.baseAddress! + second * length
            for index in 0..<length {
                let (u, v) = (x[index], y[index])
                x[index] = cosine * u - sine * v
                y[index] = sine * u + cosine * v
            }
        }
    }

    /// The sum of the vectors, each times its coefficient.
    func combined(by coefficients: [Double]) -> [Double] {
        var result = [Double](repeating: 0, count: length)
        for (vector, coefficient) in coefficients.enumerated() {
            for index in 0..<length {
                result[index] += coefficient * elements[vector * length + index]
            }
        }
        return result
    }

    /// Gram–Schmidt, twice over each vector against rounding. Vectors that depend on those before
    /// them become zero.
    mutating func orthonormalize() {
        for vector in 0..<count {
            let before = products(vector, vector).0.squareRoot()
            for _ in 0..<2 {
                for other in 0..<vector {
                    let share = products(other, vector).2
                    if share == 0 { continue }
                    for index in 0..<length {
                        elements[vector * length + index] -=
                            share * elements[other * length + index]
                    }
                }
            }
            let norm = products(vector, vector).0.squareRoot()
            let factor = norm > 1e-10 * before ? 1 / norm : 0
            for index in 0..<length { elements[vector * length + index] *= factor }
        }
    }

    var matrix: Tensor { Tensor(shape: [count, length], elements: elements.map(Float.init)) }
}

extension Tensor {
    /// Of a matrix.
    fileprivate var transposed: Tensor {
        var result = Tensor(shape: [shape[1], shape[0]])
        result.assignTransposed(self, rows: shape[0], columns: shape[1], threads: 1)
        return result
    }

    fileprivate mutating func orthonormalizeColumns() {
        var vectors = Vectors(transposed)
        vectors.orthonormalize()
        self = vectors.matrix.transposed
    }
}
