/// Names a stream of messages from one process to one receiver: who sends, and where it hears of consumption.
struct FlowKey: Hashable, Sendable {
  /// The context that sends.
  var source: ContextID
  /// The handle in it that hears how much has been consumed.
  var replyTo: Handle

  /// Makes a key.
  init(source: ContextID, replyTo: Handle) {
    self.source = source
    self.replyTo = replyTo
  }

  /// Makes the key of a message's flow, nil if its sender does not want to hear of consumption.
  init?(_ message: Message) {
    guard message.replyTo.isFlow else { return nil }
    self.init(source: message.source, replyTo: message.replyTo)
  }
}

/// What senders must be told after one of their messages was consumed.
struct FlowNotices: Equatable, Sendable {
  /// Who has had `total` bytes consumed since it began.
  struct Acknowledgement: Equatable, Sendable {
    var flow: FlowKey
    var total: UInt64
  }

  var acknowledgement: Acknowledgement?
  /// Who can be counted no longer, and has to hear that, or it would wait for ever.
  var forgotten: FlowKey?
}

/// The receiving side of flow control: what a consumer has consumed of each sender's messages.
///
/// The table is bounded because a peer chooses the handles. When it is full, the flow that has been silent longest is
/// forgotten, one of the same source if there is any: so a context with too many flows only harms itself.
struct ReceivedFlows {
  private struct Record {
    var key: FlowKey
    var consumed: UInt64 = 0
    var acknowledged: UInt64 = 0
    var lastUse: UInt64 = 0
  }

  /// How many flows are remembered.
  let capacity: Int
  /// How far a sender may be ahead, in bytes; it hears of consumption each half of this.
  let window: UInt64

  private var records: [Record] = []
  private var indices: [FlowKey: Int] = [:]
  /// Where the last message's flow was: mostly that of the next one too.
  private var recent = 0
  private var clock: UInt64 = 0

  /// Makes an empty table.
  init(capacity: Int = 1024, window: UInt64 = FlowControl.window) {
    self.capacity = max(1, capacity)
    self.window = window
  }

  /// The flows that are remembered.
  var keys: [FlowKey] { records.map(\.key) }

  /// Counts a consumed message of a flow, and says whom to tell.
  mutating func consume(_ key: FlowKey, bytes: Int) -> FlowNotices? {
    clock += 1
    var notices = FlowNotices()
    if recent >= records.count || records[recent].key != key {
      recent = index(of: key, forgotten: &notices.forgotten)
    }
    records[recent].lastUse = clock
    records[recent].consumed += UInt64(bytes)
    let record = records[recent]
    if record.consumed - record.acknowledged >= window / 2 {
      records[recent].acknowledged = record.consumed
      notices.acknowledgement = .init(flow: key, total: record.consumed)
    }
    return notices == FlowNotices() ? nil : notices
  }

  private mutating func index(of key: FlowKey, forgotten: inout FlowKey?) -> Int {
    if let index = indices[key] { return index }
    guard records.count >= capacity, let victim = victim(for: key) else {
      records.append(Record(key: key))
      indices[key] = records.count - 1
      return records.count - 1
    }
    forgotten = records[victim].key
    indices[records[victim].key] = nil
    records[victim] = Record(key: key)
    indices[key] = victim
    return victim
  }

  /// Only when the table is full: 1,024 comparisons take 1 µs, which is what receiving a message costs anyway.
  private func victim(for key: FlowKey) -> Int? {
    let own = records.indices.filter { records[$0].key.source == key.source }
    return (own.isEmpty ? Array(records.indices) : own).min { records[$0].lastUse < records[$1].lastUse }
  }
}
