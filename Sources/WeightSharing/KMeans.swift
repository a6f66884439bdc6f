import Tensors

/// Clusters the nonzero weights of a layer around a few centroids, with the least squared distance
/// within clusters (Han, Mao & Dally 2016, arXiv 1510.00149, §3.1).
///
/// In one dimension a cluster is a run of the sorted values: sorting costs O(n) once (radix), an
/// iteration of Lloyd's algorithm only a bisection for each boundary, O(K log n).
///
/// A cluster that loses its last member starts again at the value that is farthest from its
/// centroid. Centroids are distinct, ascending and never zero. There are fewer than asked for only
/// where there are fewer distinct values, or where the iterations ran out with a cluster empty.
public struct KMeans: Sendable, Equatable {
    /// Where the centroids start (Han, Mao & Dally 2016, §3.2).
    public enum Initialization: Sendable, Equatable {
        /// Evenly from the smallest to the largest weight. Best, since large weights matter and are few.
        case linear
        /// Evenly in the cumulative distribution.
        case density
        /// Weights drawn at random (Forgy).
        case random(seed: UInt64)
    }

    public struct Clusters: Sendable, Equatable {
        /// Ascending and distinct, none zero.
        public var centroids: [Float]
        /// As `Codebook` has them: 0 for a zero weight, else the index of the nearest centroid, plus 1;
        /// the lower one of two that are equally near.
        public var codes: [UInt8]
        /// How many weights each centroid stands for; none is 0.
        public var memberCounts: [Int]
        /// `Σ (w − centroid)²` over the nonzero weights.
        public var squaredDistance: Double
        public var iterations: Int
    }

    public var initialization: Initialization
    /// Positive.
    public var maximumIterations: Int
    /// Iterations end when no centroid moves by more than this share of the range of the weights.
    public var tolerance: Double

    public init(
        initialization: Initialization = .linear, maximumIterations: Int = 300,
        tolerance: Double = 1e-7
    ) {
        precondition(maximumIterations > 0, "at least one iteration, not \(maximumIterations)")
        self.initialization = initialization
        self.maximumIterations = maximumIterations
        self.tolerance = tolerance
    }

    /// - Parameter count: how many centroids, 1...255.
    public func clusters(of weights: Tensor, count: Int) -> Clusters {
        precondition(
            (1...Codebook.maximumCentroids).contains(count), "1 to 255 centroids, not \(count)")
        let sorted = SortedValues(nonzeroOf: weights)
        if let distinct = sorted.distinct(limit: count) {
            return clusters(of: weights, sorted, around: distinct, iterations: 0)
        }
        var centroids = initialCentroids(count, sorted)
        let range = Double(sorted.values[sorted.count - 1]) - Double(sorted.values[0])
        var iterations = 0
        while iterations < maximumIterations {
            iterations += 1
            let moved = means(of: sorted, around: centroids, count: count)
            let isDone =
                moved.count == centroids.count
                && zip(moved, centroids).allSatisfy { abs($0 - $1) <= tolerance * range }
            centroids = moved
            if isDone && centroids.count == count { break }
        }
        return clusters(
            of: weights, sorted, around: rounded(centroids, sorted), iterations: iterations)
    }

    /// One iteration: the means of the clusters around `centroids`, and new ones for empty clusters.
    private func means(
        of sorted: SortedValues, around centroids: [Double], count: Int
    ) -> [Double] {
        let members = ranges(of: sorted, around: centroids).filter { !$0.isEmpty }
        var means = members.map { mean(of: $0, sorted) }
        let missing = count - means.count
        if missing > 0 {
            // In a run of sorted values the farthest from the mean is the first or the last.
            let ends = zip(members, means).flatMap { range, mean in
                [range.lowerBound, range.upperBound - 1].map { index in
                    (value: Double(sorted.values[index]), mean: mean)
                }
            }
            let farthest = ends.sorted { abs($0.value - $0.mean) > abs($1.value - $1.mean) }
            means += farthest.prefix(missing).map(\.value)
            means = distinct(means)
        }
        return means
    }

    /// Within the run in spite of rounding, so that the means of different runs differ.
    private func mean(of range: Range<Int>, _ sorted: SortedValues) -> Double {
        let mean = sorted.sum(range) / Double(range.count)
        let (first, last) = (sorted.values[range.lowerBound], sorted.values[range.upperBound - 1])
        return min(max(mean, Double(first)), Double(last))
    }

    /// The run of values that are nearest to each centroid; may be empty.
    private func ranges(of sorted: SortedValues, around centroids: [Double]) -> [Range<Int>] {
        if centroids.isEmpty { return [] }
        let ends = limits(between: centroids).map { sorted.count(upTo: $0) } + [sorted.count]
        return zip([0] + ends, ends).map { $0..<$1 }
    }

    private func limits(between centroids: [Double]) -> [Double] {
        zip(centroids, centroids.dropFirst()).map { ($0 + $1) / 2 }
    }

    private func initialCentroids(_ count: Int, _ sorted: SortedValues) -> [Double] {
        let values = sorted.values
        let (low, high) = (Double(values[0]), Double(values[values.count - 1]))
        switch initialization {
        case .linear:
            if count == 1 { return [(low + high) / 2] }
            return (0..<count).map { low + (high - low) * Double($0) / Double(count - 1) }
        case .density:
            return distinct(
                (0..<count).map { Double(values[(2 * $0 + 1) * values.count / (2 * count)]) })
        case .random(let seed):
            var generator = SeededGenerator(seed: seed)
            var chosen: Set<Float> = []
            // Equal weights are many in a layer that is shared already; what is not found in time
            // is seeded like an empty cluster.
            for _ in 0..<64 * count where chosen.count < count {
                chosen.insert(values[Int.random(in: values.indices, using: &generator)])
            }
            return chosen.map(Double.init).sorted()
        }
    }

    /// Floats that are still distinct and not zero: a mean of zero gives way to the member of its
    /// cluster that is nearest to zero.
    private func rounded(_ centroids: [Double], _ sorted: SortedValues) -> [Float] {
        let members = ranges(of: sorted, around: centroids)
        let floats = zip(centroids, members).compactMap { centroid, range -> Float? in
            if range.isEmpty { return nil }
            if Float(centroid) != 0 { return Float(centroid) }
            return sorted.values[range].min { $0.magnitude < $1.magnitude }
        }
        return Set(floats).sorted()
    }

    private func clusters(
        of weights: Tensor, _ sorted: SortedValues, around centroids: [Float], iterations: Int
    ) -> Clusters {
        var centroids = centroids
        var members = ranges(of: sorted, around: centroids.map(Double.init))
        while members.contains(where: \.isEmpty) {
            centroids = zip(centroids, members).filter { !$1.isEmpty }.map(\.0)
            members = ranges(of: sorted, around: centroids.map(Double.init))
        }
        let distance = zip(centroids, members).reduce(0.0) { sum, cluster in
            sum + squaredDistance(of: sorted.values[cluster.1], from: Double(cluster.0))
        }
        return Clusters(
            centroids: centroids,
            codes: NearestCentroid(middles: limits(between: centroids.map(Double.init)))
                .codes(of: weights),
            memberCounts: members.map(\.count), squaredDistance: distance, iterations: iterations)
    }

    private func squaredDistance(of values: ArraySlice<Float>, from centroid: Double) -> Double {
        var sum = 0.0
        for value in values { sum += (Double(value) - centroid) * (Double(value) - centroid) }
        return sum
    }

    /// In ascending order, each once.
    private func distinct(_ values: [Double]) -> [Double] { Set(values).sorted() }
}
