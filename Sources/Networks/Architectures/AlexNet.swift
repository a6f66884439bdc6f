import Tensors

/// AlexNet in the form of Krizhevsky 2014 ("One weird trick"), as in torchvision. Channels and hidden
/// features are scaled to the nearest whole number.
struct AlexNet {
    func add(to graph: inout GraphBuilder, _ options: ArchitectureOptions) throws(NetworkError) {
        let activation = Activation(options.activation ?? .relu)
        let pooling = MaxPooling(kernel: [3, 3], stride: [2, 2])
        let isSmall = options.stem == .cifar
        // Index within `features`, outputs, kernel and stride, and whether a pooling follows.
        let convolutions = [
            (0, 64, isSmall ? 3 : 11, isSmall ? 1 : 4, true), (3, 192, 5, 1, true),
            (6, 384, 3, 1, false), (8, 256, 3, 1, false), (10, 256, 3, 1, true),
        ]
        var x = GraphBuilder.input
        for (index, outputs, kernel, stride, pools) in convolutions {
            // The first one of 11×11 has less padding than would keep the size.
            x = try graph.convolution(
                "features.\(index)", x, outputs: options.scaled(outputs), kernel: kernel,
                stride: stride, padding: kernel == 11 ? 2 : nil, hasBias: true)
            x = try graph.add("features.\(index + 1)", activation, to: x)
            if pools { x = try graph.add("features.\(index + 2)", pooling, to: x) }
        }
        x = try graph.pooling("avgpool", x, toSize: 6)
        x = try graph.add("flatten", Flatten(), to: x)
        for index in [1, 4] {
            x = try graph.dropout("classifier.\(index - 1)", x, rate: options.dropout)
            x = try graph.linear("classifier.\(index)", x, outputs: options.scaled(4096))
            x = try graph.add("classifier.\(index + 1)", activation, to: x)
        }
        _ = try graph.linear("classifier.6", x, outputs: options.classes)
    }
}
