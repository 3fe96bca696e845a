internal import CAsyncMitogen

/// What a fork server is asked, as a packet.
struct ForkRequest: Sendable {
  enum Kind: Sendable, Hashable {
    /// To make a process of this name, which runs the hook first; the environment is the server's own if nil.
    case start(name: String, hook: ForkHook?, environment: [String]?)
    /// To run the hook itself.
    case prepare(ForkHook)
  }

  let kind: Kind

  /// The packet; its answer bears the same number.
  ///
  /// - Throws: ``ForkRefusal`` if it is too long; an encoding error.
  func packet(number: UInt64) throws -> [UInt8] {
    var bytes: [UInt8] = []
    // As the processor has them: both sides run on one machine.
    func append(_ value: UInt32) { unsafe withUnsafeBytes(of: value) { unsafe bytes.append(contentsOf: $0) } }
    func encode(_ hook: ForkHook?) throws -> [UInt8] { try hook.map { try PickleEncoder().encode($0) } ?? [] }
    var (name, hook, environment): ([UInt8], [UInt8], [UInt8]) = ([], [], [])
    switch kind {
    case .start(let title, let given, let variables):
      name = Array((AMT_CHILD_MARKER + title).utf8)
      hook = try encode(given)
      for variable in variables ?? [] { environment += Array(variable.utf8) + [0] }
    case .prepare(let given): hook = try encode(given)
    }
    unsafe withUnsafeBytes(of: number) { unsafe bytes.append(contentsOf: $0) }
    let kind = if case .start = kind { AMT_FORK_START } else { AMT_FORK_PREPARE }
    append(UInt32(kind))
    for part in [name, hook, environment] { append(UInt32(truncatingIfNeeded: part.count)) }
    for part in [name, hook, environment] { bytes += part }
    guard bytes.count <= Int(AMT_FORK_PACKET_SIZE) else {
      throw ForkRefusal(
        text: "the fork's name, its environment and what its onFork is given come to \(bytes.count) bytes, of "
          + "\(AMT_FORK_PACKET_SIZE) that a fork server takes")
    }
    return bytes
  }
}

/// A fork server, or this process, does not do what was asked.
struct ForkRefusal: Error, CustomStringConvertible {
  let text: String
  var description: String { text }
}
