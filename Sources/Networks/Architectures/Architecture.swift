import Foundation
import Tensors

/// The built-in networks, by name. Parameter counts are for a width of 1 and, unless it says
/// otherwise, 1000 classes.
///
/// Layers bear the names of PyTorch's modules (torchvision's, timm's for MixNet), so that
/// a `state_dict` of the same model has the same names.
public enum Architecture: String, CaseIterable, Sendable {
    /// Two hidden layers of 300 and 100 (LeCun et al. 1998): 266,610 parameters on MNIST.
    case lenet300x100 = "lenet-300-100"
    /// The Caffe variant of LeNet-5, with 20 and 50 filters of 5×5 and 800→500→10: 431,080
    /// parameters. A ReLU follows each convolution's pooling, which Caffe's leaves out.
    case lenet5 = "lenet-5"
    /// Two 3×3 convolutions and two fully connected layers for 8×8 images: 71,754 parameters.
    case digitsCNN = "digits-cnn"
    /// He et al. 2016, section 4.2, for CIFAR: 272,474 parameters with 10 classes. Shortcuts between
    /// stages are 1×1 convolutions (option B), which takes 2,752 more than the paper's option A.
    case resnet20 = "resnet-20"
    /// The same with nine blocks a stage: 855,770 parameters with 10 classes.
    case resnet56 = "resnet-56"
    /// He et al. 2016, table 1: 11,689,512 parameters.
    case resnet18 = "resnet-18"
    /// He et al. 2016, table 1: 21,797,672 parameters.
    case resnet34 = "resnet-34"
    /// He et al. 2016, table 1, with the stride in the 3×3 convolutions, as in torchvision:
    /// 25,557,032 parameters.
    case resnet50 = "resnet-50"
    /// Krizhevsky 2014: 61,100,840 parameters.
    case alexnet
    /// Configuration D of Simonyan & Zisserman 2015: 138,357,544 parameters.
    case vgg16 = "vgg-16"
    /// Sandler et al. 2018: 3,504,872 parameters.
    case mobilenetV2 = "mobilenet-v2"
    /// Ma et al. 2018: 2,278,604 parameters.
    case shufflenetV2 = "shufflenet-v2"
    /// Tan & Le 2019: 5,288,548 parameters.
    case efficientnetB0 = "efficientnet-b0"
    /// Tan & Le 2019, "MixConv": 4,134,606 parameters.
    case mixnetS = "mixnet-s"

    /// How an architecture for 224×224 images begins.
    public enum Stem: String, CaseIterable, Sendable {
        /// As published.
        case imageNet = "imagenet"
        /// For images of about 32×32: the first quartering of the resolution is left out, whether
        /// convolutions or a pooling did it, and a first kernel of more than 3×3 is 3×3.
        /// Architectures that do not begin with a quartering stay as they are.
        case cifar
    }

    /// The network with random weights (see `initialize`) and biases of zero.
    /// - Parameters:
    ///   - inputShape: `[height, width, channels]`.
    ///   - width: multiplies the number of channels of all layers but the last; families say how they
    ///     round.
    ///   - dropout: of the features in front of fully connected layers.
    ///   - activation: in the place of the architecture's own activation functions, those of gates
    ///     excepted.
    public func network(
        inputShape: [Int], classes: Int, width: Float = 1, dropout: Float = 0,
        stem: Stem = .imageNet, activation: ActivationFunction? = nil,
        using generator: inout SeededGenerator
    ) throws(NetworkError) -> Network {
        var network = try blankNetwork(
            inputShape: inputShape,
            ArchitectureOptions(
                classes: classes, width: width, dropout: dropout, stem: stem,
                activation: activation))
        switch self {
        case .lenet300x100, .lenet5, .digitsCNN: network.initialize(using: &generator)
        default: network.initializeInParallel(using: &generator)
        }
        return network
    }

    /// The network with weights of zero.
    package func blankNetwork(
        inputShape: [Int], _ options: ArchitectureOptions
    ) throws(NetworkError) -> Network {
        var graph = GraphBuilder(inputShape: inputShape)
        switch self {
        case .lenet300x100: try LeNet.fullyConnected.add(to: &graph, options)
        case .lenet5: try LeNet.convolutional.add(to: &graph, options)
        case .digitsCNN: try LeNet.digits.add(to: &graph, options)
        case .resnet20: try ResNet(blocks: [3, 3, 3], channels: 16).add(to: &graph, options)
        case .resnet56: try ResNet(blocks: [9, 9, 9], channels: 16).add(to: &graph, options)
        case .resnet18: try ResNet(blocks: [2, 2, 2, 2]).add(to: &graph, options)
        case .resnet34: try ResNet(blocks: [3, 4, 6, 3]).add(to: &graph, options)
        case .resnet50:
            try ResNet(blocks: [3, 4, 6, 3], isBottleneck: true).add(to: &graph, options)
        case .alexnet: try AlexNet().add(to: &graph, options)
        case .vgg16: try VGG.sixteen.add(to: &graph, options)
        case .mobilenetV2: try MobileNetV2().add(to: &graph, options)
        case .shufflenetV2: try ShuffleNetV2().add(to: &graph, options)
        case .efficientnetB0: try EfficientNet().add(to: &graph, options)
        case .mixnetS: try MixNet().add(to: &graph, options)
        }
        return try graph.network(named: rawValue)
    }
}

/// What an architecture leaves open.
package struct ArchitectureOptions: Sendable {
    package var classes: Int
    package var width: Float
    package var dropout: Float
    package var stem: Architecture.Stem
    package var activation: ActivationFunction?

    package init(
        classes: Int, width: Float = 1, dropout: Float = 0,
        stem: Architecture.Stem = .imageNet, activation: ActivationFunction? = nil
    ) {
        precondition(width > 0 && width.isFinite, "a width is a positive number, not \(width)")
        self.classes = classes
        self.width = width
        self.dropout = dropout
        self.stem = stem
        self.activation = activation
    }

    /// `count · width`, to the nearest whole number from 1 on.
    func scaled(_ count: Int) -> Int { max(1, Int((Float(count) * width).rounded())) }
}
