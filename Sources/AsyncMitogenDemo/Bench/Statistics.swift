/// The order statistics that the benchmark reports.
enum Statistics {
  /// Returns the middle value, or the mean of the two in the middle; 0 of nothing.
  static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return 0 }
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }

  /// Returns the value that 99 in 100 do not exceed; the largest of fewer than 100.
  static func percentile99(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return 0 }
    return sorted[min(sorted.count * 99 / 100, sorted.count - 1)]
  }
}

/// The measurements of one thing in several rounds.
///
/// A round counts once, by its own median: one that was disturbed from outside moves the result by a rank and not by
/// its size.
struct Series: Sendable {
  private var medians: [Double] = []
  private var tails: [Double] = []
  private(set) var worst = 0.0
  private(set) var count = 0

  mutating func add(_ round: [Double]) {
    guard let largest = round.max() else { return }
    medians.append(Statistics.median(round))
    tails.append(Statistics.percentile99(round))
    worst = max(worst, largest)
    count += round.count
  }

  mutating func add(_ value: Double) { add([value]) }

  /// Adds durations in nanoseconds, in another unit.
  mutating func add(_ nanoseconds: [UInt64], per unit: Double) { add(nanoseconds.map { Double($0) / unit }) }

  var median: Double { Statistics.median(medians) }
  var percentile99: Double { Statistics.median(tails) }
}

/// A case and its floor, measured in turns so that both saw the same machine.
struct Comparison: Sendable {
  var ours = Series()
  var floor = Series()
}

extension Double {
  /// Nanoseconds in one.
  static let microsecond = 1e3
  static let millisecond = 1e6
}
