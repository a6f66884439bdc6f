/// The product of sizes; `nil` if one is negative, or if the product does not fit an `Int` or would
/// not without the sizes that are zero.
///
/// Where there is a count, the product of any of the sizes fits as well.
package func elementCount(of shape: [Int]) -> Int? {
    var count = 1
    for size in shape where size != 0 {
        let (product, overflow) = count.multipliedReportingOverflow(by: size)
        if overflow || size < 0 { return nil }
        count = product
    }
    return shape.contains(0) ? 0 : count
}
