import AsyncMitogen
import Glibc
import Testing

@testable import AsyncMitogenDemo

@Suite(.timeLimit(.minutes(1))) struct CopyTests {
  /// A directory that is removed with what is in it.
  private static func inDirectory<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    var name = Array("/tmp/copy-XXXXXX".utf8CString)
    try #require(unsafe mkdtemp(&name) != nil)
    let path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { _ = try? ShellCommand("rm -r " + ShellCommand.quoted(path)) }
    return try await body(path)
  }

  private static func make(_ path: String, _ bytes: [UInt8], mode: UInt32 = 0o644) throws {
    let file = try OpenFile.temporary(for: path)
    try file.write(bytes)
    try file.setMode(mode)
    try file.rename(to: path)
  }

  private static func content(of path: String) throws -> [UInt8] {
    let file = try OpenFile(reading: path)
    return try file.read(upTo: file.status().size + 1)
  }

  private static func names(in path: String) throws -> [String] {
    try ShellCommand("ls -A " + ShellCommand.quoted(path)).output.split(separator: "\n").map(String.init)
  }

  @Test func `a checksum of pieces is that of the whole`() {
    var whole = Adler32()
    #expect(whole.value == 1)
    whole.add(Array("Wikipedia".utf8))
    #expect(whole.value == 0x11E6_0398)
    var pieces = Adler32()
    for piece in ["Wi", "", "kipedia"] { pieces.add(Array(piece.utf8)) }
    #expect(pieces.value == whole.value)
    var large = Adler32()
    large.add([UInt8](repeating: 255, count: 1_000_000))
    var first: UInt64 = 1
    var second: UInt64 = 0
    for _ in 0..<1_000_000 {
      first = (first + 255) % 65_521
      second = (second + first) % 65_521
    }
    #expect(large.value == UInt32(second << 16 | first))
  }

  @Test(arguments: [0, 1, CopyPiece.size, 3_000_001]) func `a file arrives with its mode`(_ size: Int) async throws {
    try await Self.inDirectory { directory in
      let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
      try Self.make(directory + "/from", bytes, mode: 0o4751)
      let file = try OutgoingFile(directory + "/from")
      try await withRouter { router in
        let child = try await router.local()
        let result = try await file.send(to: child, as: directory + "/to", router: router) { _ in }
        #expect(result.path == directory + "/to" && result.bytes == size)
      }
      #expect(try Self.content(of: directory + "/to") == bytes)
      #expect(FileStatus.of(directory + "/to")?.permissions == 0o751)
      #expect(try Self.names(in: directory) == ["from", "to"])
    }
  }

  @Test func `a directory, a link and what is there already`() async throws {
    try await Self.inDirectory { directory in
      try Self.make(directory + "/from", [1, 2, 3])
      try Self.make(directory + "/old", [9])
      try #require(unsafe mkdir(directory + "/d", 0o755) == 0 && symlink("old", directory + "/link") == 0)
      let file = try OutgoingFile(directory + "/from")
      try await withRouter { router in
        let child = try await router.local()
        let paths = ["d", "d/", "link"].map { directory + "/" + $0 }
        for (path, expected) in zip(paths, ["d/from", "d/from", "old"]) {
          let result = try await file.send(to: child, as: path, router: router) { _ in }
          #expect(result.path == directory + "/" + expected)
        }
      }
      #expect(try Self.content(of: directory + "/old") == [1, 2, 3])
      #expect(try Self.names(in: directory + "/d") == ["from"])
      #expect(try Self.names(in: directory) == ["d", "from", "link", "old"])
    }
  }

  @Test func `what cannot be written is refused, and leaves nothing`() async throws {
    try await Self.inDirectory { directory in
      try Self.make(directory + "/from", [UInt8](repeating: 7, count: 5_000_000))
      let file = try OutgoingFile(directory + "/from")
      try await withRouter { router in
        let child = try await router.local()
        for (path, message) in [
          (directory + "/none/to", "cannot make a file in '\(directory)/none/': No such file or directory"),
          ("/dev/null", "'/dev/null' is there, and is not a file"),
        ] {
          let error = await #expect(throws: CallError.self) {
            try await file.send(to: child, as: path, router: router) { _ in }
          }
          #expect(error?.message == message)
        }
      }
      #expect(try Self.names(in: directory) == ["from"])
      #expect(throws: CopyError.self) { try OutgoingFile(directory) }
      #expect(throws: FileError.self) { try OutgoingFile(directory + "/none") }
    }
  }

  @Test func `a copy that is cancelled leaves nothing`() async throws {
    try await Self.inDirectory { directory in
      try Self.make(directory + "/from", [UInt8](repeating: 7, count: 8_000_000))
      let file = try OutgoingFile(directory + "/from")
      try await withRouter { router in
        let child = try await router.local()
        let begun = AsyncStream<Void>.makeStream()
        let task = Task {
          try await file.send(to: child, as: directory + "/to", router: router) { _ in
            begun.continuation.yield()
            // Until it is cancelled.
            try? await Task.sleep(for: .seconds(600))
          }
        }
        for await _ in begun.stream { break }
        task.cancel()
        await #expect(throws: (any Error).self) { try await task.value }
      }
      // The child has ended, and with it the function that it ran.
      #expect(try Self.names(in: directory) == ["from"])
    }
  }

  @Test func `bytes that are lost are noticed`() async throws {
    try await Self.inDirectory { directory in
      let incoming = IncomingFile(path: directory + "/to", name: "to", permissions: 0o644)
      try await withRouter { router in
        let child = try await router.local()
        for total in [CopyTotal(bytes: 4, checksum: 1), CopyTotal(bytes: 3, checksum: 1), nil] {
          let introductions = Receiver<Sender<CopyPiece>>(router: router)
          let reply = child.callAsync(incoming, introductions.sender) { try await $0.receive(introducing: $1) }
          let pieces = try await introductions.get(timeout: .seconds(30))
          try await pieces.send(CopyPiece(bytes: [1, 2, 3], total: total))
          pieces.close()
          await #expect(throws: CallError.self) { try await reply.get(timeout: .seconds(30)) }
        }
      }
      #expect(try Self.names(in: directory).isEmpty)
    }
  }
}
