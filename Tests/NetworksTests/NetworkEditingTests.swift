import Networks
import Testing

struct NetworkEditingTests {
    /// 1 and 2 read the input, 3 adds them, 4 reads 1 again.
    private func graph() throws -> Network {
        try Network(
            name: "graph", inputShape: [3],
            nodes: [
                .init(name: "a", inputs: [0], layer: Activation(.relu)),
                .init(name: "b", inputs: [0], layer: Activation(.relu)),
                .init(name: "sum", inputs: [1, 2], layer: Add()),
                .init(name: "end", inputs: [3, 1], layer: Add()),
            ])
    }

    private func text(_ network: Network) -> [String] {
        network.nodes.map { "\($0.name) \($0.inputs)" }
    }

    @Test func `readers are listed by value`() throws {
        let readers = try graph().readers
        #expect(
            readers == [
                [.init(node: 0, slot: 0), .init(node: 1, slot: 0)],
                [.init(node: 2, slot: 0), .init(node: 3, slot: 1)], [.init(node: 2, slot: 1)],
                [.init(node: 3, slot: 0)], [],
            ])
    }

    @Test func `a layer is put behind a value for chosen readers`() throws {
        let found = try graph().inserting([
            .init(
                name: "x", layer: Activation(.relu), value: 1,
                readers: [.init(node: 3, slot: 1)]),
            .init(
                name: "y", layer: Activation(.relu), value: 1, behind: 0,
                readers: [.init(node: 2, slot: 0)]),
        ])
        #expect(text(found) == ["a [0]", "x [1]", "y [2]", "b [0]", "sum [3, 4]", "end [5, 2]"])
    }

    @Test func `layers are put behind the input and the output`() throws {
        let found = try graph().inserting([
            .init(name: "last", layer: Activation(.relu), value: 4, readers: []),
            .init(
                name: "first", layer: Activation(.relu), value: 0,
                readers: [.init(node: 1, slot: 0)]),
        ])
        #expect(
            text(found) == ["first [0]", "a [0]", "b [1]", "sum [2, 3]", "end [4, 2]", "last [5]"])
    }

    @Test func `a layer is replaced by several, or taken away`() throws {
        let found = try graph().replacing { node in
            switch node.name {
            case "a": [("a1", Activation(.relu)), ("a2", Activation(.relu))]
            case "b": []
            default: nil
            }
        }
        #expect(text(found) == ["a1 [0]", "a2 [1]", "sum [2, 0]", "end [3, 2]"])
    }
}
