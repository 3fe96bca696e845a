/// The number of a context in its tree; unique while the tree lives, and never used twice.
///
/// The master is 0. Mitogen's `context_id`.
public struct ContextID: RawRepresentable, Hashable, Sendable, Codable, Comparable, ExpressibleByIntegerLiteral {
  /// The number as it stands in a message's header.
  public let rawValue: UInt32

  /// Makes an identifier from the number in a message's header.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Makes an identifier from a literal.
  public init(integerLiteral value: UInt32) { rawValue = value }

  /// Reads the number.
  public init(from decoder: any Decoder) throws {
    rawValue = try decoder.singleValueContainer().decode(UInt32.self)
  }

  /// Writes the number.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(rawValue)
  }

  /// The context in which the program was started by a person or a service, Mitogen's context 0.
  public static let master = ContextID(rawValue: 0)

  /// Orders by number, which is the order in which the master gave them out.
  public static func < (left: ContextID, right: ContextID) -> Bool { left.rawValue < right.rawValue }
}

extension ContextID: CustomStringConvertible {
  /// The number in decimal.
  public var description: String { String(rawValue) }
}
