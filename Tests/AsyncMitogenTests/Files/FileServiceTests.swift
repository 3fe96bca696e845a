import AsyncMitogen
import Foundation
import Testing

/// Who gets which files, what is said of them, and what comes.
@Suite(.timeLimit(.minutes(1)))
struct FileServiceTests {
  /// Reads a file of the master in a child of a child, which has no say in the master.
  private func read(
    _ path: String, serving: @escaping @Sendable (FileService) async throws -> Void
  ) async throws -> Result<[UInt8], CallError> {
    try await withRouter { router in
      let files = ServedFiles(router)
      try await serving(files.service)
      let child = try await router.local()
      do {
        return .success(try await child.call(path) { try await FileCalls.read($0) })
      } catch let error as CallError {
        return .failure(error)
      }
    }
  }

  private func refusal(_ path: String) -> String { "Path '\(path)' is not registered with FileService." }

  private func failure(of result: Result<[UInt8], CallError>) -> CallError? {
    if case .failure(let error) = result { error } else { nil }
  }

  @Test func `a file that is not registered is refused by its name`() async throws {
    let error = failure(of: try await read("/etc/shadow") { _ in })
    #expect(error?.message.contains(refusal("/etc/shadow")) == true)
    #expect(error?.causes.first?.message == refusal("/etc/shadow"))
    #expect(error?.causes.first?.typeName == "AsyncMitogen.ServiceError")
  }

  @Test func `without a key of its size there is no digest to compare`() async throws {
    try await withRouter { router in
      let files = ServedFiles(router)
      let receiver = Receiver<Message>(router: router)
      let sender = PickledValue.sender(context: .master, handle: try #require(receiver.handle))
      for key in [PickledValue.none, .blob([1, 2, 3])] {
        let error = await #expect(throws: CallError.self) {
          _ = try await router.myself.callService(
            "mitogen.service.FileService", "fetch", ["path": "/etc/passwd", "sender": sender, "offset": 0, "key": key])
        }
        #expect(error?.message.contains("the request has no key for the digest") == true)
      }
      await files.pool.close()
    }
  }

