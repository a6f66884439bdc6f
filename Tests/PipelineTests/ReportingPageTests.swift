import Pipeline
import Testing

@Suite struct ReportingPageTests {
    @Test func `tags of the page are balanced`() throws {
        let page = try sampleReport().html()
        #expect(page.hasPrefix("<!DOCTYPE html>\n<html lang=\"en\">"))
        #expect(firstUnbalancedTag(in: page.dropFirst("<!DOCTYPE html>".count)) == nil)
    }

    @Test(arguments: ["<script>alert(1)</script>", "a & b < c > d \" e", "</title></style>"])
    func `text of a report can not become markup`(text: String) throws {
        var report = try sampleReport(pipeline: text)
        report.method = text
        report.stages[1].stage = text
        report.stages[1].layers[0].name = text
        report.stages[1].layers[0].coding = text
        report.engine?.isa = text
        let page = report.html()
        #expect(!page.contains(text))
        #expect(firstUnbalancedTag(in: page.dropFirst("<!DOCTYPE html>".count)) == nil)
    }

    @Test func `the page needs nothing from elsewhere`() throws {
        let page = try sampleReport().html()
        for word in ["<script", "<link", "src=", "href=", "url(", "@import", "http"] {
            #expect(!page.contains(word), "\(word)")
        }
    }

    @Test func `every number of the tables is on the page`() throws {
        let report = try sampleReport()
        let page = report.html()
        for row in report.tables(usesColor: false).split(separator: "\n")
        where row.hasPrefix("train") || row.hasPrefix("encode") || row.hasPrefix("fc")
            || row.hasPrefix("graph") || row.hasPrefix("total")
        {
            for cell in row.split(separator: "  ") {
                let text = cell.trimmingPrefix { $0 == " " }
                #expect(page.contains(">\(text)</td>"), "\(text) of \(row)")
            }
        }
    }

    /// Nothing divides by zero where all stages are of one size and accuracy, or a stage has no layer.
    @Test func `a page of one stage has finite places`() throws {
        var report = try sampleReport()
        report.stages = [report.stages[0]]
        report.stages[0].layers = []
        report.stages[0].bytes.float32 = 0
        report.stages[0].bytes.stored = 0
        report.engine = nil
        let page = report.html()
        #expect(!page.contains("nan") && !page.contains("\"inf") && !page.contains("\"-inf"))
        report.stages = []
        #expect(firstUnbalancedTag(in: report.html().dropFirst("<!DOCTYPE html>".count)) == nil)
    }
}

/// The first tag that closes another than the last open one, or is left open; `nil` if none does.
private func firstUnbalancedTag(in page: Substring) -> String? {
    var open: [Substring] = []
    for piece in page.split(separator: "<").dropFirst() {
        guard let end = piece.firstIndex(of: ">") else { return String(piece) }
        let tag = piece[..<end]
        if tag.hasSuffix("/") { continue }
        let name = tag.prefix { $0 != " " }
        if name.hasPrefix("/") {
            guard open.popLast() == name.dropFirst() else { return String(tag) }
        } else {
            open.append(name)
        }
    }
    return open.last.map(String.init)
}
