import Tensors
import Testing
import WeightSharing

struct KMeansTests {
    static let initializations: [KMeans.Initialization] = [.linear, .density, .random(seed: 3)]

    /// Normal numbers, a fifth of them zero; coarse ones have few distinct values.
    func weights(_ count: Int, seed: UInt64, coarse: Bool = false) -> Tensor {
        var generator = SeededGenerator(seed: seed)
        let elements = (0..<count).map { index -> Float in
            let x = generator.normal()
            if index % 5 == 0 { return 0 }
            return coarse ? (3 * x).rounded() / 3 : x
        }
        return Tensor(shape: [count], elements: elements)
    }

    @Test(arguments: initializations, [1, 2, 7, 31, 255])
    func `every weight has the code of its nearest centroid`(
        initialization: KMeans.Initialization, count: Int
    ) {
        let weights = weights(4001, seed: 11)
        let clusters = KMeans(initialization: initialization).clusters(of: weights, count: count)
        #expect(clusters.centroids.count == count)
        var counts = [Int](repeating: 0, count: count)
        var total = 0.0
        for (weight, code) in zip(weights.elements, clusters.codes) {
            guard weight != 0 else {
                #expect(code == 0)
                continue
            }
            let distances = clusters.centroids.map { abs(Double(weight) - Double($0)) }
            let nearest = distances.indices.min { distances[$0] < distances[$1] }!
            #expect(Int(code) == nearest + 1)
            counts[nearest] += 1
            total += distances[nearest] * distances[nearest]
        }
        #expect(clusters.memberCounts == counts)
        #expect(abs(clusters.squaredDistance - total) <= 1e-9 * total)
    }

    @Test(arguments: initializations, [2, 15, 100])
    func `at the end each centroid is the mean of its members`(
        initialization: KMeans.Initialization, count: Int
    ) {
        let weights = weights(3000, seed: 5)
        let clusters = KMeans(initialization: initialization, maximumIterations: 2000, tolerance: 0)
            .clusters(of: weights, count: count)
        for (index, centroid) in clusters.centroids.enumerated() {
            let members = zip(weights.elements, clusters.codes)
                .filter { Int($0.1) == index + 1 }.map { Double($0.0) }
            let mean = members.reduce(0, +) / Double(members.count)
            #expect(abs(mean - Double(centroid)) < 1e-6, "centroid \(index)")
        }
    }

    @Test(arguments: initializations, [3, 20, 31, 255])
    func `centroids ascend, differ, are not zero, and none is without members`(
        initialization: KMeans.Initialization, count: Int
    ) {
        for seed in 0..<10 as Range<UInt64> {
            for iterations in [1, 2, 300] {
                let clusters = KMeans(
                    initialization: initialization, maximumIterations: iterations
                ).clusters(of: weights(700, seed: seed, coarse: seed % 2 == 0), count: count)
                let centroids = clusters.centroids
                #expect(zip(centroids, centroids.dropFirst()).allSatisfy { $0 < $1 })
                #expect(!centroids.contains(0))
                #expect(!clusters.memberCounts.contains(0))
                #expect(clusters.memberCounts.reduce(0, +) == clusters.codes.count { $0 != 0 })
            }
        }
    }

    @Test(arguments: initializations)
    func `clusters that start empty are filled where a weight is far off`(
        initialization: KMeans.Initialization
    ) {
        // Linear centroids 0, 25, 50, 75, 100 leave three clusters empty.
        let weights = Tensor(shape: [8], elements: [1, 1.1, 3, 3.1, 5, 5.1, 100, 101])
        let clusters = KMeans(initialization: initialization).clusters(of: weights, count: 4)
        #expect(clusters.centroids.count == 4)
        #expect(abs(clusters.squaredDistance - (3 * 0.005 + 0.5)) < 1e-5)
        #expect(clusters.codes == [1, 1, 2, 2, 3, 3, 4, 4])
    }

    @Test(arguments: initializations)
    func `fewer distinct weights than centroids stand for themselves`(
        initialization: KMeans.Initialization
    ) {
        let weights = Tensor(shape: [2, 3], elements: [0.5, -1, 0, 0.5, 3, -1])
        let clusters = KMeans(initialization: initialization).clusters(of: weights, count: 31)
        #expect(clusters.centroids == [-1, 0.5, 3])
        #expect(clusters.codes == [2, 1, 0, 2, 3, 1])
        #expect(clusters.squaredDistance == 0)
    }

    @Test func `weights that are all zero have no centroids`() {
        let clusters = KMeans().clusters(of: Tensor(shape: [5]), count: 3)
        #expect(clusters.centroids.isEmpty)
        #expect(clusters.codes == [0, 0, 0, 0, 0])
    }

    @Test func `a mean of zero gives way to the weight nearest to zero`() {
        let weights = Tensor(shape: [4], elements: [-1, 3, -4, 2])
        let clusters = KMeans().clusters(of: weights, count: 1)
        #expect(clusters.centroids == [-1])
        #expect(clusters.codes == [1, 1, 1, 1])
    }

    @Test func `two clear groups are found whatever the start`() {
        var elements = [Float](repeating: 0, count: 100)
        for index in elements.indices { elements[index] = index % 3 == 0 ? 1 : -2 }
        for index in 0..<10 { elements[index] += Float(index) * 0.01 }
        let weights = Tensor(shape: [100], elements: elements)
        let results = Self.initializations.map {
            KMeans(initialization: $0).clusters(of: weights, count: 2).centroids
        }
        #expect(results[0] == results[1] && results[1] == results[2])
    }

    @Test func `more iterations never make the squared distance larger`() {
        let weights = weights(2000, seed: 2)
        let distances = (1...40).map { iterations in
            KMeans(maximumIterations: iterations, tolerance: 0)
                .clusters(of: weights, count: 15).squaredDistance
        }
        #expect(zip(distances, distances.dropFirst()).allSatisfy { $1 <= $0 * (1 + 1e-6) })
    }

    @Test(arguments: [2, 3, 4])
    func `no way to cut the sorted weights beats the best start by much`(
        count: Int
    ) {
        let weights = weights(60, seed: 8)
        let sorted = weights.elements.filter { $0 != 0 }.sorted().map(Double.init)
        let best = Self.initializations.map {
            KMeans(initialization: $0).clusters(of: weights, count: count).squaredDistance
        }.min()!
        let optimum = optimalDistance(sorted[...], count)
        #expect(best >= optimum * (1 - 1e-6))
        #expect(best <= optimum * 1.1)
    }

    /// Tries every cut: the definition, for small inputs.
    func optimalDistance(_ sorted: ArraySlice<Double>, _ count: Int) -> Double {
        if count == 1 {
            let mean = sorted.reduce(0, +) / Double(sorted.count)
            return sorted.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        }
        return (sorted.startIndex + count - 1..<sorted.endIndex).map { cut in
            optimalDistance(sorted[cut...], 1) + optimalDistance(sorted[..<cut], count - 1)
        }.min()!
    }

    @Test func `the same seed gives the same clusters`() {
        let weights = weights(500, seed: 4)
        let kMeans = KMeans(initialization: .random(seed: 9))
        #expect(kMeans.clusters(of: weights, count: 8) == kMeans.clusters(of: weights, count: 8))
    }
}
