import Pipeline
import Testing

@Suite struct ReportingTableTests {
    @Test func `tables of a report are as written by hand`() throws {
        let expected = """
            tiny, seed 1: by hand

            stage      size  bytes  ratio  nonzeros       %  validation %  test %  change        time
            ──────  ───────  ─────  ─────  ────────  ──────  ────────────  ──────  ──────  ──────────
            train   5.12 KB  5,120   1.0×     1,280  100.00             –   98.36       –  3 min 20 s
            encode    128 B    128  40.0×       160   12.50         98.50   98.30   −0.06       5.2 s

            layers after encode

            layer                  weights  density %  weight bits  coded  index bits  coded  rate %  coding              bytes  × bound
            ─────────────────────  ───────  ─────────  ───────────  ─────  ──────────  ─────  ──────  ──────────────────  ─────  ───────
            fc1                      1,000       5.00            6    4.4           5    3.7    1.50  deep-compression-5     60     1.20
            fc2                        200      25.00            3    2.4           8    3.2    5.00  deep-compression-8     40     1.33
            graph, scales, biases        –          –            –      –           –      –       –  –                      28        –
            ─────────────────────  ───────  ─────────  ───────────  ─────  ──────────  ─────  ──────  ──────────────────  ─────  ───────
            total                    1,200       8.33          4.5    3.4         6.5    3.5    2.50  –                     128     1.60

            weight bits: of a code; the 'coded' behind it: what a stored weight's code takes in the file
            index bits: of a position, where they are fixed; the 'coded' behind it: what a position takes
            joint: code and position are one symbol, which takes so many bits
            rate %: bytes against 4 a weight
            × bound: bytes against the order-0 entropy of codes and positions; a coding that uses how nonzeros cluster can be below 1

            engine (avx2): test 98.30 %, agrees with the fake-quantized network on 99.99 %, 1.2 µs/sample

            """
        #expect(try sampleReport().tables(usesColor: false) == expected)
    }

    @Test func `another prediction of sums in Float is told`() throws {
        var report = try sampleReport()
        report.engine?.agreementInFloat = 0.9841
        let text = "network on 99.99 % (with sums in Float: 98.41 %), 1.2 µs/sample"
        #expect(report.tables(usesColor: false).contains(text))
        // And explained, wherever it stands.
        for page in [
            report.tables(usesColor: false), report.html(), ResultsPage.markdown(reports: [report]),
        ] {
            #expect(page.contains("The first agreement is with the network computed exactly"))
            #expect(page.contains("× bound: bytes against the order-0 entropy"))
        }
        report.engine?.agreementInFloat = 0.9999
        #expect(report.tables(usesColor: false) == (try sampleReport().tables(usesColor: false)))
    }

    @Test func `bits of weight and position together are marked`() throws {
        var report = try sampleReport()
        for layer in 0..<2 {
            report.stages[1].layers[layer].weightBitsCoded = nil
            report.stages[1].layers[layer].indexBitsCoded = nil
            report.stages[1].layers[layer].jointBitsCoded = [6.1, 8.1][layer]
        }
        let lines = report.tables(usesColor: false).split(separator: "\n")
        #expect(lines.first { $0.hasPrefix("fc1") }?.contains("  6.1 joint  ") == true)
        #expect(lines.first { $0.hasPrefix("total") }?.contains("  7.1 joint  ") == true)
    }

