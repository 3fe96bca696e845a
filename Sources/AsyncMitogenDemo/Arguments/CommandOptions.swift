/// What `tail` is to follow.
struct TailOptions: Equatable, Sendable {
  /// The file in the targets.
  var file: String
  /// How many of the lines that are there already are printed.
  var lines = TailOptions.defaultLines

  static let defaultLines = 10
  static let linesRange = 0...1_000_000
}

/// How `top` prints, and `services`.
struct TopOptions: Equatable, Sendable {
  /// The time between two tables.
  var interval = Duration.seconds(2)
  /// How many tables are printed; no end if nil.
  var count: Int?

  static let intervalRange = 0.1...3_600.0
  static let countRange = 1...1_000_000_000
}

/// What `services` prints and does.
struct ServicesOptions: Equatable, Sendable {
  /// Where it is not said how many tables are printed, it is one if they would not be seen in one place.
  var pace = TopOptions()
  /// How many calls each target makes a second.
  var load = ServicesOptions.defaultLoad

  static let defaultLoad = 20
  static let loadRange = 0...100_000
}
