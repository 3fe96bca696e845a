internal import Glibc

/// The directory of the account that this process acts as.
enum HomeDirectory {
  /// What HOME says; else what `/etc/passwd` does; else the root.
  static var path: String {
    if let home = unsafe getenv("HOME").map({ unsafe String(cString: $0) }), home.hasPrefix("/") { return home }
    guard let file = try? OpenedFile("/etc/passwd"), file.metadata.size <= AccountNames.sizeLimit,
      let bytes = try? file.read(at: 0, count: file.metadata.size)
    else { return "/" }
    return find(geteuid(), in: bytes) ?? "/"
  }

  /// The directory of an account. Not from the C library: a static program would need its shared libraries for that.
  static func find(_ user: UInt32, in accounts: [UInt8]) -> String? {
    for line in accounts.split(separator: 0x0a) where line.first != 0x23 {
      let fields = line.split(separator: 0x3a, omittingEmptySubsequences: false)
      if fields.count >= 6, String(decoding: fields[2], as: UTF8.self) == "\(user)", fields[5].first == 0x2f {
        return String(decoding: fields[5], as: UTF8.self)
      }
    }
    return nil
  }
}
