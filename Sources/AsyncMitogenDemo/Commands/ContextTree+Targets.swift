internal import AsyncMitogen

extension ContextTree {
  /// How much later than a connection method itself its time-out is noticed here: its own error says more.
  private static let grace = Duration.seconds(1)

  /// Connects targets, some at once. One that cannot be connected does not stop the others.
  static func connect(
    _ specs: [TargetSpec], _ options: TargetOptions, on router: Router, progress: ProgressLine
  ) async throws -> ContextTree {
    let person = TerminalAuthenticator()
    let joined = options.joined.flatMap { _ in router.parentIDs.first.map { router.context($0) } }
    let connector = TargetConnector<Context>(timeout: options.timeout) { hop, place, limit in
      let from = place ?? joined
      let method = try hop.connectionMethod(timeout: limit)
      let authenticate = hop.isInteractive ? person.authenticator(at: hop) : nil
      guard let limit, hop.options["connect_timeout"] == nil else {
        return try await router.connect(method, via: from, authenticate: authenticate)
      }
      // Where the context in between does not answer, nobody else would notice.
      return try await Deadline.run(within: limit + grace, "hop '\(hop)'") {
        try await router.connect(method, via: from, authenticate: authenticate)
      }
    }
    let parallel = options.parallel == 0 ? specs.count : options.parallel
    var errors: [TargetSpec: any Error] = [:]
    await withTaskGroup(of: (TargetSpec, (any Error)?).self) { group in
      var waiting = specs[...]
      func startNext() {
        guard let spec = waiting.popFirst() else { return }
        group.addTask {
          do {
            _ = try await connector.place(of: spec.hops)
            return (spec, nil)
          } catch {
            return (spec, error)
          }
        }
      }
      for _ in 0..<parallel { startNext() }
      progress.show("connect: 0 of \(specs.count) targets")
      var finished = 0
      for await (spec, error) in group {
        finished += 1
        errors[spec] = error
        progress.show("connect: \(finished) of \(specs.count) targets, \(spec.label)")
        startNext()
      }
    }
    // The hops of a task that is cancelled fail, which is not what a command should report of them.
    try Task.checkCancellation()
    return try await tree(of: specs, errors, from: connector)
  }

  /// The contexts on the ways to targets, all of which have been tried.
  private static func tree(
    of specs: [TargetSpec], _ errors: [TargetSpec: any Error], from connector: TargetConnector<Context>
  ) async throws -> ContextTree {
    var tree = ContextTree()
    let names = TargetNames(specs)
    // As they were typed.
    let targets = Dictionary(specs.map { ($0, $0) }) { first, _ in first }
    for spec in specs {
      var parent: Node?
      for count in spec.hops.indices.map({ $0 + 1 }) {
        let way = TargetSpec(Array(spec.hops.prefix(count)))
        // What lies behind a hop that failed has not been tried.
        guard let context = try? await connector.place(of: way.hops) else { break }
        let node =
          tree[context.id]
          ?? Node(
            context: context, parent: parent?.context.id ?? .master, depth: count, name: names[way],
            branch: way.hops.last?.label ?? "", target: targets[way])
        if tree[context.id] == nil { tree.add(node) }
        parent = node
      }
      if let error = errors[spec] {
        tree.add(FailedTarget(name: names[spec], target: spec, reason: "\(error)"))
      }
    }
    return tree
  }
}

extension ContextTree {
  /// Which targets could not be connected, and why.
  var failureLines: [String] { failures.map { "\($0.name): \($0.reason)" } }
}

/// A target that could not be connected.
struct FailedTarget: Sendable {
  /// What it is called in tables.
  let name: String
  let target: TargetSpec
  /// Why, in one or more lines.
  let reason: String

  /// What is known of it, as the members of a JSON object.
  var json: [JSONValue.Member] {
    [
      JSONValue.Member(name: "name", value: .string(name)),
      JSONValue.Member(name: "target", value: .string("\(target)")),
      JSONValue.Member(name: "error", value: .string(reason)),
    ]
  }
}

/// What targets are called where there is little room: their methods and arguments; where those of two are equal, also
/// their options.
struct TargetNames {
  private let labels: [String: Set<TargetSpec>]

  init(_ specs: [TargetSpec]) {
    labels = Dictionary(grouping: specs, by: \.label).mapValues { Set($0) }
  }

  subscript(spec: TargetSpec) -> String {
    labels[spec.label, default: []].union([spec]).count == 1 ? spec.label : spec.description
  }
}
