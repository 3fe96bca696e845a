// How statistics are written: dictionaries with the names of the properties. By hand, with one type of keys for all: the
// compiler would make a type for each, and each of them is a kilobyte in the program that is sent everywhere.

/// The name of a property.
private struct Key: CodingKey, ExpressibleByStringLiteral {
  let stringValue: String
  var intValue: Int? { nil }

  init(stringLiteral value: String) { stringValue = value }
  init?(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}

extension Traffic {
  /// Reads the properties.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    sentMessages = try container.decode(UInt64.self, forKey: "sentMessages")
    sentBytes = try container.decode(UInt64.self, forKey: "sentBytes")
    receivedMessages = try container.decode(UInt64.self, forKey: "receivedMessages")
    receivedBytes = try container.decode(UInt64.self, forKey: "receivedBytes")
  }

  /// Writes the properties.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(sentMessages, forKey: "sentMessages")
    try container.encode(sentBytes, forKey: "sentBytes")
    try container.encode(receivedMessages, forKey: "receivedMessages")
    try container.encode(receivedBytes, forKey: "receivedBytes")
  }
}

extension MessageCounts {
  /// Reads the properties.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    delivered = try container.decode(UInt64.self, forKey: "delivered")
    sent = try container.decode(UInt64.self, forKey: "sent")
    forwarded = try container.decode(UInt64.self, forKey: "forwarded")
    refused = try container.decode(UInt64.self, forKey: "refused")
  }

  /// Writes the properties.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(delivered, forKey: "delivered")
    try container.encode(sent, forKey: "sent")
    try container.encode(forwarded, forKey: "forwarded")
    try container.encode(refused, forKey: "refused")
  }
}

extension CallStatistics {
  /// Reads the properties.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    inFlight = try container.decode(Int.self, forKey: "inFlight")
    running = try container.decode(Int.self, forKey: "running")
    waiting = try container.decode(Int.self, forKey: "waiting")
    waitingBytes = try container.decode(Int.self, forKey: "waitingBytes")
    started = try container.decode(UInt64.self, forKey: "started")
  }

  /// Writes the properties.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(inFlight, forKey: "inFlight")
    try container.encode(running, forKey: "running")
    try container.encode(waiting, forKey: "waiting")
    try container.encode(waitingBytes, forKey: "waitingBytes")
    try container.encode(started, forKey: "started")
  }
}

extension StreamStatistics {
  /// Reads the properties.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    name = try container.decode(String.self, forKey: "name")
    contextID = try container.decodeIfPresent(ContextID.self, forKey: "contextID")
    traffic = try container.decode(Traffic.self, forKey: "traffic")
    pendingBytes = try container.decode(Int.self, forKey: "pendingBytes")
    isPaused = try container.decode(Bool.self, forKey: "isPaused")
    isStalled = try container.decode(Bool.self, forKey: "isStalled")
  }

  /// Writes the properties.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(name, forKey: "name")
    try container.encodeIfPresent(contextID, forKey: "contextID")
    try container.encode(traffic, forKey: "traffic")
    try container.encode(pendingBytes, forKey: "pendingBytes")
    try container.encode(isPaused, forKey: "isPaused")
    try container.encode(isStalled, forKey: "isStalled")
  }
}

extension ContextStatistics {
  /// Reads the properties.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    contextID = try container.decode(ContextID.self, forKey: "contextID")
    name = try container.decodeIfPresent(String.self, forKey: "name")
    via = try container.decodeIfPresent(ContextID.self, forKey: "via")
    traffic = try container.decode(Traffic.self, forKey: "traffic")
    callsInFlight = try container.decode(Int.self, forKey: "callsInFlight")
  }

  /// Writes the properties.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(contextID, forKey: "contextID")
    try container.encodeIfPresent(name, forKey: "name")
    try container.encodeIfPresent(via, forKey: "via")
    try container.encode(traffic, forKey: "traffic")
    try container.encode(callsInFlight, forKey: "callsInFlight")
  }
}

extension RouterStatistics {
  /// Reads the properties.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    contextID = try container.decode(ContextID.self, forKey: "contextID")
    messages = try container.decode(MessageCounts.self, forKey: "messages")
    calls = try container.decode(CallStatistics.self, forKey: "calls")
    services = try container.decodeIfPresent(PoolStatistics.self, forKey: "services")
    handlerCount = try container.decode(Int.self, forKey: "handlerCount")
    threadCount = try container.decode(Int.self, forKey: "threadCount")
    streams = try container.decode([StreamStatistics].self, forKey: "streams")
    contexts = try container.decode([ContextStatistics].self, forKey: "contexts")
  }

  /// Writes the properties.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(contextID, forKey: "contextID")
    try container.encode(messages, forKey: "messages")
    try container.encode(calls, forKey: "calls")
    try container.encodeIfPresent(services, forKey: "services")
    try container.encode(handlerCount, forKey: "handlerCount")
    try container.encode(threadCount, forKey: "threadCount")
    try container.encode(streams, forKey: "streams")
    try container.encode(contexts, forKey: "contexts")
  }
}
