/// Shows how far all copies of a file are together.
actor CopyProgress {
  private let line: ProgressLine
  private let total: Int
  private let targets: Int
  private var bytes = 0
  private var finished = 0
  private var shown: ContinuousClock.Instant?
  /// A person reads no faster.
  private static let pause = Duration.milliseconds(100)

  init(line: ProgressLine, total: Int, targets: Int) {
    self.line = line
    self.total = total
    self.targets = targets
  }

  /// Notes that something has been sent.
  func sent(_ count: Int) {
    bytes += count
    show()
  }

  /// Notes that a copy is complete, or has failed.
  func finish() {
    finished += 1
    shown = nil
    show()
  }

  private func show() {
    let now = ContinuousClock.now
    if let shown, shown.duration(to: now) < CopyProgress.pause { return }
    shown = now
    // A file that grows while it is read has more bytes than it had.
    let percent = total > 0 ? min(100, bytes * 100 / total) : 100
    line.show("copy: \(finished) of \(targets) targets, \(percent)% of \(HumanText.bytes(total))")
  }
}
