import Tensors

/// Stages of 3×3 convolutions with a pooling behind each (Simonyan & Zisserman 2015), as in
/// torchvision. Channels and hidden features are scaled to the nearest whole number.
struct VGG {
    /// Outputs of the convolutions of each stage.
    let stages: [[Int]]

    /// Configuration D of their table 1.
    static let sixteen = VGG(stages: [
        [64, 64], [128, 128], [256, 256, 256], [512, 512, 512], [512, 512, 512],
    ])

    func add(to graph: inout GraphBuilder, _ options: ArchitectureOptions) throws(NetworkError) {
        let activation = Activation(options.activation ?? .relu)
        var (x, index) = (GraphBuilder.input, 0)
        for stage in stages {
            for outputs in stage {
                x = try graph.convolution(
                    "features.\(index)", x, outputs: options.scaled(outputs), kernel: 3,
                    hasBias: true)
                x = try graph.add("features.\(index + 1)", activation, to: x)
                index += 2
            }
            let pooling = MaxPooling(kernel: [2, 2], stride: [2, 2])
            x = try graph.add("features.\(index)", pooling, to: x)
            index += 1
        }
        x = try graph.pooling("avgpool", x, toSize: 7)
        x = try graph.add("flatten", Flatten(), to: x)
        for index in [0, 3] {
            x = try graph.linear("classifier.\(index)", x, outputs: options.scaled(4096))
            x = try graph.add("classifier.\(index + 1)", activation, to: x)
            x = try graph.dropout("classifier.\(index + 2)", x, rate: options.dropout)
        }
        _ = try graph.linear("classifier.6", x, outputs: options.classes)
    }
}
