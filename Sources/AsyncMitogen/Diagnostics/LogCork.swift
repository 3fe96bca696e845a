/// What a child's log handler does with records before its link works, and after. A pure state machine.
///
/// Records wait while it is corked, within bounds: the oldest are dropped, and counted. Uncorking hands them out in
/// batches until none is left, and only then lets records pass; a record that is logged meanwhile waits its turn, so
/// records arrive in the order in which they were logged, and nothing is sent while a lock is held.
struct LogCork<Sink: Sendable>: Sendable {
  /// How many records may wait.
  let recordLimit: Int
  /// How many bytes of names and messages may wait.
  let byteLimit: Int
  private var state = State.corked
  private var waiting: [LogRecord] = []
  /// Where the oldest record is in `waiting`: dropping one does not move the rest.
  private var oldest = 0
  private var byteCount = 0
  private var droppedCount = 0

  private enum State: Sendable {
    case corked
    /// A batch is being sent; others wait behind it.
    case draining(Sink)
    case open(Sink)
  }

  init(recordLimit: Int, byteLimit: Int) {
    self.recordLimit = recordLimit
    self.byteLimit = byteLimit
  }

  /// What to do with a record: send it to the sink, or nothing because it waits now.
  mutating func record(_ record: LogRecord) -> Sink? {
    if case .open(let sink) = state { return sink }
    waiting.append(record)
    byteCount += Self.size(of: record)
    while waiting.count - oldest > recordLimit || byteCount > byteLimit { dropOldest() }
    return nil
  }

  /// The first batch to send; nil if it is not corked. Go on with ``nextBatch()``.
  mutating func uncork(_ sink: Sink) -> [LogRecord]? {
    guard case .corked = state else { return nil }
    state = .draining(sink)
    return nextBatch()
  }

  /// What has come to wait since the last batch; nil when there is nothing, and from then on records pass.
  mutating func nextBatch() -> [LogRecord]? {
    guard case .draining(let sink) = state else { return nil }
    guard oldest < waiting.count || droppedCount > 0 else {
      state = .open(sink)
      waiting = []
      return nil
    }
    var batch = Array(waiting[oldest...])
    if droppedCount > 0 {
      let lost = "\(droppedCount) earlier log records were dropped: more came than may wait for the link to the parent"
      batch.insert(LogRecord(level: .warning, logger: "mitogen", message: lost), at: 0)
    }
    waiting = []
    (oldest, byteCount, droppedCount) = (0, 0, 0)
    return batch
  }

  private mutating func dropOldest() {
    byteCount -= Self.size(of: waiting[oldest])
    waiting[oldest].message = ""
    oldest += 1
    droppedCount += 1
    // Closing the gap when it is as long as the rest makes it a constant cost for each record.
    if oldest * 2 > waiting.count {
      waiting.removeFirst(oldest)
      oldest = 0
    }
  }

  private static func size(of record: LogRecord) -> Int { record.logger.utf8.count + record.message.utf8.count }
}
