internal import Glibc
internal import Synchronization

/// The images that this process has read, each once.
final class ImageStore: Sendable {
  static let shared = ImageStore()
  /// Always this program, whatever has become of its file's name.
  static let ownPath = "/proc/self/exe"

  /// A file and what of it changes when it is written or replaced.
  private struct Key: Hashable, Sendable {
    let path: String
    let device: UInt64
    let node: UInt64
    let size: Int64
    let seconds: Int64
    let nanoseconds: Int64
  }

  private let images = Mutex<[Key: Task<PreparedImage, any Error>]>([:])

  /// The image in a file, read in the background.
  func image(at path: String) async throws(ProgramImageError) -> PreparedImage {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { throw .unreadable(path: path, errorNumber: errno) }
    let key = Key(
      path: path, device: UInt64(status.st_dev), node: UInt64(status.st_ino), size: Int64(status.st_size),
      seconds: Int64(status.st_mtim.tv_sec), nanoseconds: Int64(status.st_mtim.tv_nsec))
    let task = images.withLock { images in
      if let known = images[key] { return known }
      // Other states of the same file are history.
      for stale in images.keys where stale.path == path { images[stale] = nil }
      let started = Task.detached { try PreparedImage(path: path) as PreparedImage }
      images[key] = started
      return started
    }
    do {
      return try await task.value
    } catch {
      images.withLock { $0[key] = nil }
      throw error as? ProgramImageError ?? .unreadable(path: path, errorNumber: ECANCELED)
    }
  }
}

/// What this machine calls itself.
enum HostPlatform {
  /// `uname -sm`.
  static let name: String = {
    var facts = utsname()
    guard unsafe uname(&facts) == 0 else { return "unknown unknown" }
    func text(_ field: some Any) -> String {
      // Arrays of C, which Swift sees as tuples of their bytes.
      unsafe withUnsafeBytes(of: field) { unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
    return "\(text(facts.sysname)) \(text(facts.machine))"
  }()
}
