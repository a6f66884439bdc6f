/// The memory that a reader may still hand out. Everything whose size a file decides is charged
/// before it is allocated.
package struct MemoryBudget {
    private(set) var remaining: Int

    package init(_ bytes: Int) {
        remaining = bytes
    }

    mutating func charge(
        _ bytes: Int, _ section: FileSection, _ field: String
    ) throws(ContainerError) {
        guard bytes <= remaining else {
            throw .overBudget(section: section, field: field, needed: bytes, available: remaining)
        }
        remaining -= bytes
    }
}
