import Foundation
import Testing

@testable import AsyncMitogen

/// What Mitogen's own clients see, and what a server of Mitogen's shows to ours.
@Suite(.timeLimit(.minutes(1)))
struct FileWireTests {
  /// Asks as Mitogen's clients do.
  private func fetch(_ path: String, _ receiver: Receiver<Message>, _ router: Router) async throws -> PickledValue {
    let handle = try #require(receiver.handle)
    return try await router.myself.callService(
      "mitogen.service.FileService", "fetch",
      ["path": .string(path), "sender": .sender(context: .master, handle: handle)])
  }

  private func acknowledge(_ size: Int, _ router: Router) throws {
    let request = try ServiceRequest.encode(
      service: "mitogen.service.FileService", method: "acknowledge", ["size": size])
    router.post(Message(destination: .master, handle: .callService, encoding: .pickle, payload: request))
  }

  @Test func `pieces of 131,046 bytes, and a dead message at the end`() async throws {
    try await withRouter { router in
      let (box, files) = (try Sandbox(), ServedFiles(router))
      let content = Sandbox.content(300_000)
      let path = try box.file("a", content)
      let receiver = Receiver<Message>(router: router)
      let metadata = try await fetch(path, receiver, router)
      #expect(metadata["size"] == 300_000)
      guard case .dictionary(let entries) = metadata else {
        Issue.record("no dictionary")
        return
      }
      #expect(entries.map(\.key) == ["size", "mode", "owner", "group", "mtime", "atime"])
      var pieces: [Message] = []
      for _ in 0..<4 { pieces.append(try await receiver.getMessage(timeout: .seconds(20))) }
      #expect(pieces.map(\.payload.count) == [131_046, 131_046, 37_908, 28])
      #expect(pieces.dropLast().allSatisfy { $0.encoding == .binary && !$0.isDead })
      #expect(pieces.dropLast().flatMap(\.payload) == content)
      #expect(pieces[3].isDead && String(decoding: pieces[3].payload, as: UTF8.self) == "Sender was explicitly closed")
      // What comes too late, and who was sent nothing, does no harm.
      for size in [131_046, 131_046, 37_908, 1, -1, .max] { try acknowledge(size, router) }
      #expect(try await fetch(path, receiver, router)["size"] == 300_000)
      await files.pool.close()
    }
  }

  @Test func `nothing is sent beyond the window until something is acknowledged`() async throws {
    try await withRouter { router in
      let (box, files) = (try Sandbox(), ServedFiles(router))
      let content = Sandbox.content(2_000_000)
      let path = try box.file("a", content)
      let receiver = Receiver<Message>(router: router)
      _ = try await fetch(path, receiver, router)
      var bytes: [UInt8] = []
      for _ in 0..<9 { bytes += try await receiver.get(timeout: .seconds(20)).payload }
      #expect(bytes.count == 1_179_414)
      #expect(await files.service.activeTransfers.first?.position == 1_179_414)
      #expect(receiver.size == 0)
      while bytes.count < content.count {
        try acknowledge(131_046, router)
        try acknowledge(131_046, router)
        bytes += try await receiver.get(timeout: .seconds(20)).payload
      }
      #expect(bytes == content)
      await #expect(throws: ChannelError.self) { try await receiver.get(timeout: .seconds(20)) }
      while await !files.service.activeTransfers.isEmpty { await Task.yield() }
      await files.pool.close()
    }
  }

  @Test func `files for one such client come one after the other`() async throws {
    try await withRouter { router in
      let (box, files) = (try Sandbox(), ServedFiles(router))
      let contents = (0..<3).map { Sandbox.content(1_500_000, seed: $0) }
      let receivers = contents.map { _ in Receiver<Message>(router: router) }
      for (index, content) in contents.enumerated() {
        _ = try await fetch(try box.file("\(index)", content), receivers[index], router)
      }
      #expect(await files.service.activeTransfers.map(\.position).dropFirst() == [0, 0])
      for (receiver, content) in zip(receivers, contents) {
        var bytes: [UInt8] = []
        while bytes.count < content.count {
          let piece = try await receiver.get(timeout: .seconds(20)).payload
          try acknowledge(piece.count, router)
          bytes += piece
        }
        #expect(bytes == content)
      }
      await files.pool.close()
    }
  }

