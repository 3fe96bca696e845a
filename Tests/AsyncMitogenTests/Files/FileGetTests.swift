import AsyncMitogen
import Foundation
import Testing

@testable import AsyncMitogen

/// Copying files into place.
@Suite(.timeLimit(.minutes(1)))
struct FileGetTests {
  private func withFiles(_ body: (Router, Sandbox) async throws -> Void) async throws {
    try await withRouter { router in
      let files = ServedFiles(router)
      try await body(router, try Sandbox())
      while await !files.service.activeTransfers.isEmpty { await Task.yield() }
      await files.pool.close()
    }
  }

  @Test(arguments: [0, 1, 131_046, 131_047, 1_179_414, 3_000_000])
  func `content, permissions and times are those of the original`(size: Int) async throws {
    try await withFiles { router, box in
      let content = Sandbox.content(size)
      let path = try box.file("a", content, mode: 0o4751)
      let times = [timespec(tv_sec: 1_000, tv_nsec: 1), timespec(tv_sec: 2_000, tv_nsec: 999_999_999)]
      unsafe utimensat(AT_FDCWD, path, times, 0)
      let metadata = try await FileService.get(path, from: router.myself, to: box("b"), synchronizes: true)
      #expect(metadata.size == size && metadata.mode & 0o7777 == 0o4751)
      let status = try #require(Sandbox.status(box("b")))
      #expect(status.st_atim.tv_sec == 1_000 && status.st_atim.tv_nsec == 1)
      #expect(status.st_mtim.tv_sec == 2_000 && status.st_mtim.tv_nsec == 999_999_999)
      // A program that runs as another user must not become one that runs as this one.
      #expect(status.st_mode & 0o7777 == 0o751)
      #expect(box.read("b") == content)
      #expect(box.names == ["a", "b"])
    }
  }

  @Test func `into a child, from its master`() async throws {
    try await withRouter { router in
      let (box, files) = (try Sandbox(), ServedFiles(router))
      let content = Sandbox.content(2_000_000)
      let path = try box.file("a", content)
      try await files.service.registerPrefix(box.path)
      let child = try await router.local()
      try await child.call(path, box("b")) { path, destination in
        _ = try await FileService.get(path, from: FileCalls.master, to: destination)
      }
      #expect(box.read("b") == content)
      await files.pool.close()
    }
  }

  @Test func `how far it is`() async throws {
    try await withFiles { router, box in
      let path = try box.file("a", Sandbox.content(1_000_000))
      var positions: [Int] = []
      for try await progress in FileService.download(path, from: router.myself, to: box("b")) {
        #expect(progress.metadata.size == 1_000_000 && progress.resumedFrom == 0)
        // The file has its name when, and only when, it is said to be complete.
        #expect(progress.isComplete == (box.read("b") != nil))
        positions.append(progress.position)
      }
      #expect(positions.first == 0 && positions.last == 1_000_000 && positions == positions.sorted())
      #expect(positions.count > 5)
    }
  }

