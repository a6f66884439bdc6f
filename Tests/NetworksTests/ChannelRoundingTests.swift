import Networks
import Testing

/// What `torchvision.models._utils._make_divisible(count * width, 8)` of torchvision 0.29.2 gives.
@Test(
    arguments: [
        (32, 0.35, 16), (16, 0.35, 8), (24, 0.35, 8), (64, 0.35, 24), (1280, 0.35, 448),
        (40, 0.7, 32), (24, 0.1, 8), (160, 0.1, 16), (320, 0.1, 32), (24, 0.75, 24), (32, 1.4, 48),
        (112, 0.6, 64), (17, 1, 16), (60, 1, 64), (40, 1.1, 48),
    ] as [(Int, Float, Int)])
func `scaled channels are multiples of 8`(count: Int, width: Float, expected: Int) {
    #expect(ArchitectureOptions(classes: 1, width: width).divisible(count) == expected)
}
