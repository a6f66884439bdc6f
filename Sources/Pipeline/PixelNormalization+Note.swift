import Foundation
import Importing
import Training

/// What a checkpoint notes of the numbers that its network reads, as JSON:
/// `{"deviation":[…],"mean":[…],"pixelScale":…}`, the values of `PixelNormalization`.
private struct NormalizationRecord: Codable {
    var pixelScale: Float
    var mean, deviation: [Float]
}

extension PixelNormalization {
    /// The checkpoint's note that has it.
    static let noteName = "normalization"

    /// `times 1/255, less [0.13], divided by [0.31]`
    var text: String {
        "times \(NumberText.scale(pixelScale)), less \(NumberText.list(mean)), divided by "
            + NumberText.list(deviation)
    }

    /// What to say of a mean that no scaled pixel reaches, since it seems to be of pixels as they are;
    /// `nil` where there is none.
    public var unitNote: String? {
        let largest = 255 * pixelScale
        guard let found = mean.first(where: { $0 > 1.001 * largest }) else { return nil }
        return "note: the normalization's mean \(found) is above the largest scaled pixel, "
            + "\(largest) (pixels are multiplied by \(NumberText.scale(pixelScale)) first); for mean "
            + "and deviation of pixels of 0...255, divide both by 255"
    }

    func note() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let record = NormalizationRecord(
            pixelScale: pixelScale, mean: mean, deviation: deviation)
        return String(decoding: try encoder.encode(record), as: UTF8.self)
    }

    /// The normalization that a checkpoint notes, if it notes one.
    ///
    /// - Throws: `CheckpointError.badMetadata` for a note that does not fit the network.
    init?(noteOf checkpoint: Checkpoint, path: String) throws(CheckpointError) {
        guard let note = checkpoint.notes[Self.noteName] else { return nil }
        func wrong(_ reason: String) -> CheckpointError {
            .badMetadata(path: path, field: Self.noteName, reason: reason)
        }
        let record: NormalizationRecord
        do {
            record = try JSONDecoder().decode(NormalizationRecord.self, from: Data(note.utf8))
        } catch {
            throw wrong("is \(note.prefix(80)), expected pixelScale, mean and deviation as JSON")
        }
        let channels = checkpoint.network.inputShape.last ?? 0
        guard record.mean.count == channels, record.deviation.count == channels else {
            throw wrong(
                "\(record.mean.count) means, \(record.deviation.count) deviations, expected "
                    + "\(channels), one a channel")
        }
        let numbers = [record.pixelScale] + record.mean + record.deviation
        guard numbers.allSatisfy(\.isFinite), record.deviation.allSatisfy({ $0 > 0 }) else {
            throw wrong("is \(note.prefix(80)), expected finite numbers and deviations above 0")
        }
        self.init(
            pixelScale: record.pixelScale, mean: record.mean, deviation: record.deviation)
    }
}
