import Container
import PackedModel
import Testing

struct FuzzTests {
    @Test(arguments: allModes)
    func `damage with fitting checksums is refused or gives a valid model`(
        mode: CodingMode
    ) throws {
        var generator = SeededGenerator(seed: 99)
        for order in ScanOrder.allCases {
            for usesZstd in [false, true] {
                let options = EncodingOptions(mode: mode, scanOrder: order, usesZstd: usesZstd)
                let valid = try Container.write(smallModel(), options: options).bytes
                let payloads = try payloads(of: valid)
                for round in 0..<600 {
                    var damaged = payloads
                    let section = Int.random(in: 0..<damaged.count, using: &generator)
                    mutate(&damaged[section], using: &generator)
                    try check(
                        file(damaged), EncodingOptions(),
                        "\(mode), \(order), zstd \(usesZstd), \(round)")
                }
            }
        }
    }

    @Test(arguments: 0..<2 as Range<UInt64>)
    func `a damaged graph of every operation is refused or valid`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: 100 + seed)
        let options = EncodingOptions(mode: .joint, scanOrder: .rowMajor, usesZstd: false)
        let valid = try Container.write(graphModel(seed: seed), options: options).bytes
        let payloads = try payloads(of: valid)
        for round in 0..<1000 {
            var damaged = payloads
            mutate(&damaged[0], using: &generator)
            try check(file(damaged, version: 2), options, "seed \(seed), round \(round)")
        }
    }

    @Test(arguments: 0..<3 as Range<UInt64>)
    func `a damaged file of a model in floats is refused or valid`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: 200 + seed)
        for mode in allModes {
            let options = EncodingOptions(mode: mode, usesZstd: false)
            let valid = try Container.write(floatModel(seed: seed), options: options).bytes
            let payloads = try payloads(of: valid)
            for round in 0..<100 {
                var damaged = payloads
                let section = Int.random(in: 0..<damaged.count, using: &generator)
                mutate(&damaged[section], using: &generator)
                try check(
                    file(damaged, version: 3), EncodingOptions(mode: .packed),
                    "\(mode), \(seed), \(round)")
            }
        }
    }

    /// Whatever is read must be writable, and reading must keep to a limit of 1 MiB.
    private func check(
        _ bytes: [UInt8], _ options: EncodingOptions, _ comment: Comment
    ) throws {
        do {
            _ = try Container.read(bytes, memoryLimit: 1 << 20)
        } catch {
            #expect(!error.description.isEmpty, comment)
            return
        }
        let model = try Container.read(bytes, memoryLimit: 1 << 20)
        let again = try Container.write(model, options: options).bytes
        #expect(try Container.read(again, memoryLimit: 8 << 20) == model, comment)
    }

    private func mutate(_ bytes: inout [UInt8], using generator: inout SeededGenerator) {
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            guard !bytes.isEmpty else { return }
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0..<6, using: &generator) {
            case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 1: bytes[place] = UInt8.random(in: 0...255, using: &generator)
            case 2: bytes[place] = 255
            case 3: bytes.removeSubrange(place...)
            case 4: bytes.remove(at: place)
            default: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: place)
            }
        }
    }

    private func expectOverBudget(
        _ field: String, _ location: SourceLocation = #_sourceLocation,
        _ read: () throws -> PackedModel
    ) {
        #expect(
            sourceLocation: location, performing: { _ = try read() },
            throws: { error in
                guard
                    case .overBudget(section: .tensor("fc"), field: field, _, _)? = error
                        as? ContainerError
                else { return false }
                return true
            })
    }

    @Test func `a tensor of many nonzeros without bits is over budget`() throws {
        // The only gap class and the only code have no bits: the file says 16 million nonzeros in
        // 20 bytes.
        let dense = [UInt8](repeating: 1, count: 4096 * 4096)
        let model = linearModel(tensor(shape: [4096, 4096], levels: [0, 1], dense: dense))
        let options = EncodingOptions(mode: .joint)
        let bytes = try Container.write(model, options: options).bytes
        #expect(bytes.count < 3000)
        expectOverBudget("weights") { try Container.read(bytes) }
        #expect(try Container.read(bytes, memoryLimit: 128 << 20) == model)
        // By columns they are there twice.
        let byColumns = try Container.write(
            model, options: EncodingOptions(mode: .joint, scanOrder: .columnMajor)
        ).bytes
        expectOverBudget("weights in rows") {
            try Container.read(byColumns, memoryLimit: 128 << 20)
        }
        #expect(try Container.read(byColumns, memoryLimit: 192 << 20) == model)
    }

    @Test func `a layer that says it has a quantizer has one`() throws {
        let valid = try Container.write(
            smallModel(), options: EncodingOptions(usesZstd: false)
        ).bytes
        let payloads = try payloads(of: valid)
        var errors: [ContainerError] = []
        for index in payloads[0].indices {
            var changed = payloads
            changed[0][index] = 0
            do {
                _ = try Container.read(file(changed))
            } catch {
                errors.append(error)
            }
        }
        #expect(
            errors.contains(
                .reserved(section: .metadata, field: "quantizer of a layer", found: 0)))
    }

    @Test func `a frame that unpacks to gigabytes is refused before it is unpacked`() throws {
        let valid = try Container.write(smallModel()).bytes
        var payloads = try payloads(of: valid)
        // A frame header that states 2^40 bytes of content (RFC 8878, 3.1.1.1).
        payloads[1] = [20, 0x28, 0xB5, 0x2F, 0xFD, 0xE0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0]
        #expect(
            throws: ContainerError.outOfRange(
                section: .tensor("conv"), field: "content size", found: 1 << 40,
                expected: 0...1 << 20 + 8 * 54)
        ) { try Container.read(file(payloads)) }
        // The same without a stated content size.
        payloads[1] = [20, 0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x58, 0x01, 0x00, 0x00]
        #expect(
            throws: ContainerError.zstd(section: .tensor("conv"), failure: .unknownSize)
        ) { try Container.read(file(payloads)) }
    }

    /// A tensor section of `conv`, 54 weights, in mode 2 with index bits 1 and one level.
    private func relative(_ write: (inout BitWriter) -> Void) throws -> [UInt8] {
        let valid = try Container.write(smallModel()).bytes
        var payloads = try payloads(of: valid)
        var writer = BitWriter()
        writer.bits(1, 8)  // one nonzero level
        writer.bits(0, 2)  // grid
        writer.bits(1, 6)  // one nonzero
        writer.bits(0, 3)  // index bits 1
        write(&writer)
        payloads[1] = [2] + writer.finished()
        return file(payloads)
    }

    @Test func `fillers that break the rules are refused`() throws {
        func table(_ writer: inout BitWriter, _ lengths: [Int]) {
            writer.bits(1, 2)
            writer.bits(lengths.count, 2)
            for length in lengths { writer.bits(length, 4) }
        }
        let short = try relative { writer in
            table(&writer, [1, 1])
            table(&writer, [1, 1])
            writer.bits(0b00, 2)  // gap 0, filler
        }
        #expect(
            throws: ContainerError.outOfRange(
                section: .tensor("conv"), field: "gap of a filler", found: 0, expected: 1...1)
        ) { try Container.read(short) }
        let endless = try relative { writer in
            table(&writer, [1, 1])
            table(&writer, [1, 1])
            for _ in 0..<27 { writer.bits(0b10, 2) }  // gap 1, filler
            writer.bits(0b01, 2)  // gap 0, code 1: position 54
        }
        #expect(
            throws: ContainerError.outOfRange(
                section: .tensor("conv"), field: "position", found: 54, expected: 0...53)
        ) { try Container.read(endless) }
        let only = try relative { writer in
            table(&writer, [1, 1])
            writer.bits(0, 2)  // a single symbol:
            writer.bits(0, 1)  // the filler
        }
        #expect(
            throws: ContainerError.outOfRange(
                section: .tensor("conv"), field: "weight code symbol", found: 0, expected: 1...1)
        ) { try Container.read(only) }
    }
}
