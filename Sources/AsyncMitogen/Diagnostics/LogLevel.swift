/// How grave a log record is; as a threshold, the least grave one that is let through.
///
/// The numbers are those of Python's `logging`, which cross the wire in records and in a child's configuration. Any other
/// number is a level too, because a Python peer may define its own.
public struct LogLevel: RawRepresentable, Hashable, Sendable, Codable {
  /// Python's number: 10 for debug to 50 for critical.
  public let rawValue: Int

  /// Makes a level from Python's number.
  public init(rawValue: Int) { self.rawValue = rawValue }

  /// Reads a level from its name in any case; nil for a name that Mitogen does not know either.
  public init?(name: String) {
    switch name.lowercased() {
    case "io": self = .io
    case "debug": self = .debug
    case "info": self = .info
    case "warning", "warn": self = .warning
    case "error": self = .error
    case "critical", "fatal": self = .critical
    default: return nil
    }
  }

  /// Each frame and each wake-up of a descriptor: 5. Mitogen's level name `IO`, which it knows in configuration only.
  public static let io = LogLevel(rawValue: 5)
  /// What the library does, step by step: 10.
  public static let debug = LogLevel(rawValue: 10)
  /// What a user of the program may like to know, and all that children print: 20.
  public static let info = LogLevel(rawValue: 20)
  /// Something is odd, and the program goes on: 30. The threshold of a program that configures nothing.
  public static let warning = LogLevel(rawValue: 30)
  /// Something was asked for and could not be done: 40.
  public static let error = LogLevel(rawValue: 40)
  /// The process cannot go on: 50.
  public static let critical = LogLevel(rawValue: 50)
  /// As a threshold: nothing is let through, also no record from the wire, where levels have 32 bits.
  public static let off = LogLevel(rawValue: .max)
}

extension LogLevel: Comparable {
  /// Orders by gravity.
  public static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }
}

extension LogLevel: CustomStringConvertible {
  /// The level's name, or `level 25` for a number without one.
  public var description: String {
    switch self {
    case .io: "io"
    case .debug: "debug"
    case .info: "info"
    case .warning: "warning"
    case .error: "error"
    case .critical: "critical"
    case .off: "off"
    default: "level \(rawValue)"
    }
  }

  /// The letter that stands for the level in a line: that of the nearest named level below, `D` at the bottom.
  ///
  /// `io` is a `D` as well: its own letter is taken by `info`, and the logger's name tells them apart.
  var letter: UInt8 {
    switch rawValue {
    case LogLevel.critical.rawValue...: UInt8(ascii: "C")
    case LogLevel.error.rawValue...: UInt8(ascii: "E")
    case LogLevel.warning.rawValue...: UInt8(ascii: "W")
    case LogLevel.info.rawValue...: UInt8(ascii: "I")
    default: UInt8(ascii: "D")
    }
  }
}
