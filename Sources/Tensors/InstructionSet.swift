import CFloatKernels

/// The instruction set of the float kernels, read once.
let bestISA = cfk_best_isa()

/// Whether this CPU has the instruction set that the environment variable `SHRINK_ISA` names, if it
/// names one; float kernels run the fastest one otherwise.
public var hasWantedInstructionSet: Bool { cfk_has_wanted_isa() }
