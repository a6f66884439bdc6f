/// Optimal code lengths of at most `limit` bits (package-merge; Larmore and Hirschberg 1990).
///
/// Symbols of frequency 0 get length 0. So does the only symbol where a single one occurs: its code
/// has no bits. Cost: O(limit · n) after sorting.
///
/// A *coin* of denomination 2^-j and value `frequency` exists for each symbol and each j in
/// 1...limit. The cheapest coins that sum to n − 1 are sought; a symbol's length is the number of its
/// coins taken. From the smallest denomination up, coins are packed in pairs and the packages merged
/// with the coins of the next denomination.
package func limitedCodeLengths(_ frequencies: [Int], limit: Int) -> [UInt8] {
    var lengths = [UInt8](repeating: 0, count: frequencies.count)
    let symbols = frequencies.indices.filter { frequencies[$0] > 0 }
        .sorted { (frequencies[$0], $0) < (frequencies[$1], $1) }
    guard symbols.count > 1 else { return lengths }
    precondition(
        symbols.count <= 1 << limit, "\(symbols.count) symbols have no codes of \(limit) bits")
    let coins = symbols.map { frequencies[$0] }

    /// For each denomination, the smallest first: which entries of the merged list are coins.
    var isCoin = [[Bool](repeating: true, count: coins.count)]
    var merged = coins
    for _ in 1..<limit {
        var next: [Int] = []
        var flags: [Bool] = []
        next.reserveCapacity(coins.count + merged.count / 2)
        flags.reserveCapacity(coins.count + merged.count / 2)
        var coin = 0
        var pair = 0
        while coin < coins.count || pair + 1 < merged.count {
            let package = pair + 1 < merged.count ? merged[pair] + merged[pair + 1] : Int.max
            let takesCoin = coin < coins.count && coins[coin] <= package
            next.append(takesCoin ? coins[coin] : package)
            flags.append(takesCoin)
            if takesCoin { coin += 1 } else { pair += 2 }
        }
        merged = next
        isCoin.append(flags)
    }

    var taken = 2 * coins.count - 2
    for flags in isCoin.reversed() where taken > 0 {
        let coinsTaken = flags.prefix(taken).count { $0 }
        for symbol in symbols.prefix(coinsTaken) { lengths[symbol] += 1 }
        taken = 2 * (taken - coinsTaken)
    }
    return lengths
}
