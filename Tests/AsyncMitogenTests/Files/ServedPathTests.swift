import Testing

@testable import AsyncMitogen

/// What the names of files mean to a service.
struct ServedPathTests {
  @Test func `names are read as Python reads them`() {
    func normal(_ path: String, in directory: String = "/here") -> String {
      ServedPath.joined(ServedPath.components(path, in: directory))
    }
    #expect(normal("/a/b") == "/a/b")
    #expect(normal("//a///b/") == "/a/b")
    #expect(normal("/a/./b/../c") == "/a/c")
    #expect(normal("/../../a") == "/a")
    #expect(normal("/") == "/")
    #expect(normal("") == "/here")
    #expect(normal("a/../../b") == "/b")
    #expect(normal("a", in: "/") == "/a")
    #expect(normal("/a/...") == "/a/...")
  }

  @Test func `what the system cannot have is not looked for`() {
    #expect(ServedPath.isPossible("/a"))
    #expect(!ServedPath.isPossible(""))
    #expect(!ServedPath.isPossible("/a\0b"))
    #expect(ServedPath.isPossible(String(repeating: "a", count: 4_095)))
    #expect(!ServedPath.isPossible(String(repeating: "a", count: 4_096)))
  }

  @Test func `files by their names, directories with what is in them, the largest first`() {
    var paths = ServedPaths(limit: 10)
    let registered = [
      paths.register("/a/../b"), paths.registerPrefix("/srv/", in: "/"), paths.registerPrefix("packages", in: "/srv"),
    ]
    #expect(registered == [true, true, true])
    func access(_ path: String, isPrivileged: Bool = false) -> [ServedPaths.Access] {
      paths.access(path, in: "/srv", isPrivileged: isPrivileged)
    }
    // A single file is known by exactly what it was registered as.
    #expect(access("/a/../b") == [.file("/a/../b")])
    #expect(access("/b").isEmpty)
    #expect(access("/srv/x") == [.beneath("/srv", ["x"])])
    #expect(access("x/../y") == [.beneath("/srv", ["y"])])
    #expect(access("/srv/packages/z") == [.beneath("/srv", ["packages", "z"]), .beneath("/srv/packages", ["z"])])
    #expect(access("/srv/packages") == [.beneath("/srv", ["packages"]), .file("/srv/packages")])
    #expect(access("/srv") == [.file("/srv")])
    #expect(access("/srv2/x").isEmpty && access("/").isEmpty && access("/srv/../etc").isEmpty)
    #expect(access("/etc/shadow", isPrivileged: true) == [.file("/etc/shadow")])
  }

  @Test func `only so many can be registered`() {
    var paths = ServedPaths(limit: 3)
    var results = [paths.register("/a"), paths.registerPrefix("/b", in: "/"), paths.register("/c")]
    #expect(results == [true, true, true])
    results = [paths.register("/d"), paths.registerPrefix("/e", in: "/")]
    #expect(results == [false, false])
    // What is there is not counted twice.
    results = [paths.register("/a"), paths.registerPrefix("/b/.", in: "/")]
    #expect(results == [true, true])
    #expect(paths.count == 3)
  }

  @Test func `accounts are read from the system's own files`() {
    let text = """
      # a comment:x:7:
      root:x:0:0:root:/root:/bin/sh
      daemon:x:1:1::/:
      toor:x:0:0::/root:/bin/sh
      broken
      :x:5:
      many:x:4294967295:0
      more:x:4294967296:0
      negative:x:-1:0
      """
    #expect(AccountNames.parse(Array(text.utf8)) == [0: "root", 1: "daemon", 4_294_967_295: "many"])
    #expect(AccountNames.shared.user(0) == "root" && AccountNames.shared.group(0) == "root")
    #expect(AccountNames.shared.user(4_000_000_123) == nil)
  }

  @Test func `times survive as they are, and nonsense does no harm`() throws {
    for time in [(0, 0), (1_700_000_000, 123_456_789), (-1, 999_999_999), (-5, 0), (4_000_000_000, 1)] {
      let moment = FileMetadata.Time(seconds: time.0, nanoseconds: time.1)
      let metadata = FileMetadata(
        size: 1, mode: 0o100644, ownerID: 1, groupID: 2, modified: moment, accessed: moment)
      let bytes = try PickleEncoder().encode(metadata)
      #expect(try PickleDecoder().decode(FileMetadata.self, from: bytes) == metadata)
      var plain = metadata
      plain.ownerID = nil
      let decoded = try PickleDecoder().decode(FileMetadata.self, from: try PickleEncoder().encode(plain))
      #expect(abs(decoded.modified.interval - moment.interval) < 1e-5)
    }
    for mtime in [Double.nan, .infinity, -.infinity, 1e300, -1e300] {
      let value: PickledValue = ["size": 1, "mode": 2, "owner": nil, "mtime": .float(mtime), "atime": 0.0]
      let metadata = try PickleDecoder().decode(FileMetadata.self, from: try PickleEncoder().encode(value))
      #expect(metadata.modified == .init(seconds: 0, nanoseconds: 0))
    }
    let value: PickledValue = ["size": -1, "mode": 2, "mtime": 0.0, "atime": 0.0]
    let bytes = try PickleEncoder().encode(value)
    #expect(throws: (any Error).self) { try PickleDecoder().decode(FileMetadata.self, from: bytes) }
  }
}
