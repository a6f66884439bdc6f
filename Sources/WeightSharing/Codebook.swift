import Networks
import Tensors

/// Lets the weights of a layer share a few values: each weight is the centroid that its code names,
/// and the centroids are what is trained (Han, Mao & Dally 2016, arXiv 1510.00149, §3).
///
/// Code 0 is zero; code `k ≥ 1` is centroid `k − 1`. So `b` bits have room for `2^b − 1` centroids.
public struct Codebook: Parametrization, Equatable {
    public static let kind = "codebook"
    /// Codes are bytes, and one of them is zero.
    public static let maximumCentroids = 255

    /// The shape of the layer's weights.
    public let shape: [Int]
    /// One code a weight, row-major.
    public let codes: [UInt8]
    private let highestCode: Int

    public init(shape: [Int], codes: [UInt8]) {
        precondition(
            shape.reduce(1, *) == codes.count, "\(codes.count) codes for a shape \(shape)")
        self.shape = shape
        self.codes = codes
        highestCode = Int(codes.max() ?? 0)
    }

    /// How many centroids fit into codes of `bits`, 1...8.
    public static func centroids(forBits bits: Int) -> Int {
        precondition((1...8).contains(bits), "a code has 1 to 8 bits, not \(bits)")
        return 1 << bits - 1
    }

    /// How many weights each of `count` centroids stands for.
    public func memberCounts(centroids count: Int) -> [Int] {
        var counts = [Int](repeating: 0, count: 256)
        for code in codes { counts[Int(code)] += 1 }
        return Array(counts[1..<count + 1])
    }

    public func effectiveShape(of shape: [Int]) -> [Int] { self.shape }

    /// - Parameter shape: `[K]`, of the table of centroids.
    public func requireFit(to shape: [Int]) throws(SavedStateError) {
        let count = shape.reduce(1, *)
        guard shape.count == 1, count <= Self.maximumCentroids else {
            throw .wrongShape(
                kind: Self.kind, field: "centroids", found: shape,
                expected: [Self.maximumCentroids])
        }
        if let code = codes.first(where: { $0 > count }) {
            throw .outOfRange(
                kind: Self.kind, field: "code", found: Double(code), range: 0...count)
        }
    }

    public func apply(to centroids: Tensor, into weights: inout Tensor, threads: Int) {
        precondition(
            centroids.count >= highestCode && centroids.count <= Self.maximumCentroids,
            "\(centroids.count) centroids for codes up to \(highestCode)")
        var table = [Float](repeating: 0, count: 256)
        for index in 0..<centroids.count { table[index + 1] = centroids[index] }
        weights.withUnsafeMutableElements { weights in
            codes.withUnsafeBufferPointer { codes in
                table.withUnsafeBufferPointer { table in
                    for index in 0..<codes.count { weights[index] = table[Int(codes[index])] }
                }
            }
        }
    }

    /// A centroid's gradient is the sum over its members (Han, Mao & Dally 2016, eq. 3), in
    /// `Double` and in a fixed order.
    public func backpropagate(
        value centroids: Tensor, effectiveGradient: Tensor, into centroidGradient: inout Tensor,
        threads: Int
    ) {
        precondition(
            effectiveGradient.count == codes.count && centroids.count <= Self.maximumCentroids,
            "\(codes.count) codes and \(centroids.count) centroids for \(effectiveGradient.shape)")
        // Neighbours with one code, such as zeros, would wait for each other's addition; hence four
        // tables: 4 × [256].
        var sums = [Double](repeating: 0, count: 4 * 256)
        sums.withUnsafeMutableBufferPointer { sums in
            codes.withUnsafeBufferPointer { codes in
                effectiveGradient.withUnsafeElements { gradient in
                    for index in 0..<codes.count {
                        sums[(index & 3) << 8 | Int(codes[index])] += Double(gradient[index])
                    }
                }
            }
        }
        for index in 0..<centroids.count {
            let code = index + 1
            let (even, odd) = (sums[code] + sums[512 + code], sums[256 + code] + sums[768 + code])
            centroidGradient[index] = Float(even + odd)
        }
    }

    public var state: SavedState {
        var state = SavedState(kind: Self.kind)
        state.numbers["rank"] = Double(shape.count)
        for (axis, size) in shape.enumerated() { state.numbers["size\(axis)"] = Double(size) }
        state.bytes["codes"] = codes
        return state
    }

    public init(state: SavedState) throws {
        let codes = try state.bytes("codes")
        var shape: [Int] = []
        for axis in 0..<(try state.integer("rank", in: 0...8)) {
            shape.append(try state.integer("size\(axis)", in: 0...max(codes.count, 1)))
        }
        guard shape.reduce(1.0, { $0 * Double($1) }) == Double(codes.count) else {
            throw SavedStateError.wrongShape(
                kind: Self.kind, field: "codes", found: [codes.count], expected: shape)
        }
        self.init(shape: shape, codes: codes)
    }
}

extension Parameter {
    /// Lets the weights share the centroids of a clustering, and trains those from now on.
    ///
    /// Sharing comes before quantization: what stands in the chain already (a mask) stays outside.
    public mutating func share(_ clusters: KMeans.Clusters) {
        let codebook = Codebook(shape: effective.shape, codes: clusters.codes)
        let centroids = Tensor(shape: [clusters.centroids.count], elements: clusters.centroids)
        setChain(
            [codebook] + chain.filter { !($0 is Codebook) },
            trained: Variable(centroids, decays: trained.decays))
    }
}
