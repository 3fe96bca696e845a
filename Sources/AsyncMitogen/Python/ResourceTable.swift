/// Who waits for which files of Python packages. Mitogen's `ResourceResponder` and `ResourceForwarder`. Pure.
///
/// They are passed on and not kept: who asked keeps them.
struct ResourceTable: Sendable {
  /// How many may wait at once.
  let waitingLimit: Int
  private(set) var waitingCount = 0
  private var waiting: [PythonResource.Name: [ContextID]] = [:]

  init(waitingLimit: Int = 4_096) { self.waitingLimit = waitingLimit }

  /// What becomes of a request.
  enum Outcome: Sendable, Equatable {
    /// Look for the file.
    case find
    /// It is being looked for.
    case wait
    /// More wait already than may.
    case refuse
  }

  /// A neighbour wants a file.
  mutating func request(_ name: PythonResource.Name, for neighbour: ContextID) -> Outcome {
    guard waitingCount < waitingLimit else { return .refuse }
    waitingCount += 1
    waiting[name, default: []].append(neighbour)
    return waiting[name]?.count == 1 ? .find : .wait
  }

  /// Who gets a file that has been found.
  mutating func receive(_ name: PythonResource.Name) -> [ContextID] {
    let neighbours = waiting.removeValue(forKey: name) ?? []
    waitingCount -= neighbours.count
    return neighbours
  }

  /// A neighbour is gone.
  mutating func remove(_ neighbour: ContextID) {
    for (name, neighbours) in waiting {
      let others = neighbours.filter { $0 != neighbour }
      waitingCount -= neighbours.count - others.count
      // Nobody waits, but it is being looked for.
      waiting[name] = others
    }
  }
}
