import Glibc

/// Writing of whole records to a descriptor.
enum LogOutput {
  /// Writes all bytes, with one system call if the kernel takes them at once, which it does for files and terminals.
  ///
  /// What cannot be written is lost: there is no place left to report it.
  static func write(_ bytes: [UInt8], to descriptor: CInt) {
    unsafe bytes.withUnsafeBytes { buffer in
      var rest = unsafe buffer[...]
      while unsafe !rest.isEmpty {
        let count = unsafe Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if count > 0 {
          unsafe rest = rest.dropFirst(count)
        } else if errno == EAGAIN {
          // Somebody who shares the open file has made it non-blocking. Give its reader a second, not for ever.
          guard waitUntilWritable(descriptor, milliseconds: 1000) else { return }
        } else if errno != EINTR {
          return
        }
      }
    }
  }

  private static func waitUntilWritable(_ descriptor: CInt, milliseconds: CInt) -> Bool {
    var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    return unsafe poll(&wanted, 1, milliseconds) > 0
  }
}
