internal import AsyncMitogen

/// Who wants to hear of jobs, and what has to be sent to each: of updates only the newest, so that nothing piles up for
/// somebody who is slow. Pure.
struct JobListeners<Listener: Hashable & Sendable>: Sendable {
  private struct Entry: Sendable {
    /// Whose death it does not survive.
    let context: ContextID
    var waiting: JobNotice?
    /// Whether somebody is sending to it, who will come back for what waits.
    var isServed = false
  }

  let limit: Int
  private var entries: [JobID: [Listener: Entry]] = [:]
  private(set) var count = 0

  init(limit: Int) { self.limit = limit }

  /// Adds a listener, or changes nothing if it is there.
  ///
  /// - Throws: ``JobError`` if there are too many.
  mutating func add(_ listener: Listener, of context: ContextID, to id: JobID) throws(JobError) {
    guard entries[id]?[listener] == nil else { return }
    guard count < limit else { throw JobError(.tooManyListeners, "\(limit)") }
    entries[id, default: [:]][listener] = Entry(context: context)
    count += 1
  }

  /// It no longer wants to hear anything.
  mutating func remove(_ listener: Listener, from id: JobID) {
    guard entries[id]?.removeValue(forKey: listener) != nil else { return }
    count -= 1
    if entries[id]?.isEmpty == true { entries[id] = nil }
  }

  /// A context is gone.
  mutating func remove(of context: ContextID) {
    for (id, listeners) in entries {
      for (listener, entry) in listeners where entry.context == context { remove(listener, from: id) }
    }
  }

  /// Something is to be sent to all who listen to a job; returns those to whom nobody is sending.
  mutating func tell(_ notice: JobNotice, of id: JobID) -> [Listener] {
    (entries[id] ?? [:]).keys.filter { tell(notice, of: id, $0) }
  }

  /// Something is to be sent to one; returns whether somebody has to begin with that.
  mutating func tell(_ notice: JobNotice, of id: JobID, _ listener: Listener) -> Bool {
    guard let entry = entries[id]?[listener] else { return false }
    entries[id]?[listener]?.waiting = notice
    entries[id]?[listener]?.isServed = true
    return !entry.isServed
  }

  /// Takes what is to be sent next; nil if there is nothing, and nobody is sending any more.
  mutating func next(_ listener: Listener, of id: JobID) -> JobNotice? {
    guard let notice = entries[id]?[listener]?.waiting else {
      entries[id]?[listener]?.isServed = false
      return nil
    }
    entries[id]?[listener]?.waiting = nil
    return notice
  }
}
