import Foundation

/// What standard output is.
enum Terminal {
    /// Whether it is a terminal that shows colours, and nobody has asked for none (no-color.org).
    static var usesColor: Bool {
        let environment = ProcessInfo.processInfo.environment
        return isatty(STDOUT_FILENO) == 1 && environment["NO_COLOR", default: ""].isEmpty
            && environment["TERM"] != "dumb"
    }
}
