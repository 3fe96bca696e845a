internal import CAsyncMitogen
internal import Glibc

/// The descriptors that a child was started with, once it has put its own in their place: standard input is empty, and
/// what is printed becomes lines of the log.
struct StandardStreams {
  /// Where frames come from, and where they go; the same if it is one socket.
  let input: FileDescriptor
  let output: FileDescriptor
  /// The standard error that the child was started with: the last resort of a crash.
  let originalError: FileDescriptor
  let printed: FileDescriptor
  let printedErrors: FileDescriptor

  /// Takes the standard descriptors over. Called before there is a second thread.
  static func takeOver() throws(SystemError) -> StandardStreams {
    let input = FileDescriptor(try SystemError.check("dup", amt_duplicate(0)))
    let output = isSameFile(0, 1) ? input : FileDescriptor(try SystemError.check("dup", amt_duplicate(1)))
    let originalError = FileDescriptor(try SystemError.check("dup", amt_duplicate(2)))
    let (printed, printEnd) = try FileDescriptor.pipe(nonblocking: false)
    let (printedErrors, errorEnd) = try FileDescriptor.pipe(nonblocking: false)
    let nothing = try FileDescriptor.nothing()
    // The copies are not closed on exec: programs that calls start print to the log too. They block, as programs expect.
    for (source, target) in [(nothing, 0), (printEnd, 1), (errorEnd, 2)] as [(FileDescriptor, Int32)] {
      guard dup2(source.number, target) >= 0 else { throw SystemError(operation: "dup2", code: errno) }
    }
    amt_line_buffer_output()
    return StandardStreams(
      input: input, output: output, originalError: originalError, printed: printed, printedErrors: printedErrors)
  }

  /// Whether a program such as sudo is between the parent and this process: then the socket's other end is not that of
  /// the process that started this one. A fork is looked after by nobody.
  var isGuarded: Bool {
    amt_is_child() != AMT_FORKED && (try? UnixCredentials(of: input).processID) != getppid()
  }

  /// Lets go of what belongs to the parent. The numbers stay taken, so that nobody who has them writes elsewhere.
  func release() {
    for descriptor in [input, output, originalError] { _ = amt_replace_descriptor(descriptor.number) }
  }

  private static func isSameFile(_ left: Int32, _ right: Int32) -> Bool {
    var (first, second) = (stat(), stat())
    return unsafe fstat(left, &first) == 0 && fstat(right, &second) == 0 && first.st_dev == second.st_dev
      && first.st_ino == second.st_ino
  }
}
