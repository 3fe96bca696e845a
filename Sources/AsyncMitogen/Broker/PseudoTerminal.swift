internal import CAsyncMitogen
internal import Glibc

/// A terminal for a program that wants to talk to a person. Bytes pass as they are and nothing is echoed.
struct PseudoTerminal: Sendable {
  /// This side. Its reading fails with `EIO` once nobody has the other one open: that is its end.
  let master: FileDescriptor
  /// The path of the other side.
  let slavePath: String

  /// Room for `/dev/pts/` and any number.
  private static let pathCapacity = 64

  /// Makes a terminal.
  init() throws(SystemError) {
    var path = [CChar](repeating: 0, count: PseudoTerminal.pathCapacity)
    let number = unsafe amt_openpty(&path, path.count)
    let opened = FileDescriptor(try SystemError.check("openpty", number))
    // A program may have been started without its standard three.
    master = opened.number > 2 ? opened : try opened.duplicate()
    slavePath = String(decoding: path.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// What to say if there is none. Mitogen's text, of which Linux's part is kept.
  static func failureText(_ error: SystemError) -> String {
    let text = unsafe String(cString: strerror(error.code))
    return "Failed to create a PTY: [Errno \(error.code)] \(text). It is likely the maximum number of PTYs has been "
      + "reached. Consider increasing the 'kernel.pty.max' sysctl on Linux, or modifying your configuration to avoid PTY "
      + "use."
  }
}
