/// The digests of the arguments in requests that came last: the same bytes have the same digest, and need not be read.
struct KnownDigests: Sendable {
  /// How many requests are kept, and how many bytes one may have.
  static let limit = 256
  static let sizeLimit = 4_096

  private var digests: [Blob: [UInt8]] = [:]

  /// How many are known.
  var count: Int { digests.count }

  /// The digest of a request's arguments; nil if none like it has come lately.
  func find(_ payload: [UInt8]) -> [UInt8]? {
    payload.count <= KnownDigests.sizeLimit ? digests[Blob(payload)] : nil
  }

  /// Remembers a digest; when there is no more room all others are forgotten.
  mutating func remember(_ digest: [UInt8], of payload: [UInt8]) {
    guard payload.count <= KnownDigests.sizeLimit else { return }
    if digests.count >= KnownDigests.limit { digests.removeAll(keepingCapacity: true) }
    digests[Blob(payload)] = digest
  }
}
