import PackedModel

/// The networks that engines are compared on, in the shapes of torchvision (ResNet-20: of the paper).
enum BenchmarkNetwork: String, CaseIterable {
    case lenet300x100 = "lenet-300-100"
    case lenet5 = "lenet-5"
    case alexnet
    case vgg16 = "vgg-16"
    case resnet18 = "resnet-18"
    case resnet50 = "resnet-50"
    /// For CIFAR.
    case resnet20 = "resnet-20"
    case mobilenetV2 = "mobilenet-v2"
    case shufflenetV2 = "shufflenet-v2"
    case efficientnetB0 = "efficientnet-b0"

    func model(_ recipe: Recipe) -> PackedModel {
        let shape =
            switch self {
            case .lenet300x100, .lenet5: [1, 28, 28]
            case .resnet20: [3, 32, 32]
            default: [3, 224, 224]
            }
        var network = RandomModel(rawValue, shape: shape, recipe)
        switch self {
        case .lenet300x100: Self.addLeNet300(to: &network)
        case .lenet5: Self.addLeNet5(to: &network)
        case .alexnet: Self.addAlexNet(to: &network)
        case .vgg16: Self.addVGG16(to: &network)
        case .resnet18:
            Self.addResNet(to: &network, blocks: [2, 2, 2, 2], channels: 64)
        case .resnet50:
            Self.addResNet(to: &network, blocks: [3, 4, 6, 3], channels: 64, isBottleneck: true)
        case .resnet20: Self.addResNet(to: &network, blocks: [3, 3, 3], channels: 16)
        case .mobilenetV2: Self.addMobileNetV2(to: &network)
        case .shufflenetV2: Self.addShuffleNetV2(to: &network)
        case .efficientnetB0: Self.addEfficientNetB0(to: &network)
        }
        return network.model
    }

    private static func addLeNet300(to network: inout RandomModel) {
        var x = network.input
        for outputs in [300, 100] { x = network.linear(x, outputs) }
        _ = network.linear(x, 10, isLast: true)
    }

    private static func addLeNet5(to network: inout RandomModel) {
        var x = network.convolution(network.input, 20, kernel: 5, padding: 0)
        x = network.maxPooling(x, kernel: 2, stride: 2)
        x = network.convolution(x, 50, kernel: 5, padding: 0)
        x = network.maxPooling(x, kernel: 2, stride: 2)
        x = network.linear(x, 500)
        _ = network.linear(x, 10, isLast: true)
    }

    private static func addAlexNet(to network: inout RandomModel) {
        var x = network.convolution(network.input, 64, kernel: 11, stride: 4, padding: 2)
        x = network.maxPooling(x, kernel: 3, stride: 2)
        x = network.convolution(x, 192, kernel: 5)
        x = network.maxPooling(x, kernel: 3, stride: 2)
        for outputs in [384, 256, 256] { x = network.convolution(x, outputs, kernel: 3) }
        x = network.maxPooling(x, kernel: 3, stride: 2)
        for _ in 0..<2 { x = network.linear(x, 4096) }
        _ = network.linear(x, 1000, isLast: true)
    }

