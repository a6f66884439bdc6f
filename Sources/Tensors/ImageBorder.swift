import CFloatKernels

/// The border that a convolution's kernels want around an image. Rows of zeros are virtual, and so are
/// a depthwise convolution's columns of zeros, and most borders of another value there.
struct ImageBorder: Sendable {
    let geometry: ConvolutionGeometry
    let value: Float

    init(_ geometry: ConvolutionGeometry, value: Float) {
        self.geometry = geometry
        self.value = value
    }

    /// Rows of border above and below.
    var margin: Int { value == 0 || isVirtual ? 0 : geometry.padding[0] }
    /// Columns of border on each side.
    var sideMargin: Int {
        value == 0 && geometry.isDepthwise || isVirtual ? 0 : geometry.padding[1]
    }

    /// Whether kernels carry padding of any value.
    private var isVirtual: Bool {
        let g = geometry
        return g.isDepthwise
            && cfk_depthwise_pads(
                Int64(g.kernel[0]), Int64(g.kernel[1]), Int64(g.stride[0]), Int64(g.stride[1]),
                Int64(g.dilation[0]), Int64(g.dilation[1])) != 0
    }

    var height: Int { geometry.height + 2 * margin }
    var width: Int { geometry.width + 2 * sideMargin }
    private var count: Int { height * width * geometry.channels }
    var isNeeded: Bool { sideMargin > 0 || margin > 0 }

    /// Makes room for one image a thread.
    func resize(_ scratch: inout Tensor, threads: Int) {
        if isNeeded { scratch.resize(to: [threads, count]) }
    }

    /// Image `index` of a batch with its border: as it stands if it needs none, else in the scratch
    /// memory of `worker`.
    func image(
        _ index: Int, of x: UnsafePointer<Float>, worker: Int,
        _ scratch: UnsafeMutablePointer<Float>
    ) -> UnsafePointer<Float> {
        let g = geometry
        var source = x + index * g.inputCount
        guard isNeeded else { return source }
        let (pitch, border, row) = (
            width * g.channels, sideMargin * g.channels, g.width * g.channels
        )
        let first = scratch + worker * count
        var target = first
        target.update(repeating: value, count: margin * pitch)
        target += margin * pitch
        for _ in 0..<g.height {
            target.update(repeating: value, count: border)
            (target + border).update(from: source, count: row)
            (target + border + row).update(repeating: value, count: border)
            target += pitch
            source += row
        }
        target.update(repeating: value, count: margin * pitch)
        return UnsafePointer(first)
    }
}
