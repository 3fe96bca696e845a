/// How long the stages of a command took, one after the other.
struct Timeline: Sendable {
  struct Stage: Sendable {
    let name: String
    let duration: Duration
  }

  private(set) var stages: [Stage] = []
  private var mark = ContinuousClock.now

  /// Ends the stage that began with the end of the last one.
  mutating func finish(_ name: String) {
    let now = ContinuousClock.now
    stages.append(Stage(name: name, duration: mark.duration(to: now)))
    mark = now
  }

  /// The stages and their sum, on one line.
  var line: String {
    let parts = stages.map { "\($0.name) \(HumanText.duration($0.duration))" }
    let total = stages.reduce(.zero) { $0 + $1.duration }
    return parts.joined(separator: ", ") + "; \(HumanText.duration(total)) in all"
  }

  /// The stages' milliseconds by their names.
  var json: JSONValue {
    .object(
      stages.map { stage in
        // Microseconds are what is left of the noise.
        let microseconds = (stage.duration / .microseconds(1)).rounded()
        return JSONValue.Member(name: stage.name, value: .number(microseconds / 1000))
      })
  }
}
