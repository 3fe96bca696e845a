internal import AsyncMitogen

/// How far transfers are: each of them, and all together. Pure.
struct TransferBoard: Sendable {
  /// Names a transfer.
  enum ID: Hashable, Sendable {
    /// What the command is for.
    case target(ContextID)
    /// A step on the way to several targets.
    case relay(ContextID)
  }

  private enum State: Sendable {
    case waiting
    case running
    case done
    case failed
  }

  private struct Row: Sendable {
    let name: String
    let isTarget: Bool
    /// Nil until it is known.
    var size: Int?
    var state = State.waiting
    /// How much was there before.
    var start = 0
    var position = 0
    var rate = TransferRate()

    var isOver: Bool { state == .done || state == .failed }
  }

  private let stage: String
  private var rows: [Row] = []
  private var indices: [ID: Int] = [:]
  private var rate = TransferRate()

  private static let barWidth = 24

  /// - Parameter stage: What the command does, in a word.
  init(stage: String) { self.stage = stage }

  /// Adds a transfer that has not begun.
  mutating func add(_ id: ID, name: String, size: Int? = nil) {
    indices[id] = rows.count
    let isTarget = if case .target = id { true } else { false }
    rows.append(Row(name: name, isTarget: isTarget, size: size))
  }

  /// So much of it is there; what is said of one that is over comes too late.
  mutating func move(_ id: ID, to position: Int, of size: Int) {
    guard let index = indices[id], !rows[index].isOver else { return }
    if rows[index].state != .running { rows[index].start = position }
    rows[index].state = .running
    rows[index].size = size
    rows[index].position = position
  }

  /// It is over.
  mutating func end(_ id: ID, isDone: Bool) {
    guard let index = indices[id] else { return }
    rows[index].state = isDone ? .done : .failed
    if isDone, let size = rows[index].size { rows[index].position = size }
  }

  /// Measures how fast all of them are.
  mutating func measure(at time: Duration) {
    for index in rows.indices where rows[index].state == .running {
      rows[index].rate.measure(rows[index].position, at: time)
    }
    rate.measure(rows.reduce(0) { $0 + $1.position - $1.start }, at: time)
  }

  /// All together, on one line.
  var summary: String {
    let targets = rows.filter(\.isTarget)
    var parts = ["\(targets.count { $0.isOver }) of \(targets.count) targets"]
    let wanted = rows.filter { $0.state != .failed }
    let sizes = wanted.compactMap(\.size)
    if sizes.count == wanted.count, case let size = sizes.reduce(0, +), size > 0 {
      let position = wanted.reduce(0) { $0 + $1.position }
      parts.append("\(TransferBoard.percent(position, of: size)) of \(HumanText.bytes(size))")
      parts += TransferBoard.pace(rate, left: size - position).filter { !$0.isEmpty }
    }
    return stage + ": " + parts.joined(separator: ", ")
  }

  /// The summary, and a line for each.
  ///
  /// - Parameters:
  ///   - columns: How long lines may be.
  ///   - count: How many lines there may be: where they are too few, what is over is left out.
  func lines(fitting columns: Int, count: Int) -> [String] {
    var table = Table([
      .init(title: "NAME", narrowest: 8), .init(title: ""), .init(title: "", alignment: .right),
      .init(title: "RATE", alignment: .right), .init(title: "LEFT", alignment: .right),
    ])
    // The summary and the titles are lines too.
    for row in rows.count + 2 <= count ? rows : rows.filter({ !$0.isOver }) { table.add(TransferBoard.cells(of: row)) }
    return [summary.truncated(to: columns)] + table.lines(fitting: columns)
  }

  private static func cells(of row: Row) -> [String] {
    switch row.state {
    case .waiting: [row.name, "waiting", "", "", ""]
    case .failed: [row.name, "failed", "", "", ""]
    case .running, .done:
      [row.name, bar(row.position, of: row.size ?? 0), percent(row.position, of: row.size ?? 0)]
        + (row.state == .done ? ["", "done"] : pace(row.rate, left: (row.size ?? 0) - row.position))
    }
  }

  /// How fast it is, and how long it will take; empty where that is not known.
  private static func pace(_ rate: TransferRate, left: Int) -> [String] {
    [
      rate.value.map { HumanText.bytes(Int(min($0, 1e18))) + "/s" } ?? "",
      rate.value == nil ? "" : rate.seconds(for: left).map { HumanText.uptime($0.rounded(.up)) + " left" } ?? "",
    ]
  }

  private static func bar(_ position: Int, of size: Int) -> String {
    let filled = size > 0 ? Int(Double(barWidth) * fraction(position, of: size)) : barWidth
    return "[" + String(repeating: "#", count: filled) + String(repeating: ".", count: barWidth - filled) + "]"
  }

  private static func percent(_ position: Int, of size: Int) -> String {
    "\(size > 0 ? Int(100 * fraction(position, of: size)) : 100)%"
  }

  private static func fraction(_ position: Int, of size: Int) -> Double {
    min(1, max(0, Double(position) / Double(size)))
  }
}
