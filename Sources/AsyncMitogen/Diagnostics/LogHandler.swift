/// Where log records go: the one thing to implement to have them in a logging system of your own.
///
/// Python's `logging.Handler`; there is one at a time, and it passes records on if several are wanted.
///
/// The library calls ``log(_:)`` on whatever thread something is logged, also on those that carry its messages, and from
/// several at once. A handler that blocks holds up that thread. A handler must not log through ``Logger`` itself, or the
/// record comes back to it without end.
public protocol LogHandler: Sendable {
  /// The least grave records that the handler wants, beside the thresholds in ``Logging/levels``; asked for each record.
  ///
  /// The default is ``LogLevel/io``: whatever the thresholds let through.
  var level: LogLevel { get }

  /// Takes a record.
  func log(_ record: LogRecord)
}

extension LogHandler {
  /// Everything that the thresholds let through.
  public var level: LogLevel { .io }
}
