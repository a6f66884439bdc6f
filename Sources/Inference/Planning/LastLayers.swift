import CIntegerKernels
import PackedModel

/// The last layers of a network, each of which reads its whole input, as a program for blocks of a batch.
///
/// All layers before them run sample by sample: side by side their planes would not fit the caches. These
/// do, and read the weights of fully connected layers once for a batch, which for one sample come from
/// memory.
final class LastLayers: Sendable {
    /// Their first node.
    let first: Int
    let program: Program
    /// Steps of the program for one sample before them, and where those leave what they read.
    let stepsBefore: Int
    let features: Program.Location
    let featureCount: Int
    /// Bytes as they are, for the kernel that puts those of samples side by side.
    let identity = AlignedBuffer((0..<256).map { UInt8($0) })

    /// The first node of these layers; `nil` if they are none or all, or read more than `mostBytes` side by
    /// side.
    static func first(in checked: CheckedModel, mostBytes: Int) -> Int? {
        guard let first = first(in: checked),
            checked.model.nodes[..<first].contains(where: { $0.operation.movesOrMakesData }),
            checked.input(of: first).count <= mostBytes / Int(CIK_TILE)
        else { return nil }
        return first
    }

    private static func first(in checked: CheckedModel) -> Int? {
        let nodes = checked.model.nodes
        var first: Int?
        for index in nodes.indices.reversed() {
            guard index > 0, nodes[index].inputs == [index] else { break }
            if checked.readsWholeInput(index) {
                first = index
            } else {
                switch nodes[index].operation {
                case .flatten, .reshape, .function, .softmax: continue
                default: return first
                }
            }
        }
        return first
    }

    /// - Parameters:
    ///   - first: the first node.
    ///   - single: the program for one sample.
    init(_ layouts: Layouts, from first: Int, single: Program) {
        self.first = first
        program = layouts.program(from: first, lanes: Int(CIK_TILE)).readied()
        for (number, step) in single.steps.enumerated() {
            guard case .vector(let node, let from, _, _) = step, node == first else { continue }
            (stepsBefore, features) = (number, from)
            featureCount = layouts.checked.input(of: first).count
            return
        }
        preconditionFailure("a layer that reads its whole input has a step for one sample")
    }

    /// What putting the features of a block side by side costs, in nanoseconds.
    var sortingCost: Double { Double(featureBytes) * Self.costOfByte }

    /// A byte of the features of a full block: 0.37 ns to write it by itself, on a Zen 4, and a copy before.
    /// With fewer samples it is less (16: 0.10), so blocks begin a little late.
    private static let costOfByte = 0.4

    /// Bytes of the features of all samples of a block, in whole lines of the cache.
    var featureBytes: Int { roundedUp(featureCount * program.lanes, to: 64) }

    /// Bytes of an arena behind that for one sample: the features of a block, sample by sample, and what
    /// the program needs.
    var byteCount: Int { featureBytes + program.layout.byteCount }
}

extension PackedOperation {
    fileprivate var movesOrMakesData: Bool {
        switch self {
        case .flatten, .reshape: false
        default: true
        }
    }
}
