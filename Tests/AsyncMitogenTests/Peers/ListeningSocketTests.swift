import CAsyncMitogen
import Glibc
import Synchronization
import Testing

@testable import AsyncMitogen

/// Sockets with a path, in directories of their own.
@Suite(.timeLimit(.minutes(1)))
struct ListeningSocketTests {
  private func mode(_ path: String) -> UInt32? {
    var status = stat()
    return unsafe lstat(path, &status) == 0 ? status.st_mode : nil
  }

  private func open(_ path: String, mode: UInt32 = 0o600) throws(UnixSocketError) -> ListeningSocket {
    try ListeningSocket.open(path, mode: mode, backlog: 4)
  }

  private func expectError(
    _ reason: UnixSocketError.Reason, _ path: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let error = #expect(throws: UnixSocketError.self, sourceLocation: sourceLocation) { _ = try open(path) }
    #expect(error?.reason == reason, sourceLocation: sourceLocation)
    #expect(error?.path == path, sourceLocation: sourceLocation)
  }

  // MARK: paths

  @Test func `a path is a directory and a name`() throws {
    let table = [("/run/a.sock", "/run/", "a.sock"), ("/a", "/", "a"), ("a", ".", "a"), ("../b/ä", "../b/", "ä")]
    for (path, directory, name) in table {
      let parts = try UnixSocketPath.split(path)
      #expect(parts.directory == directory && parts.name == name)
    }
    for path in ["", "/", "/run/", "/run/..", ".", "a\0b", "/run\0/a"] {
      let error = #expect(throws: UnixSocketError.self) { _ = try UnixSocketPath.split(path) }
      #expect(error?.reason == .invalidPath)
    }
  }

  @Test func `an address is the path, unless that is too long`() throws {
    func address(_ name: String, _ directory: String) throws -> String {
      try UnixSocketPath.address(of: name, in: directory, number: 123, path: directory + name)
    }
    let long = "/" + String(repeating: "d", count: 100) + "/"
    #expect(try address("a", "/run/") == "/run/a")
    #expect(try address("a", ".") == "a")
    #expect(try address("12345", long) == long + "12345")
    #expect(try address("123456", long) == "/proc/self/fd/123/123456")
    let name = String(repeating: "n", count: 89)
    #expect(try address(name, long).utf8.count == UnixSocketPath.addressLimit)
    let error = #expect(throws: UnixSocketError.self) { _ = try address(name + "n", long) }
    #expect(error?.reason == .invalidPath && error?.code == ENAMETOOLONG)
  }

  @Test func `a path longer than an address works, and is removed`() throws {
    let box = try Sandbox()
    let directory = box(String(repeating: "d", count: 200))
    #expect(unsafe mkdir(directory, 0o700) == 0)
    let path = directory + "/listener.sock"
    let socket = try open(path)
    #expect(try !UnixSocketPath(path).isDead())
    socket.removePath()
    #expect(mode(path) == nil)
    #expect(try UnixSocketPath(path).isDead())
    expectError(.invalidPath, directory + "/" + String(repeating: "n", count: 120))
    #expect(unsafe rmdir(directory) == 0)
  }

  @Test func `a directory that is not there, or no directory`() throws {
    let box = try Sandbox()
    expectError(.system, box("missing/a.sock"))
    #expect(unsafe mkdir(box("closed"), 0o500) == 0)
    if geteuid() != 0 { expectError(.system, box("closed/a.sock")) }
  }

  // MARK: what is there already

  @Test func `is_path_dead: nothing there, a socket that was left, one that listens`() throws {
    let box = try Sandbox()
    let path = box("a.sock")
    #expect(try UnixSocketPath(path).isDead())
    var socket: ListeningSocket? = try open(path)
    #expect(try !UnixSocketPath(path).isDead())
    withExtendedLifetime(socket) {}
    socket = nil
    #expect(mode(path) != nil)
    #expect(try UnixSocketPath(path).isDead())
  }

  @Test func `a socket that was left is replaced, and one that listens is not`() throws {
    let box = try Sandbox()
    let path = box("a.sock")
    _ = try open(path)
    let second = try open(path)
    expectError(.isInUse, path)
    #expect(try !UnixSocketPath(path).isDead())
    #expect(box.names == ["a.sock"])
    second.removePath()
    #expect(box.names.isEmpty)
  }

  @Test func `what is no socket is left alone`() throws {
    let box = try Sandbox()
    let path = box("file")
    try box.file("file", Array("content".utf8))
    expectError(.isNoSocket, path)
    #expect(Facts.read(path) == "content")
    let link = box("link")
    #expect(unsafe symlink(path, link) == 0)
    expectError(.isNoSocket, link)
    let dangling = box("dangling")
    #expect(unsafe symlink(box("nowhere"), dangling) == 0)
    expectError(.isNoSocket, dangling)
    #expect(unsafe mkdir(box("directory"), 0o700) == 0)
    expectError(.isNoSocket, box("directory"))
    #expect(box.names == ["dangling", "directory", "file", "link"])
  }

  @Test func `the path of a successor is not removed`() throws {
    let box = try Sandbox()
    let path = box("a.sock")
    let first = try open(path)
    #expect(unsafe unlink(path) == 0)
    let second = try open(path)
    first.removePath()
    #expect(try !UnixSocketPath(path).isDead())
    second.removePath()
    #expect(mode(path) == nil)
  }

  @Test(arguments: [0o600, 0o660, 0o666, 0o200] as [UInt32]) func `the mode is what was asked for`(wanted: UInt32)
    throws
  {
    let box = try Sandbox()
    let path = box("a.sock")
    let socket = try open(path, mode: wanted)
    #expect(mode(path) == S_IFSOCK | wanted)
    socket.removePath()
  }

  @Test func `of many who want the path of a socket that was left one gets it`() async throws {
    let box = try Sandbox()
    for round in 0..<50 {
      let path = box("\(round).sock")
      _ = try open(path)
      let winners = await withTaskGroup(of: ListeningSocket?.self) { group in
        for _ in 0..<8 {
          group.addTask { await onOwnThread { try? ListeningSocket.open(path, mode: 0o600, backlog: 4) } }
        }
        return await group.reduce(into: [ListeningSocket]()) { all, one in if let one { all.append(one) } }
      }
      #expect(winners.count <= 1)
      // All may have met somebody who was just replacing it, and let it be; then it can be had now.
      if winners.isEmpty { _ = try open(path) } else { #expect(try !UnixSocketPath(path).isDead()) }
      #expect(box.names.allSatisfy { $0.hasSuffix(".sock") && !$0.hasPrefix(".") })
    }
  }
}
