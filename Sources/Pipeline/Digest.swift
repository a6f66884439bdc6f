import Foundation
import Training

/// 64 bits by which contents are known again (FNV-1a).
struct Digest {
    private var hash: UInt64 = 0xcbf2_9ce4_8422_2325

    mutating func add(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }

    /// The contents of files, one behind the other; `nil` if one can not be read.
    init?(ofFiles paths: [String]) {
        for path in paths {
            let url = URL(fileURLWithPath: path)
            guard let data = try? Data(contentsOf: url, options: .mappedIfSafe) else { return nil }
            data.withUnsafeBytes { add($0) }
        }
    }

    /// Shape, labels and pixels.
    init(of images: LabelledImages) {
        add("\(images.shape) \(images.labels)".utf8)
        images.pixels.withUnsafeBytes { add($0) }
    }

    init(of text: String) { add(text.utf8) }

    /// 16 hexadecimal digits.
    var text: String {
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