    private static func addVGG16(to network: inout RandomModel) {
        var x = network.input
        for (outputs, count) in [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)] {
            for _ in 0..<count { x = network.convolution(x, outputs, kernel: 3) }
            x = network.maxPooling(x, kernel: 2, stride: 2)
        }
        for _ in 0..<2 { x = network.linear(x, 4096) }
        _ = network.linear(x, 1000, isLast: true)
    }

    private static func addResNet(
        to network: inout RandomModel, blocks: [Int], channels: Int, isBottleneck: Bool = false
    ) {
        var x = network.input
        if channels == 16 {
            x = network.convolution(x, 16, kernel: 3)
        } else {
            x = network.convolution(x, channels, kernel: 7, stride: 2)
            x = network.maxPooling(x, kernel: 3, stride: 2, padding: 1)
        }
        for (stage, count) in blocks.enumerated() {
            for block in 0..<count {
                let inner = channels << stage
                let stride = stage > 0 && block == 0 ? 2 : 1
                let outputs = isBottleneck ? 4 * inner : inner
                var y = x
                if isBottleneck {
                    y = network.convolution(y, inner, kernel: 1)
                    y = network.convolution(y, inner, kernel: 3, stride: stride)
                    y = network.convolution(y, outputs, kernel: 1, relu: false)
                } else {
                    y = network.convolution(y, inner, kernel: 3, stride: stride)
                    y = network.convolution(y, inner, kernel: 3, relu: false)
                }
                if stride > 1 || x.shape[0] != outputs {
                    x = network.convolution(x, outputs, kernel: 1, stride: stride, relu: false)
                }
                x = network.sum(y, x, relu: true)
            }
        }
        _ = network.linear(network.mean(x), channels == 16 ? 10 : 1000, isLast: true)
    }

    private static func addMobileNetV2(to network: inout RandomModel) {
        var x = network.convolution(network.input, 32, kernel: 3, stride: 2)
        for (expansion, outputs, count, stride) in [
            (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
            (6, 160, 3, 2), (6, 320, 1, 1),
        ] {
            for block in 0..<count {
                var y = x
                let inner = x.shape[0] * expansion
                if expansion > 1 { y = network.convolution(y, inner, kernel: 1) }
                y = network.convolution(
                    y, inner, kernel: 3, stride: block == 0 ? stride : 1, groups: inner)
                y = network.convolution(y, outputs, kernel: 1, relu: false)
                x = x.shape == y.shape ? network.sum(y, x, relu: false) : y
            }
        }
        x = network.convolution(x, 1280, kernel: 1)
        _ = network.linear(network.mean(x), 1000, isLast: true)
    }

    private static func addShuffleNetV2(to network: inout RandomModel) {
        var x = network.convolution(network.input, 24, kernel: 3, stride: 2)
        x = network.maxPooling(x, kernel: 3, stride: 2, padding: 1)
        for (outputs, count) in [(116, 4), (232, 8), (464, 4)] {
            let half = outputs / 2
            for block in 0..<count {
                let stride = block == 0 ? 2 : 1
                var (past, y) = (x, x)
                if block == 0 {
                    past = network.convolution(
                        past, x.shape[0], kernel: 3, stride: 2, groups: x.shape[0], relu: false)
                    past = network.convolution(past, half, kernel: 1)
                } else {
                    past = network.slice(x, 0..<half)
                    y = network.slice(x, half..<outputs)
                }
                y = network.convolution(y, half, kernel: 1)
                y = network.convolution(
                    y, half, kernel: 3, stride: stride, groups: half, relu: false)
                y = network.convolution(y, half, kernel: 1)
                x = network.shuffled(past, y)
            }
        }
        x = network.convolution(x, 1024, kernel: 1)
        _ = network.linear(network.mean(x), 1000, isLast: true)
    }

    private static func addEfficientNetB0(to network: inout RandomModel) {
        var x = network.convolution(network.input, 32, kernel: 3, stride: 2, relu: false)
        x = network.function(.silu, x)
        for (expansion, kernel, stride, outputs, count) in [
            (1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3),
            (6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1),
        ] {
            for block in 0..<count {
                var y = x
                let inner = x.shape[0] * expansion
                if expansion > 1 {
                    y = network.convolution(y, inner, kernel: 1, relu: false)
                    y = network.function(.silu, y)
                }
                y = network.convolution(
                    y, inner, kernel: kernel, stride: block == 0 ? stride : 1, groups: inner,
                    relu: false)
                y = network.function(.silu, y)
                var gate = network.convolution(
                    network.mean(y), x.shape[0] / 4, kernel: 1, isDense: true, relu: false)
                gate = network.function(.silu, gate)
                gate = network.convolution(gate, inner, kernel: 1, isDense: true, relu: false)
                y = network.product(y, network.function(.sigmoid, gate))
                y = network.convolution(y, outputs, kernel: 1, relu: false)
                x = x.shape == y.shape ? network.sum(y, x, relu: false) : y
            }
        }
        x = network.convolution(x, 1280, kernel: 1, relu: false)
        x = network.function(.silu, x)
        _ = network.linear(network.mean(x), 1000, isLast: true)
    }
}
