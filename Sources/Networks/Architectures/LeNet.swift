import Tensors

/// A few convolutions, then fully connected layers, numbered by kind: `conv1`, `relu1`, `fc1`, ...
struct LeNet {
    struct Filters {
        var count: Int
        var kernel: Int
        var padding = 0
        var pools: Bool
    }

    let filters: [Filters]
    let hidden: [Int]

    static let fullyConnected = LeNet(filters: [], hidden: [300, 100])
    static let convolutional = LeNet(
        filters: [
            Filters(count: 20, kernel: 5, pools: true), Filters(count: 50, kernel: 5, pools: true),
        ], hidden: [500])
    static let digits = LeNet(
        filters: [
            Filters(count: 16, kernel: 3, padding: 1, pools: false),
            Filters(count: 32, kernel: 3, padding: 1, pools: true),
        ], hidden: [128])

    func add(to graph: inout GraphBuilder, _ options: ArchitectureOptions) throws(NetworkError) {
        let activation = Activation(options.activation ?? .relu)
        var x = GraphBuilder.input
        for (index, filters) in filters.enumerated() {
            x = try graph.convolution(
                "conv\(index + 1)", x, outputs: options.scaled(filters.count),
                kernel: filters.kernel, padding: filters.padding, hasBias: true)
            if filters.pools {
                let pools = self.filters[...index].count { $0.pools }
                let layer = MaxPooling(kernel: [2, 2], stride: [2, 2])
                x = try graph.add("pool\(pools)", layer, to: x)
            }
            x = try graph.add("relu\(index + 1)", activation, to: x)
        }
        x = try graph.add("flatten", Flatten(), to: x)
        for (index, features) in hidden.enumerated() {
            x = try graph.linear("fc\(index + 1)", x, outputs: options.scaled(features))
            x = try graph.add("relu\(filters.count + index + 1)", activation, to: x)
            x = try graph.dropout("dropout\(index + 1)", x, rate: options.dropout)
        }
        _ = try graph.linear("fc\(hidden.count + 1)", x, outputs: options.classes)
    }
}
