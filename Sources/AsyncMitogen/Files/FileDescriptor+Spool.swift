internal import CAsyncMitogen
internal import Glibc

extension FileDescriptor {
  /// Makes a file without a name, in `TMPDIR` or `/tmp`: it goes when nobody has it open any more.
  ///
  /// - Throws: ``FileServiceError``.
  static func makeSpool() throws -> FileDescriptor {
    let directory = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
    var name = Array("\(directory)/.async-mitogen.XXXXXX".utf8CString)
    let number = unsafe amt_make_temporary(&name)
    guard number >= 0 else { throw FileServiceError(.system(-number), path: directory) }
    _ = unsafe unlink(name)
    return FileDescriptor(number)
  }
}
