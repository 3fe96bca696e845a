internal import Synchronization

/// Where in a value decoding failed, also when the error that was thrown does not say so.
final class DecodingTrace: Sendable {
  private let failure = Mutex<(path: [String], found: String)?>(nil)

  /// The keys on the way to what could not be decoded, and what Python calls its type; nil if nothing failed.
  var lastFailure: (path: [String], found: String)? { failure.withLock { $0 } }

  /// Decoding the value at a place has failed; called for the innermost value first.
  func noteFailure(at codingPath: [any CodingKey], of node: Unpickled.Node) {
    let path = codingPath.map(\.stringValue)
    failure.withLock { failure in
      // What contains the value fails too, and says less.
      if let failure, failure.path.count > path.count, failure.path.starts(with: path) { return }
      failure = (path, node.typeName)
    }
  }
}
