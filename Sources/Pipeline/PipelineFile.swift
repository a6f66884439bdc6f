import Foundation
import Yams

/// A pipeline as its file describes it: data, network, and the stages in order.
public struct PipelineFile: Sendable {
    public struct Stage: Sendable {
        /// Unique; starts with the word for its kind, as in `prune` or `prune-2`.
        public let name: String
        public let kind: StageKind
        let settings: StageSettings
        /// What the settings say, in a form that does not change with comments or layout.
        let canonical: String
    }

    struct Data: Sendable {
        var set: String
        /// How many of the last training samples are set aside to make choices on.
        var validationCount: Int
        /// A number or a file of names, where the data do not tell.
        var classes: String?
        /// `nil` for what the network's file says, or for `scale` if it says nothing.
        var normalization: NormalizationSettings?
    }

    public let path: String
    /// The file's name without its ending.
    public let name: String
    /// What it does and whose method it is, or its name.
    public let method: String
    public let seed: UInt64
    public let stages: [Stage]
    let data: Data
    let network: NetworkSettings
    let canonicalHead: String

    /// - Parameter seed: in the place of the file's.
    public init(path: String, seed: UInt64? = nil) throws {
        try self.init(yaml: Setting.text(ofFile: path), path: path, seed: seed)
    }

    init(yaml: String, path: String, seed: UInt64? = nil) throws {
        try self.init(Setting(yaml: yaml, file: path), path: path, seed: seed)
    }

    init(_ root: Setting, path: String, seed: UInt64? = nil) throws {
        self.path = path
        name = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
        let keys = try root.mapping(known: ["method", "seed", "data", "network", "stages"])
        func required(_ key: String) throws -> Setting {
            guard let setting = keys[key] else {
                throw PipelineFileError.missingKey(place: root.place, path: "", key: key)
            }
            return setting
        }
        method = try keys["method"]?.string() ?? name
        self.seed = try seed ?? UInt64(required("seed").integer(in: 0...Int.max))
        let data = try required("data").mapping(known: [
            "set", "validation", "classes", "normalization",
        ])
        self.data = Data(
            set: try data["set"]?.string() ?? "",
            validationCount: try data["validation"]?.integer(in: 0...10_000_000) ?? 0,
            classes: try data["classes"]?.string(),
            normalization: try data["normalization"].map { s throws(PipelineFileError) in
                try NormalizationSettings(s)
            })
        if data["set"] == nil {
            throw PipelineFileError.missingKey(
                place: try required("data").place, path: "data", key: "set")
        }
        network = try NetworkSettings(required("network"))
        stages = try Self.stages(required("stages"))
        canonicalHead = try [
            "seed: \(self.seed)", canonicalText(required("data")),
            canonicalText(required("network")),
        ].joined(separator: "\n")
    }

    private static func stages(_ setting: Setting) throws -> [Stage] {
        var stages: [Stage] = []
        for (name, value) in try setting.anyMapping() {
            let word = String(name.prefix { $0 != "-" })
            guard let kind = StageKind(rawValue: word), isFileName(name) else {
                throw PipelineFileError.unknownKey(
                    place: value.place, path: "stages", key: name,
                    known: StageKind.allCases.map(\.rawValue))
            }
            if stages.isEmpty != (kind == .train) {
                throw PipelineFileError.wrongOrder(
                    place: value.place, stage: name,
                    reason: kind == .train
                        ? "has to come first" : "needs a network: the first stage has to be 'train'"
                )
            }
            if let last = stages.last, last.kind == .encode {
                throw PipelineFileError.wrongOrder(
                    place: value.place, stage: name, reason: "comes behind 'encode', which ends it")
            }
            if kind == .encode && stages.last?.kind != .quantize {
                throw PipelineFileError.wrongOrder(
                    place: value.place, stage: name,
                    reason: "needs integers: the stage before it has to be 'quantize'")
            }
            if kind == .share, let earlier = stages.first(where: { $0.kind == .quantize }) {
                throw PipelineFileError.wrongOrder(
                    place: value.place, stage: name,
                    reason: "comes behind '\(earlier.name)', whose grids it would not keep")
            }
            if kind == .factorize,
                let earlier = stages.first(where: { [.prune, .share, .quantize].contains($0.kind) })
            {
                throw PipelineFileError.wrongOrder(
                    place: value.place, stage: name,
                    reason: "comes behind '\(earlier.name)', which the factors' weights would not "
                        + "have: it has to stand before")
            }
            let settings = try kind.settings(value)
            if kind == .train, settings.training!.loss.distillationWeight > 0 {
                throw PipelineFileError.wrongOrder(
                    place: value.place, stage: name,
                    reason: "makes the float network, which is the teacher: no distillation here")
            }
            stages.append(
                Stage(
                    name: name, kind: kind, settings: settings,
                    canonical: canonicalText(value)))
        }
        guard !stages.isEmpty else { throw setting.wrong("at least one stage") }
        return stages
    }

    private static func isFileName(_ name: String) -> Bool {
        name.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" }
    }

    /// What stage `index` depends on: everything up to its own settings.
    package func key(ofStage index: Int) -> String {
        var text = canonicalHead
        for stage in stages[...index] { text += "\n\(stage.name): \(stage.canonical)" }
        return text
    }

    /// By which a report knows its settings again.
    func settingsDigest(ofStage index: Int) -> String { Digest(of: key(ofStage: index)).text }

    /// By which is known again how sizes before `encode` are measured.
    var codingDigest: String {
        guard let last = stages.last, last.kind == .encode else { return Digest(of: "").text }
        return Digest(of: last.canonical).text
    }

    /// The stages of a report that was made with other settings than the file has now.
    public func outdatedStages(of report: PipelineReport) -> [String] {
        report.stages.filter { found in
            guard let settings = found.settings,
                let index = stages.firstIndex(where: { $0.name == found.stage })
            else { return false }
            return settings != settingsDigest(ofStage: index)
        }.map(\.stage)
    }

    public func stageIndex(named name: String) throws(PipelineFileError) -> Int {
        guard let index = stages.firstIndex(where: { $0.name == name }) else {
            throw .noSuchStage(file: path, found: name, known: stages.map(\.name))
        }
        return index
    }

    /// How images are augmented in the latest training of the stages up to `index`, that one included;
    /// `nil` where none of them trains.
    package func augmentation(upTo index: Int) -> (maximalShift: Int, flips: Bool)? {
        stages[...index].lazy.compactMap(\.settings.training).last { $0.epochs > 0 }
            .map { ($0.maximalShift, $0.flips) }
    }
}

/// The values of a setting in flow style with sorted keys.
private func canonicalText(_ setting: Setting) -> String { canonicalText(setting.node) }

private func canonicalText(_ node: Yams.Node) -> String {
    if let mapping = node.mapping {
        let entries = mapping.map { "\(canonicalText($0.key)): \(canonicalText($0.value))" }
        return "{\(entries.sorted().joined(separator: ", "))}"
    }
    if let sequence = node.sequence {
        return "[\(sequence.map(canonicalText).joined(separator: ", "))]"
    }
    return node.scalar?.string ?? ""
}
