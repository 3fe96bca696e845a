import AsyncMitogen
import Foundation
import Testing

@testable import AsyncMitogen

/// Files that a context on the way gives on.
@Suite(.timeLimit(.minutes(1)))
struct FileRelayTests {
  private func withTree(
    _ body: (_ middle: Context, _ behind: Context, FileService, Sandbox) async throws -> Void
  ) async throws {
    try await withRouter { router in
      let files = ServedFiles(router)
      let middle = try await router.local()
      try await body(middle, try await router.local(via: middle), files.service, try Sandbox())
      await files.pool.close()
    }
  }

  private func relay(_ path: String, at context: Context, progress: Sender<Int>? = nil) async throws {
    let origin = try context.requireRouter().myself
    try await context.call(FileService.relay, .init(path: path, origin: origin, progress: progress))
  }

  private func get(_ path: String, in context: Context, to destination: String) async throws {
    try await context.call(path, destination) { path, destination in
      guard let parent = ExternalContext.current?.parent else { return }
      try await FileService.get(path, from: parent, to: destination)
    }
  }

  /// Why a relay, or a file of one, is not to be had.
  private func reason(_ body: () async throws -> Void) async -> FileServiceError.Reason? {
    let error = await #expect(throws: CallError.self) { try await body() }
    return error?.thrown(as: FileServiceError.self)?.reason
  }

  @Test(arguments: [0, 1, 3_000_000]) func `it comes once, and is what it was at its origin`(size: Int) async throws {
    try await withTree { middle, behind, files, box in
      let content = Sandbox.content(size)
      let path = try box.file("a", content, mode: 0o640)
      let times = [timespec(tv_sec: 1_000, tv_nsec: 1), timespec(tv_sec: 2_000, tv_nsec: 999_999_999)]
      unsafe utimensat(AT_FDCWD, path, times, 0)
      // Of somebody whose name is nobody's.
      if geteuid() == 0 { _ = unsafe chown(path, 54_321, 54_321) }
      try await files.register(path)
      try await relay(path, at: middle)
      // The origin is asked no more.
      box.remove("a")
      for name in ["b", "c"] { try await get(path, in: behind, to: box(name)) }
      #expect(box.read("b") == content && box.read("c") == content && box.names == ["b", "c"])
      let status = try #require(Sandbox.status(box("b")))
      #expect(status.st_mtim.tv_sec == 2_000 && status.st_mtim.tv_nsec == 999_999_999)
      #expect(status.st_mode & 0o7777 == 0o640)
      let metadata = try await FileService.fetch(path, from: middle).metadata
      #expect(metadata.size == size && metadata.ownerID == (geteuid() == 0 ? 54_321 : geteuid()))
      #expect(geteuid() != 0 || metadata.owner == nil && metadata.group == nil)
    }
  }

  @Test func `it goes through several, and can be had again where it is`() async throws {
    try await withTree { middle, behind, files, box in
      let content = Sandbox.content(1_000_000)
      let path = try box.file("a", content)
      try await files.register(path)
      try await relay(path, at: middle)
      try await behind.call(FileService.relay, .init(path: path, origin: middle))
      let path2 = box("b")
      try await behind.call(path, path2) { path, destination in
        guard let router = ExternalContext.current?.router else { return }
        try await FileService.get(path, from: router.myself, to: destination)
      }
      #expect(box.read("b") == content)
    }
  }

  @Test func `fetched again it is another, and ended it is the context's own`() async throws {
    try await withTree { middle, behind, files, box in
      let path = try box.file("a", [1])
      try await files.register(path)
      try await relay(path, at: middle)
      try box.file("a", [2, 2])
      try await get(path, in: behind, to: box("b"))
      #expect(box.read("b") == [1])
      try await relay(path, at: middle)
      try await get(path, in: behind, to: box("b"))
      #expect(box.read("b") == [2, 2])
      try await middle.call(FileService.endRelay, .init(path: path))
      let error = await #expect(throws: CallError.self) { try await get(path, in: behind, to: box("c")) }
      #expect(error?.causes.first?.message == "Path '\(path)' is not registered with FileService.")
      #expect(box.names == ["a", "b"])
    }
  }

  @Test func `one that fails gives nothing, also nothing of the context's own`() async throws {
    try await withTree { middle, behind, files, box in
      let path = try box.file("a", [1])
      // Not registered at the origin.
      await #expect(throws: CallError.self) { try await relay(path, at: middle) }
      await #expect(throws: CallError.self) { try await get(path, in: behind, to: box("b")) }
      try await files.register(box("none"))
      #expect(await reason { try await relay(box("none"), at: middle) } == nil)
      // No room where it is kept.
      try await files.register(path)
      try await middle.call { _ = unsafe setenv("TMPDIR", "/nonexistent", 1) }
      #expect(await reason { try await relay(path, at: middle) } == .system(ENOENT))
      await #expect(throws: CallError.self) { try await get(path, in: behind, to: box("b")) }
      #expect(box.names == ["a"])
    }
  }

  @Test func `how far it is`() async throws {
    try await withTree { middle, _, files, box in
      let path = try box.file("a", Sandbox.content(20_000_000))
      try await files.register(path)
      let positions = Receiver<Int>(router: files.router)
      try await relay(path, at: middle, progress: positions.sender)
      positions.close()
      var last = -1
      for try await position in positions {
        #expect(position > last && position <= 20_000_000 && (last >= 0 || position == 0))
        last = position
      }
      #expect(last >= 0)
    }
  }

  @Test func `only so many, and only for parents`() async throws {
    try await withRouter { router in
      let (box, files) = (try Sandbox(), ServedFiles(router, limits: FileServiceLimits(relays: 2)))
      let child = try await router.local()
      func relay(_ name: String) async throws {
        let path = try box.file(name, [1])
        try await router.myself.call(FileService.relay, .init(path: path, origin: child))
      }
      for name in ["a", "b", "a"] { try await relay(name) }
      #expect(await reason { try await relay("c") } == .limit)
      try await router.myself.call(FileService.endRelay, .init(path: box("a")))
      try await relay("c")
      for method in ["relay", "end_relay"] {
        let error = await #expect(throws: CallError.self) {
          try await child.call(method) {
            _ = try await FileCalls.master.callService("mitogen.service.FileService", $0)
          }
        }
        #expect(
          error?.causes.first?.message
            == "Caller is not authorized to invoke '\(method)' of service 'mitogen.service.FileService'")
      }
      await files.pool.close()
    }
  }
}
