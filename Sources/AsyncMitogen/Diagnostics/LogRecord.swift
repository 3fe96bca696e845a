/// One thing that was logged, here or in a child.
///
/// Python's `logging.LogRecord`, with the attributes that Mitogen adds: `mitogen_message` is ``message``, `mitogen_name`
/// is ``logger``, and `mitogen_context` is ``contextID`` and ``contextName``.
public struct LogRecord: Hashable, Sendable {
  /// How grave it is.
  public var level: LogLevel
  /// The name of the logger where it was logged, without the context; empty for the root logger.
  public var logger: String
  /// The text. It may have several lines.
  public var message: String
  /// When it was logged; when it arrived, if it came from a child, because the wire does not say more.
  public var time: LogTime
  /// The child that it came from; nil for a record of this process.
  public var contextID: ContextID?
  /// The name that the child has here; nil for a record of this process, or of a child without a name.
  public var contextName: String?

  /// Makes a record, of now and of this process unless told otherwise.
  public init(
    level: LogLevel, logger: String, message: String, time: LogTime = .now, contextID: ContextID? = nil,
    contextName: String? = nil
  ) {
    self.level = level
    self.logger = logger
    self.message = message
    self.time = time
    self.contextID = contextID
    self.contextName = contextName
  }

  /// The logger's name with the context that a record came from: `stdout.[local.3246]`, `inventory`, `root`.
  ///
  /// A child without a name shows its number. This is the logger to which Mitogen's master gives a forwarded record.
  public var qualifiedLogger: String {
    let name = logger.isEmpty ? "root" : logger
    guard let context = contextName ?? contextID?.description else { return name }
    return "\(name).[\(context)]"
  }
}

extension LogRecord: CustomStringConvertible {
  /// The line that the built-in handlers write, without its end: `19:11:32.123456 I stdout.[local.3246]: hello`.
  public var description: String {
    String(decoding: LogLine.bytes(of: self).dropLast(), as: UTF8.self)
  }
}
