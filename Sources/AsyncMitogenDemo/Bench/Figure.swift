/// What a figure should come to.
enum Target: Sendable {
  /// At most this many times the floor; for durations and sizes.
  case atMostTimesFloor(Double)
  /// At least this many times the floor; for rates.
  case atLeastTimesFloor(Double)
  /// At most this many of the figure's own unit.
  case atMost(Double)
}

/// One result of the benchmark.
struct Figure: Sendable {
  /// The case, and for all but its first figure a slash and what this one is.
  let name: String
  let value: Double
  let unit: String
  /// The raw system calls' value, in the same unit.
  let floor: Double?
  let target: Target?
  /// The number of single measurements behind it.
  let count: Int

  init(_ name: String, value: Double, unit: String, floor: Double? = nil, target: Target? = nil, count: Int) {
    self.name = name
    self.value = value
    self.unit = unit
    self.floor = floor
    self.target = target
    self.count = count
  }

  /// Compares the medians.
  init(_ name: String, _ comparison: Comparison, unit: String, target: Target? = nil) {
    self.init(
      name, value: comparison.ours.median, unit: unit, floor: comparison.floor.median, target: target,
      count: comparison.ours.count)
  }

  /// Compares the 99th percentiles, which have no target: they tell more of the machine than of the program.
  init(tailOf name: String, _ comparison: Comparison, unit: String) {
    self.init(
      name + "/p99", value: comparison.ours.percentile99, unit: unit, floor: comparison.floor.percentile99,
      count: comparison.ours.count)
  }

  /// The value in terms of the floor, also where more is better.
  var ratio: Double? { floor.flatMap { $0 > 0 ? value / $0 : nil } }

  /// Whether it came to what it should; `nil` without a target.
  var reached: Bool? {
    switch target {
    case .atMostTimesFloor(let limit): ratio.map { $0 <= limit }
    case .atLeastTimesFloor(let limit): ratio.map { $0 >= limit }
    case .atMost(let limit): value <= limit
    case nil: nil
    }
  }
}
