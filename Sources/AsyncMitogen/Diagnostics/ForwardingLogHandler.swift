import Synchronization

/// A child's handler: turns records into payloads of `FORWARD_LOG` messages. Mitogen's `LogHandler`.
///
/// It starts corked, because things are logged before there is a link to log through; the records that wait are bounded.
/// The thresholds are not its business: the child sets ``LogLevels`` from its parent's configuration, so that records
/// which the parent would drop are not even made.
///
/// Sending a record must not log another one, or the child would send for ever. Mitogen guards against that with a flag
/// per thread, which says nothing about tasks. Here it is a rule: whatever happens on the way of a message logs under
/// `mitogen.io` only, which is never forwarded, and a `FORWARD_LOG` message wants no reply, so its failure makes no noise.
final class ForwardingLogHandler: LogHandler {
  /// Takes the payload of one message.
  typealias Sink = @Sendable ([UInt8]) -> Void

  private let cork: Mutex<LogCork<Sink>>

  /// Makes a handler whose buffer holds this many records and this many bytes of text.
  init(recordLimit: Int = 1000, byteLimit: Int = 256 * 1024) {
    cork = Mutex(LogCork(recordLimit: recordLimit, byteLimit: byteLimit))
  }

  func log(_ record: LogRecord) {
    guard LogFamily(record.logger) != .mitogenIO else { return }
    guard let sink = cork.withLock({ $0.record(record) }) else { return }
    sink(ForwardedLog(record).payload)
  }

  /// Sends what waits, in order, then lets records pass. Does nothing the second time.
  func uncork(_ sink: @escaping Sink) {
    var batch = cork.withLock { $0.uncork(sink) }
    while let records = batch {
      for record in records { sink(ForwardedLog(record).payload) }
      batch = cork.withLock { $0.nextBatch() }
    }
  }
}
