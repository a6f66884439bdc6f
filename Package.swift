// swift-tools-version: 6.2
// The list of targets is the architecture: each names what it may import, and `make check` verifies it.
import PackageDescription

// Continuous integration sets CI: there a warning is an error, in Swift and in C.
let strict = Context.environment["CI"] != nil
let swift: [SwiftSetting] = strict ? [.treatAllWarnings(as: .error)] : []
let c: [CSetting] = strict ? [.treatAllWarnings(as: .error)] : []

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: swift)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: swift)
}

let package = Package(
    name: "shrink",
    products: [
        .executable(name: "shrink", targets: ["shrink"]),
        // For Swift programs that run models, and for those that only read and write files.
        .library(name: "Inference", targets: ["Inference", "Container", "PackedModel"]),
        .library(name: "Container", targets: ["Container", "PackedModel"]),
        // What `make lib` links into libshrink_engine.so, the engine for every other language.
        .library(name: "ShrinkEngine", type: .static, targets: ["ShrinkEngine"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    ],
    targets: [
        // Level 0
        .target(name: "CFloatKernels", cSettings: c),
        .target(name: "CIntegerKernels", cSettings: c),
        .systemLibrary(
            name: "CZstd", pkgConfig: "libzstd",
            providers: [.apt(["libzstd-dev"]), .brew(["zstd"])]),
        .systemLibrary(
            name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
        .systemLibrary(
            name: "CPNG", pkgConfig: "libpng",
            providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),
        .systemLibrary(
            name: "CJPEG", pkgConfig: "libjpeg",
            providers: [.apt(["libjpeg-dev"]), .brew(["jpeg-turbo"])]),
        .target(name: "CThreadPool", cSettings: c),
        .target(name: "CShrinkEngine", exclude: ["shrink_engine.exports"], cSettings: c),
        module("PackedModel"),
        .target(
            name: "ONNXSchema",
            dependencies: [.product(name: "SwiftProtobuf", package: "swift-protobuf")],
            exclude: ["onnx.proto", "LICENSE.onnx.txt"], swiftSettings: swift),
        // Level 1
        module("ThreadPool", ["CThreadPool"]),
        .target(name: "CImages", dependencies: ["CPNG", "CJPEG"], cSettings: c),
        module("Tensors", ["CFloatKernels", "ThreadPool"]),
        // Level 2
        module("Container", ["PackedModel", "CZstd", "ThreadPool"]),
        module("Inference", ["PackedModel", "CFloatKernels", "CIntegerKernels", "ThreadPool"]),
        module("Networks", ["Tensors"]),
        // Level 3
        module("ShrinkEngine", ["CShrinkEngine", "Container", "Inference", "PackedModel"]),
        module(
            "Importing",
            [
                "Networks", "Tensors", "CImages", "CZlib", "ONNXSchema",
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ]),
        module("Training", ["Networks", "Tensors"]),
        module("Pruning", ["Networks", "Tensors"]),
        module("WeightSharing", ["Networks", "Tensors"]),
        module("Quantization", ["CFloatKernels", "Networks", "Tensors", "PackedModel"]),
        // Level 4
        module(
            "Conversion",
            ["PackedModel", "Networks", "Tensors", "Pruning", "WeightSharing", "Quantization"]),
        module(
            "Exporting",
            [
                "Networks", "Tensors", "Quantization", "PackedModel", "ONNXSchema",
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ]),
        // Level 5
        module(
            "Pipeline",
            [
                "Importing", "Training", "Pruning", "WeightSharing", "Quantization", "Conversion",
                "Exporting", "Container", "Inference", "PackedModel", "Networks", "Tensors", "Yams",
            ]),
        // Level 6
        .executableTarget(
            name: "shrink",
            dependencies: [
                "Pipeline", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swift),
        // Timed by `make bench-training`
        .executableTarget(
            name: "TrainingBenchmark",
            dependencies: ["Networks", "Training", "Quantization", "Tensors"], swiftSettings: swift),
        // Timed by `make bench`
        .executableTarget(
            name: "EngineBenchmark",
            dependencies: ["Inference", "Container", "Conversion", "PackedModel"],
            swiftSettings: swift),
        // Timed by `make bench-kernels`
        .target(name: "CBaselines", cSettings: c),
        .executableTarget(
            name: "KernelBenchmark",
            dependencies: ["CBaselines", "CIntegerKernels", "Inference", "PackedModel"],
            swiftSettings: swift),
        tests("ContainerTests", ["Container", "PackedModel"]),
        tests("InferenceTests", ["Inference", "CIntegerKernels", "PackedModel"]),
        tests(
            "ShrinkEngineTests",
            ["ShrinkEngine", "CShrinkEngine", "Container", "Inference", "PackedModel"]),
        tests("ThreadPoolTests", ["ThreadPool"]),
        tests("TensorsTests", ["Tensors", "CFloatKernels"]),
        tests("NetworksTests", ["Networks", "Tensors"]),
        tests(
            "ImportingTests",
            [
                "Importing", "ONNXSchema", "Networks", "Tensors",
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ]),
        tests("TrainingTests", ["Training", "Importing", "Networks", "Tensors"]),
        tests("PruningTests", ["Pruning", "Networks", "Tensors"]),
        tests("WeightSharingTests", ["WeightSharing", "Networks", "Tensors"]),
        tests(
            "QuantizationTests",
            [
                "Quantization", "Pruning", "WeightSharing", "PackedModel", "Networks", "Tensors",
                "CFloatKernels",
            ]),
        tests(
            "ConversionTests",
            [
                "Conversion", "Inference", "PackedModel", "Networks", "Tensors", "Pruning",
                "WeightSharing",
                "Quantization",
            ]),
        tests(
            "ExportingTests",
            [
                "Exporting", "Importing", "Conversion", "Inference", "ONNXSchema", "PackedModel",
                "Pruning", "Quantization", "WeightSharing", "Networks", "Tensors",
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ]),
        tests(
            "PipelineTests",
            [
                "Pipeline", "Conversion", "Exporting", "Importing", "Training", "Pruning",
                "WeightSharing",
                "Quantization", "Container", "Inference", "PackedModel", "Networks", "Tensors",
                "ONNXSchema", "shrink", .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ]),
    ],
    swiftLanguageModes: [.v6]
)
