internal import Synchronization

/// How long functions and service methods took, by name. Bounded: further names are counted together.
final class CallProfile: Sendable {
  struct Entry: Sendable, Equatable {
    var count: UInt64 = 0
    var total: UInt64 = 0
    var longest: UInt64 = 0

    mutating func add(_ nanoseconds: UInt64) {
      count += 1
      total &+= nanoseconds
      longest = max(longest, nanoseconds)
    }
  }

  /// The name under which further ones are counted.
  static let others = "(others)"
  private let limit: Int
  private let entries = Mutex<[String: Entry]>([:])

  init(limit: Int = 4_096) { self.limit = limit }

  /// One call has ended.
  func add(_ name: String, nanoseconds: UInt64) {
    entries.withLock { entries in
      let key = entries[name] != nil || entries.count < limit ? name : CallProfile.others
      entries[key, default: Entry()].add(nanoseconds)
    }
  }

  /// All of them, those that took longest together first.
  var sorted: [(name: String, entry: Entry)] {
    entries.withLock { $0 }.map { ($0.key, $0.value) }
      .sorted { ($1.entry.total, $0.name) < ($0.entry.total, $1.name) }
  }

  /// Runs a call, and takes its time.
  func measure<Result>(
    _ name: @autoclosure () -> String, _ loop: any EventLoop, _ body: () async throws -> Result
  ) async rethrows -> Result {
    let (name, start) = (name(), loop.now)
    defer { add(name, nanoseconds: loop.now &- start) }
    return try await body()
  }
}
