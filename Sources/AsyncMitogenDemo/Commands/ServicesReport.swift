internal import AsyncMitogen

/// One table of `services`.
struct ServicesReport {
  let tree: ContextTree
  let current: PoolSample
  /// The one before, for what has been done since.
  let last: PoolSample

  private var seconds: Double { max(0.001, last.time.duration(to: current.time) / .seconds(1)) }

  /// The table, and below it what went wrong, each on one line.
  func lines(on stream: StandardStream) -> [String] {
    var table = Table([
      .init(title: "POOL", narrowest: 12), .init(title: "RUNNING", alignment: .right),
      .init(title: "QUEUED", alignment: .right), .init(title: "SERVED", alignment: .right),
      .init(title: "FAILED", alignment: .right), .init(title: "REFUSED", alignment: .right),
      .init(title: "GIVEN UP", alignment: .right), .init(title: "PER SECOND", alignment: .right),
    ])
    add("master", current.master, last.master, to: &table)
    for node in tree.members {
      let id = node.context.id
      if let statistics = try? current.answers[id]?.get() {
        add(node.name, statistics, try? last.answers[id]?.get(), to: &table)
      } else {
        table.add([node.name] + Array(repeating: "-", count: 7))
      }
    }
    for failure in tree.failures { table.add([failure.name] + Array(repeating: "-", count: 7)) }
    let lines = table.lines(fitting: stream.columns)
    return lines.prefix(1).map { $0.styled(.bold, on: stream) } + lines.dropFirst()
      + tree.failureLines(on: stream) { tree.reason(of: $0, in: current.answers) }
  }

  /// A row for the pool, and one for each method that has been called.
  private func add(_ name: String, _ now: PoolStatistics, _ before: PoolStatistics?, to table: inout Table) {
    var total = now.total
    total.refused += now.refused
    // As many as the pool counts: also what nobody has looked at yet, and work without a request.
    (total.running, total.waiting) = (now.running, now.waiting)
    table.add([name] + cells(total, since: before.map { $0.total.ended + $0.refused }))
    for service in now.services {
      for method in service.methods where method.ended + method.running + method.waiting > 0 {
        let ended = before?.services.first { $0.name == service.name }?.methods
          .first { $0.name == method.name }?.ended
        let label = "  \(ServicesReport.shortName(service.name)).\(method.name)"
        table.add([label] + cells(method, since: before == nil ? nil : ended ?? 0))
      }
    }
  }

  private func cells(_ method: PoolStatistics.Method, since ended: Int?) -> [String] {
    let counts = [
      method.running, method.waiting, method.served, method.failed, method.refused, method.cancelled,
    ]
    let rate = ended.map { HumanText.decimal(Double(method.ended - $0) / seconds, places: 0) }
    return counts.map { "\($0)" } + [rate ?? "-"]
  }

  /// A service's name without its module.
  static func shortName(_ name: String) -> String { name.split(separator: ".").last.map(String.init) ?? name }

  /// All of it for a program.
  var json: JSONValue {
    let master: JSONValue = .object(
      [.init(name: "context", value: .integer(0)), .init(name: "name", value: .string("master"))]
        + ServicesReport.json(of: current.master))
    let targets = tree.members.map { node -> JSONValue in
      let statistics = try? current.answers[node.context.id]?.get()
      let reason = tree.reason(of: node, in: current.answers) ?? ""
      return .object(
        node.json + (statistics.map(ServicesReport.json) ?? [.init(name: "error", value: .string(reason))]))
    }
    return ["pools": .array([master] + targets + tree.failures.map { .object($0.json) })]
  }

  private static func json(of statistics: PoolStatistics) -> [JSONValue.Member] {
    let services = statistics.services.map { service -> JSONValue in
      ["name": .string(service.name), "methods": .array(service.methods.map(json))]
    }
    return [
      .init(name: "size", value: .integer(statistics.size)),
      .init(name: "running", value: .integer(statistics.running)),
      .init(name: "queued", value: .integer(statistics.waiting)),
      .init(name: "refused", value: .integer(statistics.refused)),
      .init(name: "services", value: .array(services)),
    ]
  }

  private static func json(of method: PoolStatistics.Method) -> JSONValue {
    [
      "name": .string(method.name), "running": .integer(method.running), "queued": .integer(method.waiting),
      "served": .integer(method.served), "failed": .integer(method.failed), "refused": .integer(method.refused),
      "givenUp": .integer(method.cancelled),
    ]
  }
}
