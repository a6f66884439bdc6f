import CFloatKernels

/// The instruction set of the float kernels, read once.
let bestISA = cfk_best_isa()

/// Its name for reports: `generic`, `avx2` or `avx512`.
public var floatInstructionSet: String { String(cString: cfk_isa_name(bestISA)) }
