/// Who waits for which Python module, what each neighbour has, and what was found before. Mitogen's `ModuleResponder` in
/// a master and its `ModuleForwarder` in other contexts. Pure.
///
/// A neighbour that asks for a module is first sent what the module imports, as far as it has not got that: it will be
/// asked for next.
struct ModuleTable: Sendable {
  /// Who wants a module.
  enum Requester: Sendable, Hashable {
    case neighbour(ContextID)
    /// This context itself.
    case own(UInt64)
  }

  /// What is to be done.
  enum Action: Sendable, Equatable {
    /// Find a module: ask the finder, or the parent.
    case find(String)
    case send(PythonModule, ContextID)
    case give(PythonModule, UInt64)
    /// More wait already than may.
    case refuse(String, Requester)
  }

  /// Whether the modules that one imports have to be found too; a parent sends them by itself.
  let findsRelated: Bool
  /// How many may wait at once, and how many bytes of modules are kept.
  let waitingLimit: Int
  let cacheLimit: Int

  private var cache: [String: PythonModule] = [:]
  private(set) var cachedBytes = 0
  /// Who waits for a module, in order.
  private var waiting: [String: [Requester]] = [:]
  private(set) var waitingCount = 0
  /// What is still to be found before those who wait for a module get it.
  private var missing: [String: Set<String>] = [:]
  /// The modules for which each module that is being found is missing.
  private var wanted: [String: Set<String>] = [:]
  private var sent: [ContextID: Set<String>] = [:]

  /// What every Python context has from the beginning.
  private static let known: Set<String> = ["mitogen", "mitogen.core"]

  init(findsRelated: Bool, waitingLimit: Int = 4_096, cacheLimit: Int = 64 << 20) {
    self.findsRelated = findsRelated
    self.waitingLimit = waitingLimit
    self.cacheLimit = cacheLimit
  }

  /// How many modules are kept.
  var cachedCount: Int { cache.count }

  /// Somebody wants a module.
  mutating func request(_ name: String, for requester: Requester) -> [Action] {
    guard waitingCount < waitingLimit else { return [.refuse(name, requester)] }
    waitingCount += 1
    waiting[name, default: []].append(requester)
    guard missing[name] == nil else { return [] }
    missing[name] = []
    var actions: [Action] = []
    want(name, for: name, &actions)
    settle(name, &actions)
    return actions
  }

  /// A module has been found, or has come unasked.
  mutating func receive(_ module: PythonModule) -> [Action] {
    cachedBytes += module.cost - (cache.updateValue(module, forKey: module.name)?.cost ?? 0)
    var actions: [Action] = []
    for name in (wanted.removeValue(forKey: module.name) ?? []).sorted() {
      missing[name]?.remove(module.name)
      if name == module.name { wantRelated(of: name, &actions) }
      settle(name, &actions)
    }
    tidy()
    return actions
  }

  /// A module is to be looked for anew when somebody wants it.
  mutating func forget(_ name: String) {
    if let module = cache.removeValue(forKey: name) { cachedBytes -= module.cost }
  }

  /// All that are being looked for.
  var outstanding: [String] { wanted.keys.sorted() }

  /// A neighbour is gone.
  mutating func remove(_ neighbour: ContextID) {
    sent[neighbour] = nil
    for (name, requesters) in waiting where requesters.contains(.neighbour(neighbour)) {
      let others = requesters.filter { $0 != .neighbour(neighbour) }
      waitingCount -= requesters.count - others.count
      // What is being found for nobody is kept once it has been found.
      waiting[name] = others
    }
  }

  private mutating func want(_ name: String, for requested: String, _ actions: inout [Action]) {
    if let module = cache[name] {
      if name == requested, module.content != nil { wantRelated(of: name, &actions) }
      return
    }
    missing[requested, default: []].insert(name)
    if wanted[name] == nil { actions.append(.find(name)) }
    wanted[name, default: []].insert(requested)
  }

  private mutating func wantRelated(of name: String, _ actions: inout [Action]) {
    guard findsRelated, let content = cache[name]?.content else { return }
    for related in content.related where !ModuleTable.known.contains(related) && related != name {
      want(related, for: name, &actions)
    }
  }

  /// Those who wait for a module get it, if nothing is missing any more.
  private mutating func settle(_ name: String, _ actions: inout [Action]) {
    guard missing[name]?.isEmpty == true, let module = cache[name] else { return }
    missing[name] = nil
    let requesters = waiting.removeValue(forKey: name) ?? []
    waitingCount -= requesters.count
    for requester in requesters {
      switch requester {
      case .own(let ticket): actions.append(.give(module, ticket))
      case .neighbour(let neighbour): deliver(module, to: neighbour, &actions)
      }
    }
  }

  private mutating func deliver(_ module: PythonModule, to neighbour: ContextID, _ actions: inout [Action]) {
    var has = sent[neighbour] ?? ModuleTable.known
    for name in module.content?.related ?? [] where !has.contains(name) && name != module.name {
      // A part of a package that has not been imported over there may never be: it may have a package of its own.
      let top = PythonModuleName.lineage(of: name)[0]
      guard top == module.name || has.contains(top) || top == name, let related = cache[name], related.content != nil
      else { continue }
      has.insert(name)
      actions.append(.send(related, neighbour))
    }
    if module.content != nil { has.insert(module.name) }
    sent[neighbour] = has
    actions.append(.send(module, neighbour))
  }

  /// Begins anew if too much is kept, when nobody waits for a part of it.
  private mutating func tidy() {
    guard cachedBytes > cacheLimit, waiting.isEmpty else { return }
    cache = [:]
    cachedBytes = 0
  }
}
