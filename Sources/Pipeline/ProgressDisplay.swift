import Foundation
import Training

/// Shows on standard error how far long work is: one line that is drawn again on a terminal, else a
/// plain line now and then.
public final class ProgressDisplay {
    private let isTerminal: Bool
    private let isSilent: Bool
    private let interval: Duration
    private var lastLine: ContinuousClock.Instant?
    private var width = 0

    public init(isTerminal: Bool = isatty(STDERR_FILENO) == 1, isSilent: Bool = false) {
        self.isTerminal = isTerminal
        self.isSilent = isSilent
        interval = isTerminal ? .milliseconds(200) : .seconds(15)
    }

    /// A line that stays.
    public func say(_ text: String) {
        clear()
        write(text + "\n")
    }

    func show(_ stage: String, _ progress: TrainingProgress) {
        let epoch = min(progress.epoch + 1, progress.epochs)
        line(
            "\(stage): epoch \(epoch)/\(progress.epochs)"
                + "  batch \(progress.batch)/\(progress.batches)"
                + "  loss \(String(format: "%.4f", progress.loss))"
                + "  \(Int(progress.imagesPerSecond)) images/s"
                + "  \(formatted(seconds: progress.secondsLeft)) left")
    }

    /// A line that the next one replaces on a terminal, and that a log gets only now and then.
    public func line(_ text: String) {
        let now = ContinuousClock.now
        if let lastLine, now - lastLine < interval { return }
        lastLine = now
        guard isTerminal else { return write(text + "\n") }
        let text = text.prefix(Self.columns - 1)
        let padding = String(repeating: " ", count: max(0, width - text.count))
        write("\r" + text + padding)
        width = text.count
    }

    /// What fits on a line of the terminal: a longer one could not be drawn over.
    private static var columns: Int {
        var size = winsize()
        let isKnown = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 1
        return isKnown ? Int(size.ws_col) : 80
    }

    /// Takes away the line that the next one would replace.
    public func clear() {
        guard isTerminal, width > 0 else { return }
        write("\r" + String(repeating: " ", count: width) + "\r")
        width = 0
    }

    private func write(_ text: String) {
        if isSilent { return }
        FileHandle.standardError.write(Data(text.utf8))
    }
}

/// `5.2 s`, `3 min 20 s`, `1 h 05 min`
func formatted(seconds: Double) -> String {
    let whole = Int(seconds.rounded())
    if seconds < 10 { return String(format: "%.1f s", seconds) }
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60) min \(String(format: "%02d", whole % 60)) s" }
    return "\(whole / 3600) h \(String(format: "%02d", whole / 60 % 60)) min"
}
