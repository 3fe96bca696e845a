/// Writes numbers in the text format that Prometheus reads (version 0.0.4): for each metric its help, its type, and a line
/// for each of its labels' values. Pure.
struct PrometheusText {
  /// Whether a number only grows.
  enum Kind: String {
    case counter
    case gauge
  }

  private(set) var text = ""

  /// Adds a metric, unless it has no samples.
  mutating func metric(
    _ name: String, _ kind: Kind, _ help: String, _ samples: [(labels: [(String, String)], value: UInt64)]
  ) {
    guard !samples.isEmpty else { return }
    text += "# HELP \(name) \(PrometheusText.escaped(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
    for sample in samples {
      text += name
      if !sample.labels.isEmpty {
        let pairs = sample.labels.map { "\($0)=\"\(PrometheusText.escaped($1, quotes: true))\"" }
        text += "{" + pairs.joined(separator: ",") + "}"
      }
      text += " \(sample.value)\n"
    }
  }

  /// Backslashes and ends of lines, and in values of labels quotes, stand behind a backslash.
  static func escaped(_ text: String, quotes: Bool) -> String {
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\\"): bytes += [byte, byte]
      case UInt8(ascii: "\n"): bytes += "\\n".utf8
      case UInt8(ascii: "\"") where quotes: bytes += "\\\"".utf8
      default: bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension RouterStatistics {
  /// All of it in the text format that Prometheus reads, version 0.0.4; Docs/Diagnostics.md lists the names, which stay.
  ///
  /// Serve it with `Content-Type: text/plain; version=0.0.4`, or write it where a node exporter finds it. Texts of several
  /// contexts are told apart by the label `context`.
  public var prometheusText: String {
    var text = PrometheusText()
    let own = [("context", contextID.description)]
    text.metric(
      "mitogen_messages_total", .counter, "Messages by what became of them here.",
      [("delivered", messages.delivered), ("sent", messages.sent), ("forwarded", messages.forwarded)].map {
        (own + [("outcome", $0)], $1)
      } + [(own + [("outcome", "refused")], messages.refused)])
    addRows(to: &text, "mitogen_", RouterStatistics.ownMetrics, [(own, ownValues)])
    if let services {
      addRows(
        to: &text, "mitogen_service_", RouterStatistics.serviceMetrics,
        [(own, [count(services.running), count(services.waiting)])])
    }
    addRows(
      to: &text, "mitogen_stream_", RouterStatistics.streamMetrics,
      streams.map { stream in
        (own + [("stream", stream.name), ("peer", stream.contextID?.description ?? "")], values(of: stream))
      })
    addRows(
      to: &text, "mitogen_context_", RouterStatistics.contextMetrics,
      contexts.map { (own + [("peer", $0.contextID.description), ("name", $0.name ?? "")], values(of: $0)) })
    return text.text
  }

  private typealias Row = (labels: [(String, String)], values: [UInt64])

  /// Adds metrics, with a sample of each for each row. Those whose names end with `_total` are counters.
  private func addRows(
    to text: inout PrometheusText, _ prefix: String, _ metrics: [(name: String, help: String)], _ rows: [Row]
  ) {
    for (index, metric) in metrics.enumerated() {
      text.metric(
        prefix + metric.name, metric.name.hasSuffix("_total") ? .counter : .gauge, metric.help,
        rows.map { ($0.labels, $0.values[index]) })
    }
  }

  private static let ownMetrics = [
    ("calls_in_flight", "Calls from here that wait for their result."), ("calls_running", "Functions that run here."),
    ("calls_waiting", "Calls of functions here that wait for room."),
    ("calls_started_total", "Functions that have begun here."), ("handlers", "Handles that are registered."),
    ("broker_threads", "Threads of the broker."),
  ]

  private var ownValues: [UInt64] {
    [
      count(calls.inFlight), count(calls.running), count(calls.waiting), calls.started, count(handlerCount),
      count(threadCount),
    ]
  }

  private static let serviceMetrics = [
    ("running", "Service methods that run here."), ("waiting", "Service requests that wait here."),
  ]

  private static let streamMetrics = [
    ("sent_messages_total", "Messages queued for a neighbour."), ("sent_bytes_total", "Bytes written to a neighbour."),
    ("received_messages_total", "Messages from a neighbour."),
    ("received_bytes_total", "Bytes read from a neighbour."), ("pending_bytes", "Bytes that wait to be written."),
    ("paused", "1 if nothing is read now."), ("stalled", "1 if messages to it are refused now."),
  ]

  private func values(of stream: StreamStatistics) -> [UInt64] {
    values(of: stream.traffic) + [count(stream.pendingBytes), stream.isPaused ? 1 : 0, stream.isStalled ? 1 : 0]
  }

  private static let contextMetrics = [
    ("sent_messages_total", "Messages towards a context."),
    ("sent_bytes_total", "Bytes of messages towards a context."),
    ("received_messages_total", "Messages from a context."),
    ("received_bytes_total", "Bytes of messages from a context."),
    ("calls_in_flight", "Calls from here to a context that wait."),
  ]

  private func values(of context: ContextStatistics) -> [UInt64] {
    values(of: context.traffic) + [count(context.callsInFlight)]
  }

  private func values(of traffic: Traffic) -> [UInt64] {
    [traffic.sentMessages, traffic.sentBytes, traffic.receivedMessages, traffic.receivedBytes]
  }

  private func count(_ number: Int) -> UInt64 { UInt64(max(0, number)) }
}
