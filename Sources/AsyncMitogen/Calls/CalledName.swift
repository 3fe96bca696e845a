/// What a call calls, for people: read from the beginning of its payload, however long that is.
struct CalledName: Sendable, Hashable, CustomStringConvertible {
  /// The chain that it belongs to.
  let chain: String?
  /// A function's module, type and name, or a closure's place in the program and its type.
  let description: String

  private static let nameLimit = 16_384
  /// How long a description may be, in characters; a closure's type may have any length.
  private static let limit = 200

  /// - Parameter payload: That of a CALL_FUNCTION message, with fields that travel with it or without.
  init(_ payload: [UInt8]) {
    let start = TracedPayload.start(of: payload) ?? 0
    var position = start + 2
    guard payload.count > position + 1, payload[start] == 0x80 else {
      (chain, description) = (nil, "something that is no call")
      return
    }
    if payload[position] == 0x28 { position += 1 }
    guard let chain = PickleText.readOptional(payload, &position, limit: CalledName.nameLimit),
      let module = PickleText.read(payload, &position, limit: CalledName.nameLimit),
      let className = PickleText.readOptional(payload, &position, limit: CalledName.nameLimit),
      let function = PickleText.read(payload, &position, limit: CalledName.nameLimit)
    else {
      (chain, description) = (nil, "something that is no call")
      return
    }
    self.chain = chain
    let text =
      module.hasPrefix(CallRequest.closureModulePrefix)
      ? CalledName.closure(function, className ?? "")
      : [module, className, function].compactMap { $0 }.joined(separator: ".")
    description = text.count > CalledName.limit ? text.prefix(CalledName.limit) + "…" : text
  }

  /// Of a closure: the address that `addr2line -e PROGRAM` and debuggers know it by.
  private static func closure(_ offset: String, _ type: String) -> String {
    guard let known = InvocationCache.shared.type(named: type) else { return "closure at 0x\(offset)" }
    return "closure at 0x\(offset), \(String(describing: known))"
  }
}
