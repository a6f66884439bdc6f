import CIntegerKernels

/// The steps of a run with `lanes` samples side by side, and the arena they use. It does not change.
final class Program: Sendable {
    /// A buffer of ``ArenaLayout``, by number.
    typealias Buffer = Int

    /// Where the first byte of a value is: a slice lies inside the buffer of what it is a part of, and
    /// behind the border, if there is one.
    struct Location: Sendable {
        var buffer: Buffer
        /// In bytes.
        var offset = 0
    }

    /// Numbers of nodes say where the network keeps weights, rules and tables.
    enum Step: Sendable {
        /// The copy is followed by `behind` more bytes of real zero.
        case planes(cik_planes, from: Location, to: Location, behind: Int = 0)
        case maxPooling(cik_pooling, from: Location, to: Location, around: Surroundings?)
        case averagePooling(Averaging, node: Int, from: Location, to: Location)
        case addition(node: Int, from: [Location], count: Int, to: Location)
        case multiplication(node: Int, ProductShape, from: [Location], to: Location)
        /// By the table of the node's input of this number.
        case lookup(node: Int, input: Int, from: Location, count: Int, to: Location)
        case channelShuffle(groups: Int, channels: Int, size: Int, from: Location, to: Location)
        /// A layer that reads its whole input, for one sample.
        case vector(node: Int, from: Location, accumulators: Buffer, to: Location?)
        case planar(PlanarStep)
        /// Of the logits, in place.
        case softmax
    }

    /// Windows whose means are computed.
    struct Averaging: Sendable {
        var windows: cik_pooling
        /// The byte of real zero, and how many places of a window, at least, hold it that do not count.
        var fill: UInt8
        var borderCount = 0
    }

    /// A border that an operation makes which writes rows by themselves, and the byte of real zero there.
    struct Surroundings: Sendable {
        var border: Border
        var fill: UInt8
    }

    /// Sizes of a product: the second input has as many places as the first or one a channel.
    struct ProductShape: Sendable {
        var channels, area: Int
        var isOnePerChannel: Bool
        /// The largest byte of the first input.
        var highest: Int32
    }

    /// A layer over planes.
    struct PlanarStep: Sendable {
        var node: Int
        var from: Location
        /// For a tile of the input, sorted, or sums between blocks of channels.
        var scratch: Buffer
        /// Tiles of an output at a time.
        var band: Int
        /// What is made around the planes of the result, and the byte of real zero there.
        var border: Border?
        var fill: UInt8 = 0
        /// `nil` for logits, which are made of `accumulators`, so many outputs at a time.
        var to: Location?
        var accumulators: Buffer?
        var outputsInRun: Int
        var outputs, height, width: Int
        /// Equal runs of outputs, and bytes from the first plane that one reads to that of the next.
        var groups, groupStride: Int
        /// Positions from one row to the next in what is read.
        var rowStride: Int
        /// Which bytes from the first to the last place of an output are results.
        var keptBytes: KeptBytes
        /// Its bits, of a program that is ready to run.
        var kept: AlignedBuffer?
        /// Of a layer with one channel an output: what it reads are copies that it makes of `from`.
        var copy: ChannelCopy?
        /// Whether it reads the values as they stand.
        var isDirect = false
        /// What it adds to its own bytes before it writes them.
        var residual: Residual?
    }

    /// An addition that the layer does whose bytes are its last input to be made.
    struct Residual: Sendable {
        var node: Int
        /// Which input of the addition is the layer's own, 0 or 1.
        var own: Int
        var other: Location
    }

    /// Bordered copies of a few channels at a time, which stay in the cache until they are read. Those
    /// of all channels do not: a depthwise layer of 96 × 112 × 112 with stride 2 took 212 µs with them,
    /// and takes 165.
    struct ChannelCopy: Sendable {
        var planes: cik_planes
        /// How many channels at a time.
        var channels: Int
        /// Where they are in the layer's scratch.
        var offset: Int
    }

    let lanes: Int
    let steps: [Step]
    /// The node that each step belongs to.
    let nodes: [Int]
    let layout: ArenaLayout
    /// Holds the bytes of the input, or of the value that the first node reads.
    let input: Buffer

    /// Plans a run of a checked model, or of its nodes from `first` on, each of which reads the value just
    /// before it; a geometry belongs to each node with weights, a rule to each operation without.
    init(
        _ checked: CheckedModel, from first: Int = 0, geometries: [PlaneGeometry?],
        borders: ValueBorders, rules: [PackedRule?], lanes: Int
    ) {
        var planner = ProgramPlanner(
            checked, from: first, rules: rules, borders: borders, lanes: lanes)
        var nodes: [Int] = []
        for index in checked.model.nodes.indices.dropFirst(first) {
            planner.append(node: index, geometries[index])
            while nodes.count < planner.steps.count { nodes.append(index) }
        }
        self.lanes = lanes
        self.nodes = nodes
        steps = planner.steps
        layout = planner.layout.placed()
        input = planner.input
    }

    /// The same, ready to run: with the bits of what its layers keep.
    ///
    /// They are made only now because there may be many: of a program that is not used, or refused for
    /// its size, nobody needs them.
    func readied() -> Program { Program(ready: self) }

    private init(ready planned: Program) {
        (lanes, nodes) = (planned.lanes, planned.nodes)
        (layout, input) = (planned.layout, planned.input)
        var made: [KeptBytes: AlignedBuffer] = [:]
        steps = planned.steps.map { step in
            guard case .planar(var planar) = step else { return step }
            let buffer = made[planar.keptBytes] ?? AlignedBuffer(planar.keptBytes.bits)
            made[planar.keptBytes] = buffer
            planar.kept = buffer
            return .planar(planar)
        }
    }

    /// Bytes of an arena and of what layers keep, without the weights.
    var byteCount: Int {
        let kept = steps.map { step in
            if case .planar(let step) = step { step.keptBytes } else { nil as KeptBytes? }
        }
        return layout.byteCount + Set(kept.compactMap(\.self)).reduce(0) { $0 + $1.byteCount }
    }

    /// The largest scratch of a planar layer.
    var scratchBytes: Int {
        let sizes = steps.map { step in
            if case .planar(let step) = step { layout.buffers[step.scratch].byteCount } else { 0 }
        }
        return sizes.max() ?? 0
    }
}
