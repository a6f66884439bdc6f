/// The data sets that are known by name.
public enum DataSetKind: String, Sendable, CaseIterable {
    /// 1,797 handwritten digits of 8×8 pixels in 0...16 (Alpaydin & Kaynak 1998); comes with the package.
    case digits
    /// 60,000 and 10,000 handwritten digits of 28×28 (LeCun, Cortes, Burges 1998).
    case mnist
    /// 60,000 and 10,000 pieces of clothing of 28×28 (Xiao, Rasul, Vollgraf 2017).
    case fashionMNIST = "fashion-mnist"
    /// 50,000 and 10,000 colour photographs of 32×32 (Krizhevsky 2009).
    case cifar10 = "cifar-10"

    /// One a class, in the order of the labels.
    public var classNames: [String] {
        switch self {
        case .digits, .mnist: (0...9).map(String.init)
        case .fashionMNIST:
            [
                "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker",
                "Bag", "Ankle boot",
            ]
        case .cifar10:
            [
                "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship",
                "truck",
            ]
        }
    }

    /// What turns the largest pixel into 1.
    public var pixelScale: Float {
        switch self {
        case .digits: 1 / 16
        case .mnist, .fashionMNIST, .cifar10: 1 / 255
        }
    }

    var layout: DataSetSource.Layout {
        switch self {
        case .digits: .oneFile(prefix: "digits", testCount: 500)
        case .mnist, .fashionMNIST: .trainingAndTestFiles
        case .cifar10: .cifar10
        }
    }
}
