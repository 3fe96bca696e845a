internal import Synchronization

/// How calls name closures: module, class and function, written once for each.
final class ClosureTargets: Sendable {
  static let shared = ClosureTargets()

  private struct Target: Sendable {
    let type: ObjectIdentifier
    let pickle: [UInt8]
  }

  // By where their code lies: bounded by the size of the program.
  private let targets = Mutex<[UInt: Target]>([:])

  /// The part of a call that names a closure.
  ///
  /// - Throws: ``UnsupportedFunctionError`` if the closure captures something, or has a type without a name.
  func target<Value: AnyInvocation>(of invocation: Value) throws -> [UInt8] {
    let offset = try FunctionValue.offset(of: invocation)
    let type = ObjectIdentifier(Value.self)
    if let known = targets.withLock({ $0[offset] }), known.type == type { return known.pickle }
    var writer = PickleWriter()
    try writer.string(CallRequest.closureModule)
    try writer.string(InvocationCache.shared.name(of: Value.self))
    try writer.string(String(offset, radix: 16))
    let pickle = writer.bytes
    // One function may be called as several types: each call names its own, and the last is remembered.
    targets.withLock { $0[offset] = Target(type: type, pickle: pickle) }
    return pickle
  }
}
