import CIntegerKernels
import PackedModel

/// How the values of a model lie in memory, how its layers read them, and what follows their sums: what its
/// programs are planned by.
struct Layouts: Sendable {
    let checked: CheckedModel
    let borders: ValueBorders
    /// One for each operation without weights.
    let rules: [PackedRule?]
    /// One for each node with weights that is to run over planes.
    private(set) var geometries: [PlaneGeometry?]

    init(
        _ checked: CheckedModel, rules: [PackedRule?], costs: cik_costs,
        preference: KernelPreference
    ) {
        self.checked = checked
        self.rules = rules
        borders = ValueBorders(checked, rules: rules)
        var directTiles = DirectWindow.mostTilesOfAll
        let windows = checked.model.nodes.indices.map {
            Self.directWindow(of: $0, in: checked, costs, preference, &directTiles)
        }
        geometries = []
        for index in checked.model.nodes.indices {
            geometries.append(
                Self.geometry(of: index, in: checked, direct: windows[index], borders))
        }
    }

    /// The program of all nodes from `first` on, each of which reads the value just before it.
    func program(from first: Int = 0, lanes: Int) -> Program {
        Program(
            checked, from: first, geometries: geometries, borders: borders, rules: rules,
            lanes: lanes)
    }

    /// Leaves out planes of layers in front of node `first` that read their whole input: without blocks
    /// they need none.
    mutating func dropPlanesOfWholeInputs(before first: Int) {
        for index in geometries.indices where index < first && checked.readsWholeInput(index) {
            geometries[index] = nil
        }
    }

    /// How a depthwise layer reads values as they stand, if its kernel can and that pays.
    private static func directWindow(
        of index: Int, in checked: CheckedModel, _ costs: cik_costs, _ preference: KernelPreference,
        _ directTiles: inout Int
    ) -> DirectWindow? {
        guard case .convolution(_, let window) = checked.model.nodes[index].operation,
            !checked.readsWholeInput(index)
        else { return nil }
        let (input, output) = (checked.input(of: index).planes, checked.values[index + 1])
        // The kernel makes bytes.
        guard window.groups > 1, window.groups == input.channels,
            window.groups == output.planes.channels, output.quantizer != nil, preference != .sparse,
            let direct = DirectWindow(
                window, over: [input.height, input.width],
                output: [output.planes.height, output.planes.width], fill: checked.fill(of: index)),
            direct.tiles <= directTiles, direct.cost(costs) < costs.depthwise_weight
        else { return nil }
        directTiles -= direct.tiles
        return direct
    }

    private static func geometry(
        of index: Int, in checked: CheckedModel, direct: DirectWindow?, _ borders: ValueBorders
    ) -> PlaneGeometry? {
        let input = checked.input(of: index)
        if checked.readsWholeInput(index) { return PlaneGeometry(inputs: input.count) }
        guard case .convolution(_, let window) = checked.model.nodes[index].operation else {
            return nil
        }
        if let border = borders.ofReading[index] {
            return PlaneGeometry(window, over: input, border: border)
        }
        var geometry = PlaneGeometry(
            window, over: input, fill: checked.fill(of: index),
            nonzeros: checked.weights[index]!.nonzeros,
            leastRowStride: borders.ofWriting[index]?.rowStride ?? 0)
        geometry.direct = direct.map { DirectTiles($0) }
        return geometry
    }
}
