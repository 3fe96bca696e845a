internal import CAsyncMitogen
internal import Glibc

/// How a process that was started as a Python interpreter hears what it is to be: the three lines of Mitogen's bootstrap,
/// and the preamble between the first two.
enum PythonStart {
  /// Says that the preamble is read, and reads it.
  ///
  /// - Returns: nil if the parent is gone.
  /// - Throws: ``PythonOrigin/Failure``
  static func read(length: Int) throws(PythonOrigin.Failure) -> PythonOrigin? {
    guard say(PythonDialogue.reads), let preamble = readExactly(length) else { return nil }
    let origin = try PythonOrigin(preamble: preamble)
    _ = try origin.configuration
    return say(PythonDialogue.hasRead) ? origin : nil
  }

  /// Reads so many bytes, also where reading does not wait: sudo can leave a terminal so. nil at the end.
  private static func readExactly(_ count: Int) -> [UInt8]? {
    var bytes: [UInt8] = []
    while bytes.count < count {
      var chunk = [UInt8](repeating: 0, count: min(65_536, count - bytes.count))
      let length = unsafe amt_read(0, &chunk, chunk.count, nil, 0)
      switch length {
      case 1...: bytes += chunk[..<length]
      case Int(-EINTR): continue
      case Int(-EAGAIN): wait(0, POLLIN)
      default: return nil
      }
    }
    return bytes
  }

  private static func say(_ mark: String) -> Bool {
    var rest = Array((mark + "\n").utf8)[...]
    while !rest.isEmpty {
      let bytes = Array(rest)
      let length = unsafe write(1, bytes, bytes.count)
      if length > 0 {
        rest = rest.dropFirst(length)
      } else if errno == EAGAIN {
        wait(1, POLLOUT)
      } else if errno != EINTR {
        return false
      }
    }
    return true
  }

  private static func wait(_ descriptor: Int32, _ events: Int32) {
    var watched = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    _ = unsafe poll(&watched, 1, -1)
  }
}
