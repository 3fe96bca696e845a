internal import CAsyncMitogen
internal import Glibc

/// A descriptor that is closed when nobody holds it any more, and that no other program inherits.
final class OwnedDescriptor: Sendable {
  let number: CInt

  init(_ number: CInt) { self.number = number }

  deinit { close(number) }

  /// Opens a file for reading.
  convenience init(opening path: String, for command: String) throws(CommandStartError) {
    let number = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard number >= 0 else { throw CommandStartError(command: command, code: errno) }
    self.init(number)
  }

  /// Makes a pipe.
  static func pipe(
    for command: String
  ) throws(CommandStartError) -> (reader: OwnedDescriptor, writer: OwnedDescriptor) {
    var numbers: [CInt] = [-1, -1]
    let result = unsafe amt_pipe(&numbers, 0)
    guard result >= 0 else { throw CommandStartError(command: command, code: -result) }
    return (OwnedDescriptor(numbers[0]), OwnedDescriptor(numbers[1]))
  }

  /// Writes one byte; only ever one to a pipe, which has room for it.
  func writeByte() {
    var byte: UInt8 = 0
    _ = unsafe write(number, &byte, 1)
  }
}

/// Calls `body` with a copy of strings as C takes them: pointers, and a null pointer behind them.
func withCStrings<Result>(
  _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
  var copies = unsafe strings.map { unsafe strdup($0) } + [nil]
  defer { for index in unsafe copies.indices { unsafe free(copies[index]) } }
  return unsafe copies.withUnsafeMutableBufferPointer { buffer in
    // Never empty: it ends with the null pointer.
    guard let base = buffer.baseAddress else { preconditionFailure("an array with an element has storage") }
    return unsafe body(base)
  }
}