  @Test func `such a client that takes nothing is given up, and then it is the next one's turn`() async throws {
    try await withRouter { router in
      let box = try Sandbox()
      let files = ServedFiles(router, limits: FileServiceLimits(patience: .milliseconds(30)))
      let path = try box.file("a", Sandbox.content(2_000_000))
      let (first, second) = (Receiver<Message>(router: router), Receiver<Message>(router: router))
      _ = try await fetch(path, first, router)
      _ = try await fetch(path, second, router)
      for _ in 0..<9 { _ = try await first.get(timeout: .seconds(20)) }
      let error = await #expect(throws: ChannelError.self) { try await first.get(timeout: .seconds(20)) }
      #expect(error?.reason.hasPrefix("waiting for context 0 to read \(path) took longer than") == true)
      // It is told of the end, which is not that of the file.
      _ = try await second.get(timeout: .seconds(20))
      while await !files.service.activeTransfers.isEmpty { await Task.yield() }
      await files.pool.close()
    }
  }

  @Test func `such a client that closes its receiver ends the transfer`() async throws {
    try await withRouter { router in
      let (box, files) = (try Sandbox(), ServedFiles(router))
      let path = try box.file("a", Sandbox.content(3_000_000))
      let receiver = Receiver<Message>(router: router)
      _ = try await fetch(path, receiver, router)
      for _ in 0..<9 { _ = try await receiver.get(timeout: .seconds(20)) }
      receiver.close()
      // The next piece finds nobody.
      try acknowledge(131_046, router)
      while await !files.service.activeTransfers.isEmpty { await Task.yield() }
      await files.pool.close()
    }
  }

  @Test func `a file that changes is not sent whole`() async throws {
    try await withRouter { router in
      let (box, files) = (try Sandbox(), ServedFiles(router))
      let path = try box.file("a", Sandbox.content(1_200_000))
      let receiver = Receiver<Message>(router: router)
      _ = try await fetch(path, receiver, router)
      for _ in 0..<9 { _ = try await receiver.get(timeout: .seconds(20)) }
      unsafe truncate(path, 1_300_000)
      try acknowledge(131_046, router)
      let error = await #expect(throws: ChannelError.self) { try await receiver.get(timeout: .seconds(20)) }
      #expect(error?.reason == "'\(path)' became larger while it was read")
      await files.pool.close()
    }
  }

  @Test func `a server that knows only Mitogen's arguments is asked in its way`() async throws {
    try await withRouter { router in
      let box = try Sandbox()
      let content = Sandbox.content(3_000_000)
      let path = try box.file("a", content, mode: 0o600)
      let child = try await router.local()
      // What makes a context one of ours to others is that it says so.
      try await child.call { try ExternalContext.current?.router.deleteHandler(.capabilities) }
      let transfer = try await FileService.fetch(path, from: child)
      #expect(!transfer.isChecked && transfer.metadata.ownerID == nil && transfer.metadata.size == content.count)
      var bytes: [UInt8] = []
      for try await piece in transfer { bytes += piece }
      #expect(bytes == content)
      try box.file(".b.partial", Array(content.prefix(1_000)))
      let metadata = try await FileService.get(path, from: child, to: box("b"), resumes: true)
      #expect(box.read("b") == content && metadata.permissions == 0o600)
      // It says less, but not that what is short is whole.
      var iterator = try await FileService.fetch(path, from: child).makeAsyncIterator()
      _ = try await iterator.next(isolation: nil)
      unsafe truncate(path, 2_000_000)
      await #expect(throws: ChannelError.self) { while try await iterator.next(isolation: nil) != nil {} }
    }
  }
}
