internal import Glibc

extension FileDescriptor {
  /// Writes all bytes at a position, which moves on as far as that goes.
  ///
  /// - Parameter path: What the file is called in the error.
  /// - Throws: ``FileServiceError``; what was written before stays.
  func append(_ bytes: [UInt8], at position: inout Int, path: String) throws {
    var written = 0
    while written < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { buffer in
        unsafe pwrite(number, buffer.baseAddress?.advanced(by: written), buffer.count - written, off_t(position))
      }
      if count >= 0 {
        written += count
        position += count
      } else if errno != EINTR {
        throw FileServiceError.last(path)
      }
    }
  }
}
