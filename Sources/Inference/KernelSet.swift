import CIntegerKernels

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Which variant of the kernels an engine runs.
public enum InstructionSet: String, Sendable, CaseIterable {
    /// What the environment variable `SHRINK_ISA` names, or else the fastest that this CPU can run.
    case automatic
    case scalar, avx2
    /// AVX-512 with dot products of bytes, and without or with permutations of bytes.
    case avx512vnni, avx512
    /// Arm with dot products of bytes.
    case neon
}

/// One variant of the kernels that this CPU can run.
package struct KernelSet: @unchecked Sendable {
    /// What a run calls kernels through: not a copy of all of them for each.
    let pointer: UnsafePointer<cik_kernel_set>

    var functions: cik_kernel_set { pointer.pointee }
    /// What the kernels cost on this CPU.
    var costs: cik_costs { cik_costs_here(pointer).pointee }
    package var isa: String { String(cString: pointer.pointee.isa) }

    /// All variants that run here, the fastest last.
    package static var available: [KernelSet] {
        (0..<cik_kernel_set_count()).map { KernelSet(pointer: cik_kernel_set_at($0)!) }
            .filter { $0.functions.supported() }
    }

    private init(pointer: UnsafePointer<cik_kernel_set>) { self.pointer = pointer }

    /// Chooses a variant: `requested`, else what `environment` names, else the fastest.
    package init(
        _ requested: InstructionSet, environment: String? = Self.environment
    ) throws(EngineError) {
        let available = Self.available
        let name = requested == .automatic ? environment ?? "automatic" : requested.rawValue
        if name == "automatic" {
            self = available[available.count - 1]
        } else if let named = available.first(where: { $0.isa == name }) {
            self = named
        } else {
            throw .instructionSet(found: name, available: available.map(\.isa))
        }
    }

    /// The value of `SHRINK_ISA`; an empty one counts as none.
    package static var environment: String? {
        guard let value = getenv("SHRINK_ISA"), value.pointee != 0 else { return nil }
        return String(cString: value)
    }
}
