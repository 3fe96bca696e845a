/// The thresholds of the three loggers that Mitogen configures: the root, `mitogen` and `mitogen.io`.
///
/// A logger obeys the one of the three that it is, or is below: `mitogen.parent` obeys `mitogen`, `inventory` the root.
public struct LogLevels: Hashable, Sendable, Codable {
  /// Of each logger that is not below `mitogen`: the program's own, and `stdout` and `stderr` of children.
  public var root: LogLevel
  /// Of the library's loggers.
  public var mitogen: LogLevel
  /// Of the library's logger of frames and wake-ups, which has a record for each of them.
  public var mitogenIO: LogLevel

  /// Sets each threshold by itself.
  public init(root: LogLevel, mitogen: LogLevel, mitogenIO: LogLevel) {
    self.root = root
    self.mitogen = mitogen
    self.mitogenIO = mitogenIO
  }

  /// Sets all three by one level, as Mitogen's `log_to_file` does.
  ///
  /// Only ``LogLevel/io`` opens `mitogen.io` below info: at debug it would drown the rest.
  public init(_ level: LogLevel) {
    self.init(root: level, mitogen: level, mitogenIO: level <= .io ? level : max(level, .info))
  }

  /// The threshold that the logger called `name` obeys.
  public subscript(name: String) -> LogLevel { self[LogFamily(name)] }

  subscript(family: LogFamily) -> LogLevel {
    switch family {
    case .root: root
    case .mitogen: mitogen
    case .mitogenIO: mitogenIO
    }
  }
}

extension LogLevels {
  /// The numbers in the order of a child's configuration (`log_levels`).
  var rawValues: [Int] { [root.rawValue, mitogen.rawValue, mitogenIO.rawValue] }

  /// Reads the numbers of a child's configuration; nil unless there are three.
  init?(rawValues: [Int]) {
    guard rawValues.count == 3 else { return nil }
    self.init(
      root: LogLevel(rawValue: rawValues[0]), mitogen: LogLevel(rawValue: rawValues[1]),
      mitogenIO: LogLevel(rawValue: rawValues[2]))
  }
}

/// Which of the three configured loggers a logger belongs to. Found once per logger, so that a check is one load.
enum LogFamily: Sendable {
  case root
  case mitogen
  case mitogenIO

  init(_ name: String) {
    if Self.isName(name, atOrBelow: "mitogen.io") {
      self = .mitogenIO
    } else if Self.isName(name, atOrBelow: "mitogen") {
      self = .mitogen
    } else {
      self = .root
    }
  }

  private static func isName(_ name: String, atOrBelow ancestor: String) -> Bool {
    let (name, ancestor) = (name.utf8, ancestor.utf8)
    return name.starts(with: ancestor)
      && (name.count == ancestor.count || name.dropFirst(ancestor.count).first == UInt8(ascii: "."))
  }
}
