/// How much CPU a process uses.
struct ProcessUse: Codable, Sendable, Equatable {
  let processID: Int
  /// The kernel's name for it, which is cut to 15 bytes, unless there is a better one.
  var name: String
  /// Between two samples, in percent of one processor.
  let percent: Double
  /// Since the process was started.
  let seconds: Double

  /// The same with the name that the process gives itself: the first word of what `/proc/PID/cmdline` says, without the
  /// folder. What follows it may be nobody's business. The kernel's own threads have none.
  func named(by commandLine: String?) -> ProcessUse {
    guard let first = commandLine?.split(separator: "\0").first else { return self }
    var use = self
    use.name = first.split(separator: "/").last.map(String.init) ?? name
    return use
  }

  /// The processes that used most between two samples, and since their start where that is equal.
  ///
  /// - Parameters:
  ///   - seconds: The time between the samples.
  ///   - ticksPerSecond: The kernel's ticks.
  static func top(
    _ count: Int, from first: [Int: ProcessReading], to second: [Int: ProcessReading], seconds: Double,
    ticksPerSecond: Double
  ) -> [ProcessUse] {
    let uses = second.map { processID, reading in
      // One that was started in between has used all its time in between.
      let before = first[processID].flatMap { $0.startTicks == reading.startTicks ? $0.ticks : nil } ?? 0
      let used = Double(reading.ticks - before) / ticksPerSecond
      return ProcessUse(
        processID: processID, name: reading.name, percent: max(0, used / seconds * 100),
        seconds: Double(reading.ticks) / ticksPerSecond)
    }
    let ordered = uses.sorted { left, right in
      (left.percent, left.seconds, right.processID) > (right.percent, right.seconds, left.processID)
    }
    return Array(ordered.prefix(count))
  }
}
