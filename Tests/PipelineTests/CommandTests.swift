import Container
import Foundation
import Importing
import PackedModel
import Pipeline
import Tensors
import Testing

@Suite struct `The command` {
    @Test(arguments: [
        "train", "factorize", "prune", "share", "quantize", "encode", "eval", "run", "inspect",
        "decode", "report", "plan", "results", "sensitivity", "import", "export", "bench",
        "experiment",
    ])
    func `has help with an example for each subcommand`(name: String) throws {
        let result = try run(shrinkCommand, [name, "--help"])
        #expect(result.code == 0)
        #expect(result.output.contains("EXAMPLE\n"), "\(result.output)")
        #expect(result.output.contains("shrink \(name) "))
        // What is copied from an example is one command: no line of it is broken by the terminal's width.
        let examples = result.output.components(separatedBy: "EXAMPLE\n")[1]
            .components(separatedBy: "\n\n")[0].components(separatedBy: "\n")
        var goesOn = false
        for line in examples {
            #expect(goesOn || line.hasPrefix("  shrink ") || line.hasPrefix("  make "), "\(line)")
            goesOn = line.hasSuffix(" \\")
        }
    }

    @Test func `has no help on a command that is not there`() throws {
        let result = try run(shrinkCommand, ["help", "nosuch"])
        #expect(result.code == 64)
        #expect(result.errors.contains("no command 'nosuch'; known: train, "), "\(result.errors)")
        let misspelt = try run(shrinkCommand, ["evl", "x"])
        #expect(misspelt.code == 64)
        #expect(
            misspelt.errors.contains("no command 'evl'; did you mean 'eval'? known: train, "),
            "\(misspelt.errors)")
        #expect(try run(shrinkCommand, ["help", "eval"]).output.contains("shrink eval "))
        #expect(try run(shrinkCommand, ["help"]).code == 0)
    }

    @Test(arguments: [".npz", ".npy", ".gz"])
    func `says that a file of data is not there`(ending: String) throws {
        let path = "/none/x" + ending
        #expect(
            throws: DataSetError.unreadable(file: path, reason: "no such \(ending) file")
        ) { try DataSetSource(nameOrFolder: path) }
    }

    @Test func `says why a file can not be read`() throws {
        let folder = try TemporaryFolder()
        let binary = folder.path + "/binary.yaml"
        try Data([0xff, 0xfe, 0x80]).write(to: URL(fileURLWithPath: binary))
        for command in [["train"], ["experiment"], ["import", "-o", folder.path + "/x"]] {
            for (path, reason) in [
                (folder.path + "/none", "No such file or directory"),
                (folder.path, "Is a directory"),
            ] {
                let result = try run(shrinkCommand, command + [path])
                #expect(result.code == 1)
                #expect(
                    result.errors.contains("\(path): can not be read: \(reason)"),
                    "\(result.errors)")
            }
        }
        let result = try run(shrinkCommand, ["train", binary])
        #expect(result.errors.contains("is no text in UTF-8"), "\(result.errors)")
    }

    @Test func `runs a pipeline, then evaluates, runs, inspects, decodes and reports it`() throws {
        let folder = try TemporaryFolder()
        let yaml = try folder.file("quick.yaml", quickPipeline)
        let build = folder.path + "/build"
        for stage in ["train", "prune", "share", "quantize", "encode"] {
            let result = try run(shrinkCommand, [stage, yaml, "--build", build, "--threads", "1"])
            #expect(result.code == 0, "\(result.errors)")
        }
        let model = build + "/quick/model.shrink"

        let evaluation = try json(
            run(shrinkCommand, ["eval", model, "--data", "digits", "--json"]))
        #expect(evaluation["count"] as? Int == 500)
        let report = try json(
            run(shrinkCommand, ["report", yaml, "--build", build, "--json"]))
        let engine = try #require(report["engine"] as? [String: Any])
        #expect(engine["top1"] as? Double == evaluation["top1"] as? Double)

        let checkpoint = build + "/quick/quantize/checkpoint.safetensors"
        let floats = try json(
            run(shrinkCommand, ["eval", checkpoint, "--data", "Fixtures/digits", "--json"]))
        #expect(abs((floats["top1"] as! Double) - (evaluation["top1"] as! Double)) <= 0.0021)

        let images = packageFolder + "/Fixtures/digits/digits-images-idx3-ubyte.gz"
        let classes = try run(shrinkCommand, ["run", model, "--input", images, "--limit", "7"])
        #expect(classes.output.split(separator: "\n").count == 7)

        // A line waits in memory until the end; the logits of all images are more than that holds.
        for arguments in ["--limit 1", "--json"] {
            let full = try run(
                "/bin/sh",
                [
                    "-c",
                    "'\(shrinkCommand)' run '\(model)' --input '\(images)' \(arguments) > /dev/full",
                ])
            #expect(full.code == 1, "\(arguments)")
            #expect(full.errors == "Error: standard output can not be written\n")
        }

        let inspection = try json(run(shrinkCommand, ["inspect", "--json", model]))
        let tensors = try #require(inspection["tensors"] as? [[String: Any]])
        #expect(tensors.map { $0["name"] as? String } == ["conv1", "conv2", "fc1", "fc2"])
        for key in ["mode", "bytes", "bitsPerNonzero", "entropyBoundBytes", "kernel"] {
            #expect(tensors.allSatisfy { $0[key] != nil }, "\(key)")
        }

        let bench = try json(
            run(
                shrinkCommand,
                [
                    "bench", model, "--json", "--batch", "1,65", "--threads", "1,2", "--seconds",
                    "0.01",
                ]
            ))
        let runs = try #require(bench["runs"] as? [[String: Any]])
        #expect(runs.map { $0["batch"] as? Int } == [1, 1, 65, 65])
        #expect(runs.map { $0["threads"] as? Int } == [1, 2, 1, 2])
        // conv1 and conv2 have 8×8 places each; outputs of fc1 that nobody reads are not in the file.
        let weights = tensors.compactMap { $0["weights"] as? Int }
        #expect(Array(weights[..<2]) == [144, 4608] && weights[2] < 65536 && weights[2] % 512 == 0)
        #expect(weights[3] == weights[2] / 512 * 10)
        #expect(bench["denseMACs"] as? Int == (144 + 4608) * 64 + weights[2] + weights[3])
        let layers = try #require(bench["layers"] as? [[String: Any]])
        let names = Set(layers.compactMap { $0["name"] as? String })
        #expect(names.isSuperset(of: ["conv1", "conv2", "fc1", "fc2"]))
        #expect(Set(layers.compactMap { $0["batch"] as? Int }) == [1, 65])
        for batch in [1, 65] {
            let shares = layers.filter { $0["batch"] as? Int == batch }
                .compactMap { $0["share"] as? Double }
            #expect(abs(shares.reduce(0, +) - 1) < 1e-9)
        }

        let logits = try run(
            shrinkCommand, ["run", model, "--input", images, "--limit", "2", "--json"])
        let classified = try JSONSerialization.jsonObject(with: Data(logits.output.utf8))
        for (section, value) in [
            ("report.json", report), ("shrink eval", evaluation), ("shrink eval", floats),
            ("shrink run", classified), ("shrink inspect", inspection), ("shrink bench", bench),
        ] as [(String, Any)] {
            let keys = jsonKeys(of: value)
            #expect(keys.count > 3)
            #expect(try keys.subtracting(documentedKeys(section)) == [], "\(section)")
        }

        let decoded = folder.path + "/decoded.safetensors"
        #expect(try run(shrinkCommand, ["decode", model, "--output", decoded]).code == 0)
        #expect(try Safetensors(contentsOf: decoded)["conv2.weight"]?.shape == [32, 16, 3, 3])

        let tables = try run(shrinkCommand, ["report", yaml, "--build", build]).output
        for word in ["stage", "density %", "weight bits", "index bits", "rate %", "encode", "fc1"] {
            #expect(tables.contains(word), "\(word)")
        }
        let page = try String(contentsOfFile: build + "/quick/report.html", encoding: .utf8)
        #expect(page.contains("<svg"))
    }

    @Test(arguments: [("fast", true), ("", false), ("scalar", false), ("generic", false)])
    func `tells of an instruction set that it does not know`(name: String, warns: Bool) throws {
        let result = try run("/usr/bin/env", ["SHRINK_ISA=\(name)", shrinkCommand, "--version"])
        #expect(result.code == 0)
        #expect(
            result.errors
                == (warns
                    ? "warning: SHRINK_ISA is '\(name)', which names no instruction set of this CPU; "
                        + "training runs the fastest one\n" : ""))
    }

    @Test(arguments: ["train", "prune", "share", "quantize"])
    func `goes on where a killed stage stopped, and ends in the same bytes`(stage: String) throws {
        let folder = try TemporaryFolder()
        // The stage in question is long, the others are short.
        let yaml = try folder.file("quick.yaml", quickPipeline.lengthening(stage))
        func arguments(_ stage: String, _ build: String) -> [String] {
            [
                stage, yaml, "--build", folder.path + "/" + build, "--save-interval", "0",
                "--threads", "1",
            ]
        }
        for build in ["killed", "whole"] {
            for earlier in ["train", "prune", "share", "quantize"] {
                if earlier == stage { break }
                #expect(try run(shrinkCommand, arguments(earlier, build)).code == 0)
            }
        }
        let partial = folder.path + "/killed/quick/\(stage)/partial.safetensors"
        try killAfterAnEpoch(arguments(stage, "killed"), partial: partial)

        let resumed = try run(shrinkCommand, arguments(stage, "killed"))
        #expect(resumed.errors.contains("goes on behind epoch"), "\(resumed.errors)")
        #expect(try run(shrinkCommand, arguments(stage, "whole")).code == 0)
        let file = "quick/\(stage)/checkpoint.safetensors"
        #expect(try folder.bytes("killed/" + file) == folder.bytes("whole/" + file))
        #expect(!FileManager.default.fileExists(atPath: partial))
    }

    /// Runs a stage and kills it when its first epoch is saved.
    private func killAfterAnEpoch(_ arguments: [String], partial: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: shrinkCommand)
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: packageFolder)
        process.standardError = FileHandle.nullDevice
        try process.run()
        while process.isRunning && !FileManager.default.fileExists(atPath: partial) {
            usleep(1000)
        }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        #expect(process.terminationReason == .uncaughtSignal, "it was over before it was killed")
    }

    @Test(arguments: [0, 1])
    func `begins a killed stage anew where the images have changed`(label: UInt8) throws {
        let folder = try TemporaryFolder()
        let pixels = (0..<64 * 64).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        func write(label: UInt8) throws {
            try folder.writeImages(pixels, labels: [label] + (1..<64).map { UInt8($0 % 4) })
        }
        try write(label: 0)
        let yaml = try folder.file(
            "quick.yaml",
            """
            seed: 1
            data: {set: \(folder.path)}
            network: {architecture: digits-cnn}
            stages:
              train: {epochs: 200, learning-rate: 0.001}
            """)
        let stage = [
            "train", yaml, "--build", folder.path + "/build", "--save-interval", "0",
            "--threads", "1",
        ]
        let partial = folder.path + "/build/quick/train/partial.safetensors"
        try killAfterAnEpoch(stage, partial: partial)
        try write(label: label)
        let result = try run(shrinkCommand, stage)
        #expect(result.code == 0, "\(result.errors)")
        #expect(result.errors.contains("goes on behind epoch") == (label == 0))
    }

    @Test func `tells what is wrong with a model file, and exits with 1`() throws {
        let folder = try TemporaryFolder()
        let text = try folder.file("text.shrink", "this is no model")
        for (path, words) in [
            (folder.path + "/none.shrink", "No such file"),
            (folder.path, "Is a directory"),
            (text, "text.shrink: neither a .shrink file nor a checkpoint"),
        ] {
            for command in [["eval", path, "--data", "digits"], ["inspect", path]] {
                let result = try run(shrinkCommand, command)
                #expect(result.code == 1, "\(command)")
                #expect(result.errors.hasPrefix("Error: ") && result.errors.contains(words))
                #expect(!result.errors.contains("Fatal"))
            }
        }
        let wrongUse = try run(shrinkCommand, ["eval"])
        #expect(wrongUse.code == 64)
        let noData = try run(shrinkCommand, ["eval", text, "--data", "imagenet"])
        #expect(noData.code == 1)
    }

    @Test func `inspects a 4096×4096 layer at 4 % and 4 bits within 1.012 of the entropy bound`()
        throws
    {
        let folder = try TemporaryFolder()
        let model = layerModel(inputs: 4096, outputs: 4096, density: 0.04, bits: 4, seed: 5)
        let path = folder.path + "/layer.shrink"
        try Data(Container.write(model).bytes).write(to: URL(fileURLWithPath: path))
        let inspection = try json(run(shrinkCommand, ["inspect", "--json", path]))
        let tensor = try #require((inspection["tensors"] as? [[String: Any]])?.first)
        let bytes = try #require(tensor["bytes"] as? Double)
        // The bound, counted here: nnz · H(code) + n · h(density).
        guard case .linear(let layer) = model.nodes[0].operation else {
            Issue.record("no linear layer")
            return
        }
        var counts: [UInt8: Double] = [:]
        for code in layer.weights.codes { counts[code, default: 0] += 1 }
        let nonzeros = Double(layer.weights.codes.count)
        let density = nonzeros / (4096 * 4096)
        let codeBits = counts.values.reduce(0) { $0 - $1 * log2($1 / nonzeros) }
        let positionBits =
            -4096 * 4096 * (density * log2(density) + (1 - density) * log2(1 - density))
        let bound = (codeBits + positionBits) / 8
        #expect(abs((tensor["entropyBoundBytes"] as! Double) - bound) <= 1)
        #expect(bytes <= 1.012 * bound, "\(bytes / bound)")
    }

    private func json(
        _ result: (output: String, errors: String, code: Int32)
    ) throws -> [String: Any] {
        #expect(result.code == 0, "\(result.errors)")
        return try #require(
            JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    }
}

