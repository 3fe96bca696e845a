/// What an `ssh` of ours says before anything else: how long its words are, and the words. Pure.
struct StandInGreeting {
  /// How far reading it has come.
  enum Progress: Equatable {
    case more
    case words([[UInt8]])
    /// It will not be read: so many bytes are too many, or it makes no sense.
    case refused(size: UInt64)
  }

  /// How many bytes of words there may be.
  let limit: Int
  private var bytes: [UInt8] = []

  /// The length comes first, in the order of this machine.
  static let headSize = 8

  /// How many bytes may be read next: never more than belong to it.
  var wanted: Int {
    (size.map { Int(clamping: $0) + StandInGreeting.headSize } ?? StandInGreeting.headSize) - bytes.count
  }

  private var size: UInt64? {
    guard bytes.count >= StandInGreeting.headSize else { return nil }
    return unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(as: UInt64.self) }
  }

  init(limit: Int) { self.limit = limit }

  /// Takes what was read.
  mutating func take(_ piece: some Sequence<UInt8>) -> Progress {
    bytes += piece
    guard let size else { return .more }
    guard size <= limit else { return .refused(size: size) }
    guard bytes.count >= StandInGreeting.headSize + Int(size) else { return .more }
    let body = bytes[StandInGreeting.headSize...]
    guard !body.isEmpty else { return .words([]) }
    guard body.last == 0, body.count == size else { return .refused(size: size) }
    return .words(body.dropLast().split(separator: 0, omittingEmptySubsequences: false).map(Array.init))
  }
}