  @Test func `what is known of a registered file, as Mitogen has it`() async throws {
    try await withRouter { router in
      let files = ServedFiles(router)
      try await router.myself.call(FileService.register, .init(path: "/etc/passwd"))
      let receiver = Receiver<Message>(router: router)
      let reply: PickledValue = try await router.myself.callService(
        "mitogen.service.FileService", "fetch",
        ["path": "/etc/passwd", "sender": .sender(context: .master, handle: try #require(receiver.handle))])
      let status = try #require(Sandbox.status("/etc/passwd"))
      #expect(
        reply == [
          "size": .integer(Int(status.st_size)), "mode": .integer(Int(status.st_mode)), "owner": "root",
          "group": "root",
          "mtime": .float(Double(status.st_mtim.tv_sec) + Double(status.st_mtim.tv_nsec) / 1e9),
          "atime": try #require(reply["atime"]),
        ])
      guard case .float(let accessed)? = reply["atime"] else {
        Issue.record("no time")
        return
      }
      #expect(accessed > 1e9)
      await files.pool.close()
    }
  }

  @Test(arguments: ["/", "/etc"])
  func `what is in a registered directory can be had`(prefix: String) async throws {
    let result = try await read("/etc/passwd") { try await $0.registerPrefix(prefix) }
    #expect(try result.get() == Array(try #require(FileManager.default.contents(atPath: "/etc/passwd"))))
  }

  @Test(arguments: [
    "/etc/foo/bar/../../../passwd", "/etc/../shadow", "/etcetera", "/", "etc/passwd", "/etc/␀/../passwd",
  ])
  func `what only looks like being in a registered directory is refused`(name: String) async throws {
    let path = name.replacingOccurrences(of: "␀", with: "\0")
    let error = failure(of: try await read(path) { try await $0.registerPrefix("/etc") })
    let shown = path.replacingOccurrences(of: "\0", with: "\\x00")
    #expect(error?.causes.first?.message == refusal(shown))
  }

  @Test func `owner, group and times are those of the file`() async throws {
    try await withRouter { router in
      let box = try Sandbox()
      let path = try box.file("a", [1, 2, 3], mode: 0o640)
      if geteuid() == 0 { unsafe chown(path, 1, 2) }
      let times = [timespec(tv_sec: 1_000, tv_nsec: 123_456_789), timespec(tv_sec: 2_000, tv_nsec: 987_654_321)]
      unsafe utimensat(AT_FDCWD, path, times, 0)
      let files = ServedFiles(router)
      let transfer = try await FileService.fetch(path, from: router.myself)
      let status = try #require(Sandbox.status(path))
      let metadata = transfer.metadata
      #expect(metadata.size == 3)
      #expect(metadata.mode == status.st_mode && metadata.permissions == 0o640)
      #expect(metadata.ownerID == status.st_uid && metadata.groupID == status.st_gid)
      let owner = unsafe getpwuid(status.st_uid).map { unsafe String(cString: $0.pointee.pw_name) }
      let group = unsafe getgrgid(status.st_gid).map { unsafe String(cString: $0.pointee.gr_name) }
      #expect(metadata.owner == owner)
      #expect(metadata.group == group)
      #expect(metadata.accessed == .init(seconds: 1_000, nanoseconds: 123_456_789))
      #expect(metadata.modified == .init(seconds: 2_000, nanoseconds: 987_654_321))
      #expect(transfer.isChecked && transfer.offset == 0)
      await files.pool.close()
    }
  }

  @Test func `what cannot be read is an error that says why`() async throws {
    try await withRouter { router in
      let box = try Sandbox()
      let files = ServedFiles(router)
      try box.directory("d")
      unsafe mkfifo(box("pipe"), 0o600)
      func failure(_ path: String) async -> CallError? {
        await #expect(throws: CallError.self) { try await FileService.fetch(path, from: router.myself) }
      }
      let missing = await failure(box("none"))
      #expect(missing?.message == "[Errno 2] No such file or directory: '\(box("none"))'")
      #expect(missing?.thrown(as: FileServiceError.self) == FileServiceError(.system(ENOENT), path: box("none")))
      for name in ["d", "pipe"] {
        let error = await failure(box(name))
        #expect(error?.message == "'\(box(name))' is not a regular file.")
      }
      #expect(await failure("/dev/null")?.message == "'/dev/null' is not a regular file.")
      #expect(await failure("")?.message == "Path '' is not registered with FileService.")
      #expect(await failure(box("a\0b"))?.message == "Path '\(box("a\\x00b"))' is not registered with FileService.")
      #expect(await files.service.activeTransfers.isEmpty)
      await files.pool.close()
    }
  }

  @Test func `a sender of somebody else is refused`() async throws {
    try await withRouter { router in
      let files = ServedFiles(router)
      let child = try await router.local()
      let error = await #expect(throws: CallError.self) {
        try await router.myself.callService(
          FileService.name, "fetch", ["path": "/etc/passwd", "sender": .sender(context: child.id, handle: 1_000)])
      }
      #expect(error?.message == "sender= kwarg context must match requestee context")
      #expect(error?.thrown(as: ServiceError.self) != nil)
      await files.pool.close()
    }
  }

  @Test func `only parents say what is served`() async throws {
    try await withRouter { router in
      let files = ServedFiles(router)
      let child = try await router.local()
      for method in ["register", "register_prefix"] {
        let error = await #expect(throws: CallError.self) {
          try await child.call(method) {
            _ = try await FileCalls.master.callService(FileService.name, $0, ["path": "/etc/shadow"])
          }
        }
        #expect(
          error?.causes.first?.message
            == "Caller is not authorized to invoke '\(method)' of service 'mitogen.service.FileService'")
      }
      await files.pool.close()
    }
  }

  @Test func `arguments are checked`() async throws {
    try await withRouter { router in
      let files = ServedFiles(router)
      func refusal(_ method: String, _ arguments: PickledValue) async -> String? {
        await #expect(throws: CallError.self) {
          try await router.myself.callService(FileService.name, method, arguments)
        }?.message
      }
      let sender = PickledValue.sender(context: .master, handle: 1_000)
      #expect(await refusal("fetch", [:]) == "Required argument 'path' missing.")
      #expect(await refusal("fetch", ["path": "/"]) == "Required argument 'sender' missing.")
      #expect(
        await refusal("fetch", ["path": 1, "sender": sender])
          == "Argument 'path' type incorrect, got 'int', expected 'String'")
      #expect(
        await refusal("fetch", ["path": "/", "sender": 2])
          == "Argument 'sender' type incorrect, got 'int': expected a Sender, found 2")
      #expect(await refusal("register", [:]) == "Required argument 'path' missing.")
      #expect(await refusal("register_prefix", [:]) == "Required argument 'path' missing.")
      #expect(await refusal("open", [:]) == "No such method: 'open'")
      await files.pool.close()
    }
  }

  @Test func `a parent reads the files of a child, which makes the service for it`() async throws {
    try await withRouter { router in
      let box = try Sandbox()
      let content = Sandbox.content(3_000_000)
      let path = try box.file("a", content)
      let child = try await router.local()
      var bytes: [UInt8] = []
      for try await piece in try await FileService.fetch(path, from: child) { bytes += piece }
      #expect(bytes == content)
      // A grandchild too, over two links.
      let grandchild = try await router.local(via: child)
      bytes = []
      for try await piece in try await FileService.fetch(path, from: grandchild) { bytes += piece }
      #expect(bytes == content)
    }
  }
}