    /// An average that leaves a layer out would look like one of all.
    @Test func `the total has no bits where a layer has none`() throws {
        var report = try sampleReport()
        report.stages[1].layers[0].weightBitsCoded = nil
        let total = report.tables(usesColor: false).split(separator: "\n")
            .first { $0.hasPrefix("total") }
        let cells = try #require(total).split(separator: " ").map(String.init)
        #expect(
            cells == [
                "total", "1,200", "8.33", "4.5", "–", "6.5", "3.5", "2.50", "–", "128", "1.60",
            ])
    }

    @Test(arguments: [0, 1])
    func `rows of the layer table add up to the stored bytes`(stage: Int) throws {
        var report = try sampleReport()
        report.stages = [report.stages[stage]]
        let lines = report.tables(usesColor: false).split(separator: "\n")
        let bytes = try ["fc1", "fc2", "graph", "total"].map { name in
            let line = try #require(lines.first { $0.hasPrefix(name) })
            let cells = line.split(separator: " ")
            return try #require(Int(cells[cells.count - 2].replacing(",", with: "")))
        }
        #expect(bytes[0] + bytes[1] + bytes[2] == bytes[3])
        #expect(bytes[3] == report.stages[0].bytes.stored)
    }

    @Test func `a header is bold only in color`() {
        var table = TextTable([.words("a"), .numbers("b")])
        table.append(["x", "10"])
        #expect(table.text(usesColor: false) == "a   b\n─  ──\nx  10\n")
        #expect(table.text(usesColor: true) == "\u{1B}[1ma   b\u{1B}[0m\n─  ──\nx  10\n")
    }

    @Test func `text that Markdown would read is escaped`() {
        var table = TextTable([.words("a|b"), .numbers("n")])
        table.append(["<x> & *y*\nz", "1"])
        table.close(withTotal: ["all", "1"])
        #expect(
            table.markdown == """
                | a\\|b | n |
                | :-- | --: |
                | &lt;x> &amp; \\*y\\*<br>z | 1 |
                | **all** | **1** |

                """)
    }

    @Test func `a finished stage is one line`() throws {
        let report = try sampleReport()
        #expect(
            report.stages[1].summary(total: 4, number: 2)
                == "[2/4] encode: 128 B (40.0×), 12.50 % nonzero, validation 98.50 %, test 98.30 %, 5.2 s"
        )
        #expect(
            report.stages[0].summary(total: 4, number: 1)
                == "[1/4] train: 5.12 KB (1.0×), 100.00 % nonzero, test 98.36 %, 3 min 20 s")
    }
}

@Suite struct ReportingNumberTests {
    @Test(arguments: [
        (0, "0 B"), (999, "999 B"), (1000, "1.00 KB"), (9994, "9.99 KB"), (9995, "10.0 KB"),
        (99_949, "99.9 KB"), (99_950, "100 KB"), (999_499, "999 KB"), (999_500, "1.00 MB"),
        (1_066_440, "1.07 MB"), (25_000_000_000, "25.0 GB"),
    ])
    func `a size has three digits`(bytes: Int, text: String) {
        #expect(NumberText.size(bytes) == text)
    }

    @Test(arguments: [
        (0, "0"), (999, "999"), (1000, "1,000"), (1_066_440, "1,066,440"), (-1234, "−1,234"),
    ])
    func `digits stand in groups of three`(value: Int, text: String) {
        #expect(NumberText.grouped(value) == text)
    }

    @Test(arguments: [
        (0.0012, "+0.12"), (-0.0006, "−0.06"), (0, "0.00"), (-0.00001, "0.00"), (-0.8779, "−87.79"),
    ])
    func `a change has a sign unless it is none`(difference: Double, text: String) {
        #expect(NumberText.points(difference) == text)
    }

    @Test(arguments: [(1.0, "100.00"), (0.99999, "> 99.99"), (0.9999, "99.99")])
    func `only full agreement is 100`(share: Double, text: String) {
        #expect(NumberText.agreement(share) == text)
    }

    @Test func `a pipeline without a method has its name once`() throws {
        var report = try sampleReport()
        report.method = report.pipeline
        #expect(report.tables(usesColor: false).hasPrefix("tiny, seed 1\n\nstage "))
        #expect(ResultsPage.markdown(reports: [report]).contains("## tiny, seed 1\n\n| stage |"))
        #expect(!report.html().contains("<p>tiny</p>"))
    }

    @Test(arguments: [
        (0, "0.0 thousand"), (3_210, "3.2 thousand"), (99_949, "99.9 thousand"),
        (100_000, "0.10 million"), (1_066_440, "1.07 million"), (123_456_789, "123 million"),
    ])
    func `large counts are in thousands or millions`(count: Int, text: String) {
        #expect(NumberText.large(count) == text)
    }

    @Test(
        arguments: [
            (1 / 255, "1/255"), (1 / 256, "1/256"), (1 / 127.5, "1/127.5"), (1 / 16, "1/16"),
            (1, "1.0"), (0.0039, "0.0039"), (0.7, "0.7"), (2, "2.0"),
        ] as [(Float, String)])
    func `what scales pixels is a fraction where it is one`(scale: Float, text: String) {
        #expect(NumberText.scale(scale) == text)
    }
}