extension String {
    /// The pipeline with many epochs in one stage.
    fileprivate func lengthening(_ stage: String) -> String {
        var isInStage = false
        return split(separator: "\n", omittingEmptySubsequences: false).map { line in
            if line.hasPrefix("  "), !line.hasPrefix("    ") {
                isInStage = line.hasPrefix("  \(stage):")
            }
            guard isInStage else { return String(line) }
            return line.replacingOccurrences(of: "epochs: 4", with: "epochs: 40")
                .replacingOccurrences(of: "epochs: 2", with: "epochs: 40")
        }.joined(separator: "\n")
    }
}

/// One fully connected layer of random weights: iid positions, Laplacian levels on a uniform grid.
func layerModel(
    inputs: Int, outputs: Int, density: Float, bits: Int, seed: UInt64
) -> PackedModel {
    var generator = SeededGenerator(seed: seed)
    let top = 1 << (bits - 1) - 1
    let levels: [Int8] = [0] + (1...top).flatMap { [Int8($0), Int8(-$0)] }
    var (gaps, codes): ([UInt32], [UInt8]) = ([], [])
    var gap: UInt32 = 0
    for _ in 0..<inputs * outputs {
        guard generator.uniform() < density else {
            gap += 1
            continue
        }
        let magnitude = 1 + Int(-log(1 - Double(generator.uniform())) * Double(top) / 3)
        let level = min(magnitude, top)
        codes.append(UInt8(2 * level - (generator.uniform() < 0.5 ? 1 : 0)))
        gaps.append(gap)
        gap = 0
    }
    let weights = PackedTensor(
        shape: [outputs, inputs], levels: levels, gaps: gaps, codes: codes, scales: [0.01])
    let layer = PackedLayer(
        weights: weights,
        bias: PackedBias(
            bits: 8, scale: 0.01, codes: (0..<outputs).map { Int16($0 % 255) - 127 }),
        activation: .identity, output: nil)
    return PackedModel(
        name: "layer",
        input: PackedInput(
            shape: [inputs], pixelScale: 1 / 255, mean: [0], deviation: [1],
            quantizer: PackedQuantizer(bits: 4, isSigned: false, scale: 1 / 15, offset: 0)),
        nodes: [PackedNode(name: "fc", inputs: [0], operation: .linear(layer))])
}
