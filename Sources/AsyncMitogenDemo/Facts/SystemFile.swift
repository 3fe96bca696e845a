internal import Glibc

/// Reads the small files by which a system describes itself. None of them has a size to ask for beforehand.
enum SystemFile {
  /// The file's text; nil if it cannot be read, as that of a process that has just ended.
  static func text(_ path: String) -> String? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { return nil }
      guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
      bytes += chunk[..<count]
    }
  }

  /// The file's text without the white space around it.
  static func word(_ path: String) -> String? {
    text(path)?.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  /// The numbers among the names in a directory.
  static func numericNames(in path: String) -> [Int] { names(in: path).compactMap { Int($0) } }

  /// The names in a directory; none if it cannot be read.
  static func names(in path: String) -> [String] {
    guard let directory = unsafe opendir(path) else { return [] }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
      // The name is a C array at the end of a structure, which Swift sees as a tuple.
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }
}
