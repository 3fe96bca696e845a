internal import CAsyncMitogen
internal import Glibc

/// A system call failed, and with what.
struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
  let operation: String
  let code: Int32

  /// The call and the system's text for the error.
  var description: String {
    unsafe "\(operation): \(String(cString: strerror(code))) (error \(code))"
  }

  /// The result of a C function of ours that returns a negated error number.
  static func check(_ operation: String, _ result: Int32) throws(SystemError) -> Int32 {
    guard result >= 0 else { throw SystemError(operation: operation, code: -result) }
    return result
  }
}

/// An open descriptor that is closed when its last user lets go, and is never inherited by other programs.
final class FileDescriptor: Sendable {
  /// The number.
  let number: Int32

  init(_ number: Int32) { self.number = number }

  deinit { close(number) }

  /// Two connected stream sockets.
  static func socketPair(nonblocking: Bool) throws(SystemError) -> (FileDescriptor, FileDescriptor) {
    var numbers: (Int32, Int32) = (-1, -1)
    let result = unsafe withUnsafeMutableBytes(of: &numbers) { bytes in
      unsafe amt_socketpair(bytes.baseAddress?.assumingMemoryBound(to: Int32.self), nonblocking ? 1 : 0)
    }
    _ = try SystemError.check("socketpair", result)
    return (try FileDescriptor(numbers.0).aboveStandard(), try FileDescriptor(numbers.1).aboveStandard())
  }

  /// A pipe: the end to read, the end to write.
  static func pipe(nonblocking: Bool) throws(SystemError) -> (read: FileDescriptor, write: FileDescriptor) {
    var numbers: (Int32, Int32) = (-1, -1)
    let result = unsafe withUnsafeMutableBytes(of: &numbers) { bytes in
      unsafe amt_pipe(bytes.baseAddress?.assumingMemoryBound(to: Int32.self), nonblocking ? 1 : 0)
    }
    _ = try SystemError.check("pipe", result)
    return (try FileDescriptor(numbers.0).aboveStandard(), try FileDescriptor(numbers.1).aboveStandard())
  }

  /// What has nothing to read: /dev/null, or where there is no such file a pipe that nobody writes to.
  static func nothing() throws(SystemError) -> FileDescriptor {
    let number = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
    return number >= 0 ? try FileDescriptor(number).aboveStandard() : try pipe(nonblocking: false).read
  }

  /// A second descriptor for the same file, above the standard three.
  func duplicate() throws(SystemError) -> FileDescriptor {
    FileDescriptor(try SystemError.check("dup", amt_duplicate(number)))
  }

  /// Itself, or a duplicate if its number is one of the standard three, which a program may have started without.
  func aboveStandard() throws(SystemError) -> FileDescriptor {
    number > 2 ? self : try duplicate()
  }
}
