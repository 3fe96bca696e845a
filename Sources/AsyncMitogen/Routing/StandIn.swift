/// What of that which contexts below ask of the master is answered by the context that they ask it through. Pure.
enum StandIn: Sendable, Equatable {
  case nothing
  /// Requests for context numbers: those that the master would answer from now on, nobody would hear of here.
  case identifiers
  /// Those, and log records.
  case everything

  /// Whether messages to a handle of the master are answered here.
  func covers(_ handle: Handle) -> Bool {
    switch self {
    case .nothing: false
    case .identifiers: handle == .allocateID
    case .everything: handle == .allocateID || handle == .forwardLog
    }
  }
}
