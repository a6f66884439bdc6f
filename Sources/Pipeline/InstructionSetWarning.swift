import Foundation
import Tensors

/// What to say of an environment variable `SHRINK_ISA` that training does not follow, or `nil`.
public func instructionSetWarning() -> String? {
    guard !hasWantedInstructionSet, let name = ProcessInfo.processInfo.environment["SHRINK_ISA"]
    else { return nil }
    return "warning: SHRINK_ISA is '\(name)', which names no instruction set of this CPU; "
        + "training runs the fastest one"
}
