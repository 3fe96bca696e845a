/// The number of a receiver of messages inside one context.
///
/// Numbers below 1000 are Mitogen's and ours (see ``Handle/firstDynamic``); 0 is none.
public struct Handle: RawRepresentable, Hashable, Sendable, Codable, Comparable, ExpressibleByIntegerLiteral {
  /// The number as it stands in a message's header.
  public let rawValue: UInt32

  /// Makes a handle from the number in a message's header.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Makes a handle from a literal.
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

  /// Hashes the number.
  public func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }

  /// A context gives out its handles one after the other: a multiplication spreads them, and nobody else can choose them.
  /// Each message is looked up; this takes a tenth of the time.
  ///
  /// The number itself would put neighbours beside each other in a table, which then looks at all of them to remove one.
  public func _rawHashValue(seed: Int) -> Int {
    Int(truncatingIfNeeded: (UInt64(rawValue) ^ UInt64(truncatingIfNeeded: seed)) &* 0x9e37_79b9_7f4a_7c15 >> 32)
  }

  /// Orders by number.
  public static func < (left: Handle, right: Handle) -> Bool { left.rawValue < right.rawValue }
}

extension Handle: CustomStringConvertible {
  /// The number in decimal.
  public var description: String { String(rawValue) }
}

/// The handles that have a meaning of their own.
extension Handle {
  /// No handle: as a reply address, no reply is wanted.
  public static let none: Handle = 0
  /// Asks a parent for a Python module.
  public static let getModule: Handle = 100
  /// Calls a function in a child.
  public static let callFunction: Handle = 101
  /// Brings a log record to the master.
  public static let forwardLog: Handle = 102
  /// Tells a parent of a new context below.
  public static let addRoute: Handle = 103
  /// Tells a neighbour of a context that is gone.
  public static let deleteRoute: Handle = 104
  /// Asks the master for a block of context identifiers.
  public static let allocateID: Handle = 105
  /// Tells a child to end.
  public static let shutdown: Handle = 106
  /// Brings a Python module.
  public static let loadModule: Handle = 107
  /// Asks an intermediary to pass a Python module on.
  public static let forwardModule: Handle = 108
  /// Tells a parent that the child goes on without it.
  public static let detaching: Handle = 109
  /// Calls a service.
  public static let callService: Handle = 110
  /// Asks a parent for a resource.
  public static let getResource: Handle = 112
  /// Brings a resource.
  public static let loadResource: Handle = 113
  /// Ours: asks a context what it can do beyond Mitogen's protocol; others answer `invalid handle`.
  public static let capabilities: Handle = 200
  /// Ours: tells a child that nobody waits for a call any more.
  public static let cancelCall: Handle = 201
  /// Ours: tells a parent what a child printed, when the log does not, for the case that the child crashes.
  public static let printed: Handle = 202
  /// Ours: tells a neighbour that this context is still there, when there is nothing else to tell.
  public static let keepAlive: Handle = 203
  /// Ours: calls a function, with what is to travel with the call; only sent to those that say that they know it.
  public static let tracedCall: Handle = 206
  /// Ours: calls a service, with what is to travel with the call.
  public static let tracedService: Handle = 207
  /// Ours: asks a context's broker what it is doing, or to say more; only parents may.
  public static let diagnostics: Handle = 208
  /// Ours: asks the master which Python's Mitogen it serves.
  public static let pythonDescription: Handle = 210
  /// Ours: tells a parent that the child, which has detached, sends nothing more.
  public static let detached: Handle = 209
  /// As a reply address: the message is dead, and its payload is the reason.
  public static let isDead: Handle = 999
  /// The first handle that a router gives out.
  public static let firstDynamic: Handle = 1000
  /// The first of the handles on which senders hear how much of what they sent has been consumed.
  public static let firstFlow: Handle = 0x4000_0000

  /// Whether this is the reply address of a sender that wants to hear of consumption.
  var isFlow: Bool { rawValue >= Handle.firstFlow.rawValue }
}
