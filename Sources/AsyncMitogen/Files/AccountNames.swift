internal import Synchronization

/// The names of accounts and groups, from `/etc/passwd` and `/etc/group`.
///
/// Not from the C library: a static program would need its shared libraries at run time to ask it.
final class AccountNames: Sendable {
  static let shared = AccountNames()

  private struct Known: Sendable {
    var metadata: FileMetadata?
    var names: [UInt32: String] = [:]
  }

  /// How large a file is read, in bytes.
  static let sizeLimit = 8 << 20
  private let users = Mutex(Known())
  private let groups = Mutex(Known())

  /// The name of an account; nil if it has none.
  func user(_ number: UInt32) -> String? { AccountNames.name(number, in: users, "/etc/passwd") }

  /// The name of a group; nil if it has none.
  func group(_ number: UInt32) -> String? { AccountNames.name(number, in: groups, "/etc/group") }

  private static func name(_ number: UInt32, in known: borrowing Mutex<Known>, _ path: String) -> String? {
    known.withLock { known in
      guard let file = try? OpenedFile(path) else { return known.names[number] }
      // Whoever adds an account changes the file, or puts another in its place.
      if known.metadata?.modified != file.metadata.modified || known.metadata?.size != file.metadata.size {
        guard let bytes = try? file.read(at: 0, count: min(file.metadata.size, sizeLimit)) else { return nil }
        known = Known(metadata: file.metadata, names: parse(bytes))
      }
      return known.names[number]
    }
  }

  /// The names by numbers in a file of either kind; the first of a number counts, as for the system.
  static func parse(_ bytes: [UInt8]) -> [UInt32: String] {
    var names: [UInt32: String] = [:]
    for line in bytes.split(separator: 0x0a) where line.first != 0x23 {
      let fields = line.split(separator: 0x3a, maxSplits: 3, omittingEmptySubsequences: false)
      guard fields.count == 4, !fields[0].isEmpty, let number = UInt32(String(decoding: fields[2], as: UTF8.self))
      else { continue }
      if names[number] == nil { names[number] = String(decoding: fields[0], as: UTF8.self) }
    }
    return names
  }
}
