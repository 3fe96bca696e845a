internal import Synchronization

/// Finds the closures that calls name, each once.
final class ClosureCalls: Sendable {
  static let shared = ClosureCalls()

  private let known: Mutex<KnownTargets<any AnyInvocation>>
  /// How many are kept.
  static let limit = 4_096

  init() {
    // A tuple, no chain, and the module of closures.
    var writer = PickleWriter()
    writer.begin()
    writer.mark()
    writer.none()
    writer.string(CallRequest.closureModule, scalars: .max)
    known = Mutex(KnownTargets(beginning: writer.bytes, limit: ClosureCalls.limit))
  }

  /// How many are known.
  var count: Int { known.withLock { $0.count } }

  /// The closure that a call names, and where its arguments lie; nil if it has to be parsed to know.
  func find(_ payload: [UInt8]) -> (invocation: any AnyInvocation, arguments: Int)? {
    guard let found = known.withLock({ $0.find(payload) }), payload[found.end] == 0x28 else { return nil }
    return (found.value, found.end + 1)
  }

  /// Remembers the closure that a call names.
  func remember(_ payload: [UInt8], _ invocation: any AnyInvocation) {
    known.withLock { $0.remember(payload, invocation) }
  }
}
