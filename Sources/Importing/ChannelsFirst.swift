/// `[n, height, width, channels]` as `[n, channels, height, width]`.
/// - Parameter shape: `[channels, height, width]`
func channelsFirst<Value>(_ values: [Value], shape: [Int]) -> [Value] {
    let (channels, plane) = (shape[0], shape[1] * shape[2])
    if channels == 1 { return values }
    return [Value](unsafeUninitializedCapacity: values.count) { target, count in
        values.withUnsafeBufferPointer { source in
            for image in stride(from: 0, to: source.count, by: channels * plane) {
                for channel in 0..<channels {
                    for pixel in 0..<plane {
                        target.initializeElement(
                            at: image + channel * plane + pixel,
                            to: source[image + pixel * channels + channel])
                    }
                }
            }
        }
        count = values.count
    }
}
