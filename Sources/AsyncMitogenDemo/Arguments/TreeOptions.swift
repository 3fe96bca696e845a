/// Which contexts a command starts, and how it prints: what all commands but `bench` have in common.
struct TreeOptions: Equatable, Sendable {
  /// How many contexts this process starts, if there are no targets.
  var local = 8
  /// How many more hang below the first of them, each started by the one above it.
  var depth = 4
  /// The contexts to start in place of these.
  var targets = TargetOptions()
  /// The Python that contexts are, in place of this program; nil for none.
  var python: String?
  /// Whether JSON is printed and not text.
  var json = false

  static let localRange = 1...1000
  static let depthRange = 0...100
}
