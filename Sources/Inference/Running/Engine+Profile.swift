#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension Engine {
    /// The time of one step of a run.
    package struct StepTime: Sendable {
        /// The node, and what is done if the node has several steps.
        package var name: String
        package var nanoseconds: Double
    }

    /// The shortest CPU time of each step in `repetitions` runs of one sample.
    package func profile(pixels: [UInt8], repetitions: Int) -> [StepTime] {
        precondition(pixels.count == inputCount, "\(pixels.count) pixels for one sample")
        let program = network.single
        var times = program.steps.map {
            StepTime(name: network.name(of: $0), nanoseconds: .infinity)
        }
        var logits = [Float](repeating: 0, count: outputCount)
        logits.withUnsafeMutableBufferPointer { logits in
            arenas.withArena { arena in
                let run = ProgramRun(
                    network: network, program: program, arena: arena, count: 1,
                    logits: logits.baseAddress!)
                for _ in 0..<repetitions {
                    run.run(pixels: pixels)
                    var start = Self.threadNanoseconds
                    for (index, step) in program.steps.enumerated() {
                        run.run(step)
                        let end = Self.threadNanoseconds
                        times[index].nanoseconds = min(times[index].nanoseconds, end - start)
                        start = end
                    }
                }
            }
        }
        return times
    }

    private static var threadNanoseconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }
}

extension PreparedNetwork {
    fileprivate func name(of step: Program.Step) -> String {
        switch step {
        case .planes: "planes"
        case .maxPooling: "max pooling"
        case .averagePooling(_, _, let node, _, _): "\(names[node]): mean"
        case .addition(let node, _, _, _): "\(names[node]): add"
        case .multiplication(let node, _, _, _): "\(names[node]): multiply"
        case .lookup(let node, _, _, _, _): "\(names[node]): look up"
        case .channelShuffle: "channel shuffle"
        case .vector(let node, _, _, _): names[node]
        case .planar(let step): "\(names[step.node]) \(layers[step.node]!.planar!.kernel.name)"
        case .softmax: "softmax"
        }
    }
}
