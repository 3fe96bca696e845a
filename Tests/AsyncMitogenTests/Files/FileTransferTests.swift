import AsyncMitogen
import Foundation
import Testing

@testable import AsyncMitogen

/// Transfers that do not go well, or that are not wanted any more.
@Suite(.timeLimit(.minutes(1)))
struct FileTransferTests {
  /// Reads a file of 4 MiB of which the server may be only 1 MiB ahead, and does something when it has begun.
  private func failure(_ change: @Sendable (Sandbox, String) throws -> Void) async throws -> FileServiceError? {
    try await withRouter { router in
      let (box, files) = (try Sandbox(), ServedFiles(router))
      let path = try box.file("a", Sandbox.content(4 << 20))
      let transfer = try await FileService.fetch(path, from: router.myself)
      var iterator = transfer.makeAsyncIterator()
      _ = try await iterator.next(isolation: nil)
      try change(box, path)
      var count = 0
      let error = await #expect(throws: CallError.self) {
        while let bytes = try await iterator.next(isolation: nil) { count += bytes.count }
      }
      #expect(count < 4 << 20)
      // It stays ended.
      await #expect(throws: FileServiceError.self) { try await iterator.next(isolation: nil) }
      while await !files.service.activeTransfers.isEmpty { await Task.yield() }
      await files.pool.close()
      return error?.thrown(as: FileServiceError.self)
    }
  }

  @Test func `a file that shrinks is an error`() async throws {
    let error = try await failure { _, path in unsafe truncate(path, 3 << 20) }
    #expect(error?.reason == .shrank)
    #expect(error?.description.hasSuffix("became smaller while it was read") == true)
    #expect(try await failure { _, path in unsafe truncate(path, 0) }?.reason == .shrank)
  }

  @Test func `a file that grows is an error`() async throws {
    let error = try await failure { _, path in
      let file = try #require(FileHandle(forWritingAtPath: path))
      try file.seekToEnd()
      try file.write(contentsOf: Data([1]))
      try file.close()
    }
    #expect(error?.reason == .grew)
  }

  @Test func `a file that is written to is an error`() async throws {
    let error = try await failure { _, path in
      let file = try #require(FileHandle(forWritingAtPath: path))
      try file.seek(toOffset: 3 << 20)
      try file.write(contentsOf: Data([1, 2, 3]))
      try file.close()
      // Also when the clock has not gone on since the file was made.
      let times = [timespec(tv_sec: 5, tv_nsec: 0), timespec(tv_sec: 5, tv_nsec: 0)]
      unsafe utimensat(AT_FDCWD, path, times, 0)
    }
    #expect(error?.reason == .changed)
  }

  @Test func `a file that disappears, or is replaced, is an error`() async throws {
    #expect(try await failure { box, _ in box.remove("a") }?.reason == .disappeared)
    let replaced = try await failure { box, path in
      try box.file("b", [1])
      unsafe rename(box("b"), path)
    }
    #expect(replaced?.reason == .disappeared)
  }

  @Test func `files that the system makes up have no size that means anything`() async throws {
    try await withRouter { router in
      let files = ServedFiles(router)
      let error = await #expect(throws: CallError.self) {
        for try await _ in try await FileService.fetch("/proc/self/status", from: router.myself) {}
      }
      #expect(error?.thrown(as: FileServiceError.self)?.reason == .grew)
      await files.pool.close()
    }
  }

  @Test func `the server cancels a transfer`() async throws {
    try await withRouter { router in
      let (box, files) = (try Sandbox(), ServedFiles(router))
      let path = try box.file("a", Sandbox.content(4 << 20))
      let transfer = try await FileService.fetch(path, from: router.myself)
      var iterator = transfer.makeAsyncIterator()
      _ = try await iterator.next(isolation: nil)
      let active = try #require(await files.service.activeTransfers.first)
      #expect(active.path == path && active.context == router.myself && active.size == 4 << 20)
      #expect(active.position > 0 && active.position < active.size)
      await files.service.cancel(active.id + 1)
      await files.service.cancel(active.id)
      let error = await #expect(throws: CallError.self) {
        while try await iterator.next(isolation: nil) != nil {}
      }
      #expect(error?.thrown(as: FileServiceError.self)?.reason == .cancelled)
      await files.pool.close()
    }
  }

  @Test func `the end of the pool ends transfers`() async throws {
    try await withRouter { router in
      let (box, files) = (try Sandbox(), ServedFiles(router))
      let path = try box.file("a", Sandbox.content(4 << 20))
      var iterator = try await FileService.fetch(path, from: router.myself).makeAsyncIterator()
      _ = try await iterator.next(isolation: nil)
      await files.pool.close()
      let error = await #expect(throws: CallError.self) {
        while try await iterator.next(isolation: nil) != nil {}
      }
      #expect(error?.thrown(as: FileServiceError.self)?.reason == .cancelled)
      await #expect(throws: ChannelError.self) { try await FileService.fetch(path, from: router.myself) }
    }
  }

  @Test func `a reader that stops, lets go or is cancelled ends the transfer at the server`() async throws {
    try await withRouter { router in
      let (box, files) = (try Sandbox(), ServedFiles(router))
      let path = try box.file("a", Sandbox.content(4 << 20))
      // Stops after the first piece, which lets go of it.
      for try await _ in try await FileService.fetch(path, from: router.myself) { break }
      while await !files.service.activeTransfers.isEmpty { await Task.yield() }
      // Never begins.
      _ = try await FileService.fetch(path, from: router.myself)
      while await !files.service.activeTransfers.isEmpty { await Task.yield() }
      // Says so, and keeps it.
      let kept = try await FileService.fetch(path, from: router.myself)
      kept.cancel()
      kept.cancel()
      while await !files.service.activeTransfers.isEmpty { await Task.yield() }
      await #expect(throws: FileServiceError.self) { for try await _ in kept {} }
      // Is cancelled while it waits for more of what nobody sends.
      let waits = Task {
        var (taken, iterator) = (0, try await FileService.fetch(path, from: router.myself).makeAsyncIterator())
        while let bytes = try await iterator.next(isolation: nil) {
          taken += bytes.count
          if let active = await files.service.activeTransfers.first, taken > 1 << 20 {
            await files.service.stopSending(active.id)
          }
        }
      }
      while await files.service.activeTransfers.first.map({ $0.position < 1 << 20 }) ?? true { await Task.yield() }
      waits.cancel()
      await #expect(throws: CancellationError.self) { try await waits.value }
      while await !files.service.activeTransfers.isEmpty { await Task.yield() }
      await files.pool.close()
    }
  }

  @Test func `a server that says nothing is not waited for`() async throws {
    try await withRouter { router in
      let (box, files) = (try Sandbox(), ServedFiles(router))
      let path = try box.file("a", Sandbox.content(4 << 20))
      var iterator = try await FileService.fetch(path, from: router.myself, timeout: .milliseconds(50))
        .makeAsyncIterator()
      let active = try #require(await files.service.activeTransfers.first)
      await files.service.stopSending(active.id)
      let error = await #expect(throws: TimeoutError.self) {
        while try await iterator.next(isolation: nil) != nil {}
      }
      #expect(error?.operation == "waiting for more of \(path)")
      while await !files.service.activeTransfers.isEmpty { await Task.yield() }
      await files.pool.close()
    }
  }

  @Test func `a context that is gone is sent nothing`() async throws {
    try await withRouter { router in
      let (box, files) = (try Sandbox(), ServedFiles(router))
      let path = try box.file("a", Sandbox.content(8 << 20))
      try await files.service.register(path)
      let child = try await router.local()
      let grandchild = try await router.local(via: child)
      for context in [grandchild, child] {
        let begun = Receiver<Bool>(router: router)
        let reading = context.callAsync(path, begun.sender) { path, begun in
          var iterator = try await FileService.fetch(path, from: FileCalls.master).makeAsyncIterator()
          _ = try await iterator.next(isolation: nil)
          try await begun.send(true)
          try await Task.sleep(for: .seconds(1_000))
          return iterator.incoming.isExtended
        }
        _ = try await begun.get(timeout: .seconds(20))
        #expect(await files.service.activeTransfers.count == 1)
        try context.callNoReply { exit(3) }
        await #expect(throws: ChannelError.self) { try await reading.get(timeout: .seconds(20)) }
        while await !files.service.activeTransfers.isEmpty { await Task.yield() }
      }
      await files.pool.close()
    }
  }

  @Test func `one that stands still holds up no other, and no small calls`() async throws {
    try await withRouter { router in
      let (box, files) = (try Sandbox(), ServedFiles(router))
      let content = Sandbox.content(3 << 20)
      let path = try box.file("a", content)
      try await files.service.registerPrefix(box.path)
      let child = try await router.local()
      async let reading = child.call(path) { path -> Int in
        var still: [FileTransfer.AsyncIterator] = []
        for _ in 0..<20 {
          var iterator = try await FileService.fetch(path, from: FileCalls.master).makeAsyncIterator()
          _ = try await iterator.next(isolation: nil)
          still.append(iterator)
        }
        return try await withThrowingTaskGroup(of: Int.self) { group in
          for _ in 0..<8 { group.addTask { try await FileCalls.read(path).count } }
          var total = 0
          for try await count in group { total += count }
          return withExtendedLifetime(still) { total }
        }
      }
      for _ in 0..<50 { #expect(try await child.call { 7 } == 7) }
      #expect(try await reading == 8 * content.count)
      await files.pool.close()
    }
  }

  @Test func `only so many transfers at once`() async throws {
    try await withRouter { router in
      let box = try Sandbox()
      let files = ServedFiles(
        router, limits: FileServiceLimits(transfers: 3, transfersPerContext: 2, paths: 1))
      let path = try box.file("a", Sandbox.content(4 << 20))
      try await files.service.register(path)
      await #expect(throws: FileServiceError.self) { try await files.service.register("/b") }
      await #expect(throws: FileServiceError.self) { try await files.service.registerPrefix("/b") }
      let refused = await #expect(throws: CallError.self) {
        try await router.myself.call(FileService.register, .init(path: "/b"))
      }
      #expect(refused?.message == "'/b' cannot be served now: 1 paths are registered already")
      var transfers = [try await FileService.fetch(path, from: router.myself)]
      transfers.append(try await FileService.fetch(path, from: router.myself))
      let error = await #expect(throws: CallError.self) { try await FileService.fetch(path, from: router.myself) }
      #expect(error?.thrown(as: FileServiceError.self)?.reason == .limit)
      // When one has ended there is room.
      transfers.removeLast().cancel()
      while await files.service.activeTransfers.count > 1 { await Task.yield() }
      transfers.append(try await FileService.fetch(path, from: router.myself))
      let child = try await router.local()
      let content = try await child.call(path) { try await FileCalls.read($0).count }
      #expect(content == 4 << 20)
      await files.pool.close()
    }
  }
}
