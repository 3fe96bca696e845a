/// Which classes a pickle may name.
enum PickleGlobals: Sendable {
  /// Mitogen's types and what carries bytes; everything else is refused.
  case mitogen
  /// None at all, as for what should only hold plain data.
  case denyAll

  /// The classes that have a meaning.
  enum Known: UInt32, Sendable {
    case callError, context, sender, blob, secret, keywords, encode, bytes
  }

  func resolve(_ module: String, _ name: String) throws(StreamError) -> Known {
    if self == .denyAll { throw StreamError("Denied: \(module).\(name)") }
    switch (module, name) {
    case ("mitogen.core", "_unpickle_call_error"), ("mitogen.core", "CallError"): return .callError
    case ("mitogen.core", "_unpickle_context"): return .context
    case ("mitogen.core", "_unpickle_sender"): return .sender
    case ("mitogen.core", "Blob"): return .blob
    case ("mitogen.core", "Secret"): return .secret
    case ("mitogen.core", "Kwargs"): return .keywords
    case ("_codecs", "encode"): return .encode
    case ("__builtin__", "bytes"), ("builtins", "bytes"): return .bytes
    default: throw StreamError("cannot unpickle '\(module)'/'\(name)'")
    }
  }
}
