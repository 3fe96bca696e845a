internal import Glibc

/// The file that this process runs, as another account of this machine may run it: nothing has to be sent then.
///
/// Nobody but root and this account can put another file in its place. Whoever starts it checks that it is the same one.
struct OwnFile: Sendable, Hashable {
  let path: String
  /// The file's number in its file system: no other file gets it while this one runs.
  let number: UInt64

  /// A process that runs it: root can see that by itself.
  let processID: Int32

  /// The first argument of the script that starts it.
  var argument: String { "+\(number)/\(processID)+\(path)" }

  init(path: String, number: UInt64, processID: Int32 = getpid()) {
    self.processID = processID
    self.path = path
    self.number = number
  }

  /// The file of this process; nil if it has no name any more, or if others could change what that name stands for.
  static func current() -> OwnFile? { OwnFile(at: "/proc/self/exe") }

  /// What a link leads to.
  init?(at link: String) {
    var buffer = [CChar](repeating: 0, count: 4_096)
    let count = unsafe readlink(link, &buffer, buffer.count)
    guard count > 0, count < buffer.count else { return nil }
    let path = String(decoding: buffer[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    var (running, named) = (stat(), stat())
    guard path.hasPrefix("/"), OwnFile.isPlain(path), unsafe stat(link, &running) == 0, unsafe stat(path, &named) == 0,
      running.st_dev == named.st_dev, running.st_ino == named.st_ino, named.st_mode & S_IFMT == S_IFREG,
      OwnFile.isSafe(named), OwnFile.hasSafeFolders(path)
    else { return nil }
    self.init(path: path, number: UInt64(named.st_ino))
  }

  /// Whether no shell reads anything but a path in it.
  private static func isPlain(_ path: String) -> Bool {
    path.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: "/._-+=:@,".utf8.contains(byte)
      }
    }
  }

  private static func isSafe(_ status: stat) -> Bool {
    (status.st_uid == 0 || status.st_uid == geteuid()) && status.st_mode & (S_IWGRP | S_IWOTH) == 0
  }

  /// Whether nobody else can exchange what lies in the folders above a file.
  private static func hasSafeFolders(_ path: String) -> Bool {
    var folder = path[...]
    while let slash = folder.lastIndex(of: "/") {
      folder = folder[..<slash]
      var status = stat()
      guard unsafe stat(folder.isEmpty ? "/" : String(folder), &status) == 0 else { return false }
      // In a folder such as /tmp everybody may write, but only to what is theirs.
      let isSticky = status.st_mode & S_ISVTX != 0 && (status.st_uid == 0 || status.st_uid == geteuid())
      guard isSafe(status) || isSticky else { return false }
    }
    return true
  }
}
