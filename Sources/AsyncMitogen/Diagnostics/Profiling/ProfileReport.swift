/// The text of a profile. Pure.
struct ProfileReport {
  /// What the process is.
  var title: String
  /// Since its router began, and what the process took of processors; nanoseconds.
  var elapsed: UInt64
  var user: UInt64
  var system: UInt64
  /// What its broker's leader did; nil if that was not measured.
  var loop: LoopProfile.Times?
  var calls: [(name: String, entry: CallProfile.Entry)]

  var text: String {
    var text = title + "\n"
    text += "elapsed \(DumpText.seconds(elapsed)), user \(DumpText.seconds(user)), system \(DumpText.seconds(system))\n"
    if let loop { text += broker(loop) }
    text += "\ncalls, with the time that they waited:\n"
    text += ProfileReport.row(["count", "total", "mean", "longest", "name"])
    for (name, entry) in calls {
      let mean = entry.count == 0 ? 0 : entry.total / entry.count
      text += ProfileReport.row([
        "\(entry.count)", ProfileReport.milliseconds(entry.total), ProfileReport.milliseconds(mean),
        ProfileReport.milliseconds(entry.longest), DumpText.printable(name),
      ])
    }
    return text
  }

  private func broker(_ times: LoopProfile.Times) -> String {
    let whole = max(1, times.nanoseconds.reduce(0, +))
    var text = "\nbroker:\n" + ProfileReport.row(["count", "total", "share", "", "phase"])
    for phase in LoopProfile.Phase.allCases {
      let nanoseconds = times.nanoseconds[phase.rawValue]
      // In thousandths, without overflow for any time that a process can run.
      let share = nanoseconds / 1_000 * 1_000 / max(1, whole / 1_000)
      text += ProfileReport.row([
        "\(times.counts[phase.rawValue])", ProfileReport.milliseconds(nanoseconds),
        "\(share / 10).\(share % 10) %", "", ProfileReport.name(of: phase),
      ])
    }
    return text
  }

  private static func name(of phase: LoopProfile.Phase) -> String {
    switch phase {
    case .asleep: "asleep"
    case .reading: "reading and routing"
    case .lane: "actors: routing, what was posted"
    case .writing: "writing"
    case .timers: "timers"
    case .tasks: "calls and other tasks"
    }
  }

  /// Four columns flush right, and one that is not.
  private static func row(_ cells: [String]) -> String {
    cells.enumerated().reduce(" ") { line, cell in
      guard cell.offset < cells.count - 1 else { return line + "  " + cell.element }
      return line + String(repeating: " ", count: max(1, 14 - cell.element.count)) + cell.element
    } + "\n"
  }

  /// `12.345 ms`.
  static func milliseconds(_ nanoseconds: UInt64) -> String {
    let seconds = DumpText.seconds(nanoseconds == 0 ? 0 : nanoseconds &* 1_000)
    return String(seconds.dropLast(1)) + "ms"
  }
}
