import Foundation

@testable import AsyncMitogen

/// A directory of a test, which goes with it.
final class Sandbox: Sendable {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
      .appendingPathComponent("async-mitogen-files-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Where a file of the test is.
  func callAsFunction(_ name: String) -> String { path + "/" + name }

  /// Makes a file; returns its path.
  @discardableResult
  func file(_ name: String, _ content: [UInt8], mode: UInt32 = 0o644) throws -> String {
    try Data(content).write(to: URL(fileURLWithPath: self(name)))
    unsafe chmod(self(name), mode_t(mode))
    return self(name)
  }

  @discardableResult
  func directory(_ name: String) throws -> String {
    try FileManager.default.createDirectory(atPath: self(name), withIntermediateDirectories: true)
    return self(name)
  }

  func link(_ name: String, to target: String) throws {
    try FileManager.default.createSymbolicLink(atPath: self(name), withDestinationPath: target)
  }

  func remove(_ name: String) { _ = unsafe unlink(self(name)) }

  /// What is in a file; nil if there is none.
  func read(_ name: String) -> [UInt8]? {
    FileManager.default.contents(atPath: self(name)).map(Array.init)
  }

  /// The names in it.
  var names: [String] { names(in: "") }

  /// The names in a directory in it.
  func names(in directory: String) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: self(directory)).sorted()) ?? []
  }

  static func status(_ path: String) -> stat? {
    var status = stat()
    return unsafe lstat(path, &status) == 0 ? status : nil
  }

  /// Content that is the same for the same seed, and like no other.
  static func content(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var generator = SplitMix64(state: seed)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    while bytes.count < count {
      let word = generator.next()
      for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * shift))) }
    }
    bytes.removeLast(bytes.count - count)
    return bytes
  }
}

/// A master's file service, and the pool that it is in.
struct ServedFiles {
  let service: FileService
  let pool: Pool

  init(_ router: Router, limits: FileServiceLimits = FileServiceLimits()) {
    service = FileService(router: router, limits: limits)
    pool = Pool(router: router, services: [service])
  }
}

/// Calls that children make for tests: closures that cross processes capture nothing.
enum FileCalls {
  static var master: Context {
    get throws {
      guard let master = ExternalContext.current?.master else { throw StreamError("not in a child") }
      return master
    }
  }

  /// Reads a file of the master.
  static func read(_ path: String) async throws -> [UInt8] {
    var bytes: [UInt8] = []
    for try await piece in try await FileService.fetch(path, from: master, timeout: .seconds(30)) { bytes += piece }
    return bytes
  }
}