  @Test func `what is there stays until all of the new one is`() async throws {
    try await withFiles { router, box in
      let content = Sandbox.content(3_000_000)
      let path = try box.file("a", content)
      try box.file("b", [7])
      for try await progress in FileService.download(path, from: router.myself, to: box("b")) {
        if progress.position > 100_000 { break }
      }
      #expect(box.read("b") == [7] && box.names == ["a", "b"])
      // A file that changes leaves nothing either.
      await #expect(throws: CallError.self) {
        for try await progress in FileService.download(path, from: router.myself, to: box("b"))
        where progress.position == 0 {
          unsafe truncate(path, 2_000_000)
        }
      }
      #expect(box.read("b") == [7] && box.names == ["a", "b"])
      try box.file("a", content)
      // A link is replaced, and not what it leads to.
      try box.file("target", [9])
      box.remove("b")
      try box.link("b", to: "target")
      try await FileService.get(path, from: router.myself, to: box("b"))
      #expect(box.read("b") == content && box.read("target") == [9])
    }
  }

  @Test func `a cancelled copy leaves nothing`() async throws {
    try await withFiles { router, box in
      let path = try box.file("a", Sandbox.content(3_000_000))
      let copy = Task {
        for try await progress in FileService.download(path, from: router.myself, to: box("b"))
        where progress.position > 0 {
          unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
        }
      }
      await #expect(throws: CancellationError.self) { try await copy.value }
      #expect(box.names == ["a"])
    }
  }

  @Test func `where nothing can be written`() async throws {
    try await withFiles { router, box in
      let path = try box.file("a", [1])
      try box.directory("d")
      func error(_ destination: String, resumes: Bool = false) async -> FileServiceError? {
        await #expect(throws: FileServiceError.self) {
          try await FileService.get(path, from: router.myself, to: destination, resumes: resumes)
        }
      }
      #expect(await error(box("none/b"))?.reason == .system(ENOENT))
      #expect(await error(box("none/b"), resumes: true)?.reason == .system(ENOENT))
      #expect(await error(box("d"))?.reason == .system(EISDIR))
      for destination in [
        "", box.path + "/", box("."), box(".."), box("a\0b"), "/" + String(repeating: "x", count: 5_000),
      ] {
        #expect(await error(destination)?.reason == .system(EINVAL))
      }
      #expect(box.names == ["a", "d"])
    }
  }

  @Test func `an attempt goes on where an earlier one ended`() async throws {
    try await withFiles { router, box in
      let content = Sandbox.content(3_000_000)
      let path = try box.file("a", content)
      var reached = 0
      for try await progress in FileService.download(path, from: router.myself, to: box("b"), resumes: true) {
        reached = progress.position
        if reached > 1_000_000 { break }
      }
      #expect(box.names == [".b.partial", "a"])
      let status = try #require(Sandbox.status(box(".b.partial")))
      #expect(Int(status.st_size) == reached && status.st_mode & 0o777 == 0o600)
      var first: FileProgress?
      for try await progress in FileService.download(path, from: router.myself, to: box("b"), resumes: true) {
        first = first ?? progress
      }
      #expect(first?.resumedFrom == reached && first?.position == reached)
      #expect(box.read("b") == content && box.names == ["a", "b"])
    }
  }

  @Test func `what is no beginning of the file is not gone on from`() async throws {
    try await withFiles { router, box in
      let content = Sandbox.content(1_000_000)
      let path = try box.file("a", content)
      let others: [[UInt8]] = [
        Sandbox.content(500_000, seed: 2), content + [1], Sandbox.content(2_000_000, seed: 3),
        Array(content.prefix(499_999)) + [content[499_999] ^ 1],
      ]
      for other in others {
        try box.file(".b.partial", other)
        var resumedFrom = -1
        for try await progress in FileService.download(path, from: router.myself, to: box("b"), resumes: true) {
          resumedFrom = progress.resumedFrom
        }
        #expect(resumedFrom == 0)
        #expect(box.read("b") == content && box.names == ["a", "b"])
      }
      // All of it is there already.
      try box.file(".b.partial", content)
      try await FileService.get(path, from: router.myself, to: box("b"), resumes: true)
      #expect(box.read("b") == content && box.names == ["a", "b"])
    }
  }

  @Test func `only one attempt has what is resumed, and it has to be ours`() async throws {
    try await withFiles { router, box in
      let path = try box.file("a", Sandbox.content(3_000_000))
      var iterator = FileService.download(path, from: router.myself, to: box("b"), resumes: true).makeAsyncIterator()
      _ = try await iterator.next(isolation: nil)
      let error = await #expect(throws: FileServiceError.self) {
        try await FileService.get(path, from: router.myself, to: box("b"), resumes: true)
      }
      #expect(error?.reason == .busy)
      while try await iterator.next(isolation: nil) != nil {}
      #expect(box.read("b")?.count == 3_000_000)
      // A link in its place is not followed, and a file with another name is not written to.
      try box.file("victim", [1, 2, 3])
      try box.link(".c.partial", to: "victim")
      await #expect(throws: FileServiceError.self) {
        try await FileService.get(path, from: router.myself, to: box("c"), resumes: true)
      }
      unsafe Foundation.link(box("victim"), box(".d.partial"))
      await #expect(throws: FileServiceError.self) {
        try await FileService.get(path, from: router.myself, to: box("d"), resumes: true)
      }
      #expect(box.read("victim") == [1, 2, 3] && box.read("c") == nil && box.read("d") == nil)
    }
  }
}
