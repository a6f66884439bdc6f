import CIntegerKernels

/// Some outputs of a layer, and the groups of channels that they read.
struct ChannelGroups {
    var outputs: Range<Int>
    var outputsInGroup: Int
    /// Positions from one group's first plane to that of the next.
    var stride: Int
}

extension Program.PlanarStep {
    func groups(of outputs: Range<Int>) -> ChannelGroups {
        ChannelGroups(
            outputs: outputs, outputsInGroup: self.outputs / groups, stride: groupStride)
    }
}

extension PlanarWeights {
    /// The sums, or the rounded results, of some outputs: those of one group of channels at a time.
    func add(
        _ planar: cik_planar, _ groups: ChannelGroups, _ kernels: UnsafePointer<cik_kernel_set>
    ) {
        var planar = planar
        let outputs = groups.outputs
        if case .depthwise(let weights, _) = self {
            var view = weights.view
            return kernels.pointee.u8_s8_depthwise(
                &view, &planar, outputs.lowerBound, outputs.count)
        }
        var first = outputs.lowerBound
        while first < outputs.upperBound {
            let group = first / groups.outputsInGroup
            let end = min((group + 1) * groups.outputsInGroup, outputs.upperBound)
            var part = planar
            part.x += group * groups.stride
            addGroup(&part, first..<end, kernels)
            first = end
        }
    }

    /// Those of outputs of one group.
    private func addGroup(
        _ planar: inout cik_planar, _ outputs: Range<Int>, _ kernels: UnsafePointer<cik_kernel_set>
    ) {
        switch self {
        case .grouped(let weights):
            var view = weights.view
            kernels.pointee.u6_s8_spmm(&view, &planar, outputs.lowerBound, outputs.count)
        case .sparse(let weights):
            var view = weights.view
            kernels.pointee.u8_s8_spmm(&view, &planar, outputs.lowerBound, outputs.count)
        case .dense(let weights):
            var view = weights.view
            kernels.pointee.u8_s8_gemm(&view, &planar, outputs.lowerBound, outputs.count)
        case .depthwise: preconditionFailure("depthwise weights have no groups of many channels")
        }
    }
}
