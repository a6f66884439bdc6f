import Synchronization

/// The memory that a reader may still hand out. Everything whose size a file decides is charged
/// before it is allocated.
///
/// Copies charge the same account, so that tensors which are read at the same time share it.
package struct MemoryBudget: Sendable {
    private let account: Account

    package init(_ bytes: Int) { account = Account(bytes) }

    mutating func charge(
        _ bytes: Int, _ section: FileSection, _ field: String
    ) throws(ContainerError) {
        let available = account.take(bytes)
        guard bytes <= available else {
            throw .overBudget(section: section, field: field, needed: bytes, available: available)
        }
    }

    private final class Account: Sendable {
        private let remaining: Mutex<Int>

        init(_ bytes: Int) { remaining = Mutex(bytes) }

        /// Takes `bytes` if there are as many; returns how many there were.
        func take(_ bytes: Int) -> Int {
            remaining.withLock { remaining in
                let available = remaining
                if bytes <= available { remaining -= bytes }
                return available
            }
        }
    }
}
