internal import AsyncMitogen

/// The contexts that a command has started, and who started whom.
struct ContextTree: Sendable {
  struct Node: Sendable {
    let context: Context
    /// The context that started it.
    let parent: ContextID
    /// How many contexts there are from the master to it, itself included.
    let depth: Int
    /// What it is called in tables.
    let name: String
    /// What it is called in a drawing, below its parent.
    let branch: String
    /// The target that it is, if there are targets and it is more than a step on the way to one.
    var target: TargetSpec?
  }

  /// Every parent before its children, and the chain right below the context that it hangs from.
  private(set) var nodes: [Node] = []
  /// Where the nodes of contexts are.
  private var indices: [ContextID: Int] = [:]
  /// The targets that there is no context for.
  private(set) var failures: [FailedTarget] = []

  /// The contexts that a command is for: the targets, or all if there are none.
  var members: [Node] {
    let targets = nodes.filter { $0.target != nil }
    return targets.isEmpty && failures.isEmpty ? nodes : targets
  }

  subscript(id: ContextID) -> Node? { indices[id].map { nodes[$0] } }

  /// The contexts that one has started; the master's if `nil`.
  func children(of node: Node?) -> [Node] {
    let parent = node?.context.id ?? .master
    return nodes.filter { $0.parent == parent }
  }

  /// Where the ways to targets part: contexts with targets behind more than one link, or that are targets themselves and
  /// have others behind them.
  var forks: Set<ContextID> {
    var uses: [ContextID: Int] = [:]
    for member in members {
      var node = Optional(member)
      while let current = node {
        uses[current.context.id, default: 0] += 1
        // From where the way up is known already, it is gone no second time.
        node = uses[current.context.id] == 1 ? self[current.parent] : nil
      }
    }
    return Set(uses.filter { $0.value > 1 }.keys)
  }

  /// Adds a context, whose parent is there already.
  mutating func add(_ node: Node) {
    indices[node.context.id] = nodes.count
    nodes.append(node)
  }

  /// Adds a target that could not be connected.
  mutating func add(_ failure: FailedTarget) { failures.append(failure) }
}

// MARK: - Starting

extension ContextTree {
  /// Connects targets; if there are none, starts local contexts, all at once, and then a chain below the first of them.
  static func start(
    _ options: TreeOptions, targets: [TargetSpec], on router: Router, timeline: inout Timeline, progress: ProgressLine
  ) async throws -> ContextTree {
    if targets.isEmpty, let joined = options.targets.joined.flatMap({ _ in router.parentIDs.first }) {
      var tree = ContextTree()
      tree.add(router.context(joined), parent: nil)
      return tree
    }
    if !targets.isEmpty {
      let tree = try await connect(targets, options.targets, on: router, progress: progress)
      timeline.finish("connect")
      return tree
    }
    let local = try await startLocal(options, on: router, progress: progress)
    timeline.finish("start")
    var tree = ContextTree()
    for context in local {
      tree.add(context, parent: nil)
      if context == local.first {
        // Each is started by the one before, so these cannot be started at once.
        for number in 0..<options.depth {
          progress.show("chain: \(number) of \(options.depth) contexts")
          guard let parent = tree.nodes.last else { break }
          tree.add(try await router.local(via: parent.context), parent: parent)
        }
        timeline.finish("chain")
      }
    }
    return tree
  }

  private static func startLocal(
    _ options: TreeOptions, on router: Router, progress: ProgressLine
  ) async throws -> [Context] {
    let (count, python) = (options.local, options.python.map { PythonProgram($0) })
    return try await withThrowingTaskGroup(of: Context.self) { group in
      for _ in 0..<count {
        group.addTask { try await router.local(python: python) }
      }
      var contexts: [Context] = []
      progress.show("start: 0 of \(count) contexts")
      for try await context in group {
        contexts.append(context)
        progress.show("start: \(contexts.count) of \(count) contexts, \(context)")
      }
      return contexts.sorted { $0.id < $1.id }
    }
  }

  private mutating func add(_ context: Context, parent: Node?) {
    let path = context.name ?? "context \(context.id)"
    // Whoever has a context started by another knows it by both their names.
    let prefix = parent?.context.name.map { $0 + "." } ?? ""
    let name = path.hasPrefix(prefix) ? String(path.dropFirst(prefix.count)) : path
    add(
      Node(
        context: context, parent: parent?.context.id ?? .master, depth: (parent?.depth ?? 0) + 1, name: name,
        branch: name))
  }
}

// MARK: - Asking

extension ContextTree {
  /// What a context answered, or why it did not.
  typealias Answers<Answer> = [ContextID: Result<Answer, any Error>]

  /// Calls made of contexts: their answers, in whatever order they come.
  func answers<Answer: Sendable>(
    of calls: [Receiver<Answer>], stage: String = "", progress: ProgressLine? = nil
  ) async throws -> Answers<Answer> {
    var answers: Answers<Answer> = [:]
    progress?.show("\(stage): 0 of \(calls.count) contexts")
    for try await reply in Select(calls) {
      let id = reply.context.id
      answers[id] = Result { try reply.value }
      progress?.show("\(stage): \(answers.count) of \(calls.count) contexts, \(self[id]?.name ?? "\(id)")")
    }
    // The calls of a task that is cancelled fail, which is not what a command should report of them.
    try Task.checkCancellation()
    return answers
  }

  /// Why a context has not answered; nil if it has.
  func reason<Answer>(of node: Node, in answers: Answers<Answer>) -> String? {
    switch answers[node.context.id] {
    case .success: nil
    // Of our errors, the library's and the program's, the text says all.
    case .failure(let error as CallError) where error.typeName.hasPrefix("AsyncMitogen") && error.causes.isEmpty:
      error.message
    case .failure(let error): "\(error)"
    case nil: "no answer"
    }
  }
}

// MARK: - Printing

extension ContextTree {
  /// The tree from this process down, as lines; `detail` adds to what a context is called, the master being `nil`.
  func drawing(detail: (Node?) -> String) -> [String] {
    TreeDrawing.lines(
      of: Node?.none,
      label: { node in "\(node?.branch ?? "master")  id \(node?.context.id ?? .master)\(detail(node))" },
      children: { node in children(of: node).map(Node?.some) })
  }
}

extension ContextTree.Node {
  /// Where it is, as the first members of any JSON object about it.
  var json: [JSONValue.Member] {
    let place: [JSONValue.Member] = [
      JSONValue.Member(name: "context", value: .integer(Int(context.id.rawValue))),
      JSONValue.Member(name: "name", value: .string(context.name ?? name)),
      JSONValue.Member(name: "parent", value: .integer(Int(parent.rawValue))),
      JSONValue.Member(name: "depth", value: .integer(depth)),
    ]
    return place + targetJSON
  }

  /// Which target it is, as the members of a JSON object: one or none.
  var targetJSON: [JSONValue.Member] {
    target.map { [JSONValue.Member(name: "target", value: .string("\($0)"))] } ?? []
  }
}
