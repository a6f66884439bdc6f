/// Files that `torch.save` and `torch.jit.save` write: pickled Python objects, which are not read here.
package enum PyTorchFile {
    /// As many bytes from the beginning of a file as `isBegun` looks at.
    package static let prefixLength = 512

    /// Of a pickle of the number by which `torch.save` marked its files before version 1.6.
    private static let oldMagic: [UInt8] = [
        0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20,
    ]

    /// Whether bytes begin such a file: a zip archive whose first member is `NAME/data.pkl`, or, of
    /// TorchScript, some other member of that kind; or the magic number of old versions.
    package static func isBegun(by bytes: some Collection<UInt8>) -> Bool {
        let start = Array(bytes.prefix(prefixLength))
        if start.starts(with: oldMagic) { return true }
        // Signature, 22 bytes of other fields, two lengths of 2 bytes, the name.
        guard start.starts(with: [0x50, 0x4b, 3, 4]), start.count > 30 else { return false }
        let length = Int(start[26]) | Int(start[27]) << 8
        let name = String(decoding: start[30...].prefix(length), as: UTF8.self)
        return name.hasSuffix(".pkl")
    }
}
