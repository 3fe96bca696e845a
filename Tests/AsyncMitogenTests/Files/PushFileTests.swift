import AsyncMitogen
import Foundation
import Testing

@testable import AsyncMitogen

/// Files that are pushed down a tree.
@Suite(.timeLimit(.minutes(1)))
struct PushFileTests {
  private func withPush(
    limits: PushLimits = PushLimits(), _ body: (Router, PushFileService, Sandbox) async throws -> Void
  ) async throws {
    try await withRouter { router in
      let push = PushFileService(router: router, limits: limits)
      let pool = Pool(router: router, services: [push])
      try await body(router, push, try Sandbox())
      await pool.close()
    }
  }

  private func get(_ path: String, in context: Context) async throws -> [UInt8] {
    try await context.call(path) { try await PushFileService.get($0, timeout: .seconds(20)) }
  }

  @Test func `two contexts behind one get a file that crosses the first link once`() async throws {
    try await withPush { router, push, box in
      let path = try box.file("a", Array("test".utf8))
      let middle = try await router.local()
      let first = try await router.local(via: middle)
      let second = try await router.local(via: middle)
      // Who asks before it comes, waits.
      async let early = get(path, in: first)
      try await router.myself.call(PushFileService.propagateTo, .init(context: first, path: path))
      // What it is now is not what was pushed.
      try box.file("a", Array("other".utf8))
      try await push.propagate(path, to: second)
      #expect(try await early == Array("test".utf8))
      #expect(try await get(path, in: second) == Array("test".utf8))
      #expect(try await get(path, in: middle) == Array("test".utf8))
      #expect(try await push.get(path) == Array("test".utf8))
      #expect(try await PushCounters.parts(in: middle) == 1)
    }
  }

  @Test func `large files go in pieces, are kept on the disk, and go over no link twice`() async throws {
    try await withPush { router, push, box in
      let content = Sandbox.content(3_000_000)
      let path = try box.file("a", content)
      let copy = try box.file("copy", content)
      let middle = try await router.local()
      var targets: [Context] = []
      for _ in 0..<3 { targets.append(try await router.local(via: middle)) }
      // All at once, and under two names.
      try await withThrowingTaskGroup(of: Void.self) { group in
        for target in targets {
          for name in [path, copy] { group.addTask { try await push.propagate(name, to: target) } }
        }
        try await group.waitForAll()
      }
      for target in targets {
        let isRight = try await target.call(path, copy, content) { path, copy, content in
          let names = [path, copy]
          var results: [Bool] = []
          for name in names { results.append(try await PushFileService.get(name, timeout: .seconds(20)) == content) }
          return results == [true, true]
        }
        #expect(isRight)
      }
      for context in [middle] + targets {
        #expect(try await PushCounters.parts(in: context) == (3_000_000 + (256 << 10) - 1) / (256 << 10))
        let size = try await context.call {
          guard let router = ExternalContext.current?.router else { return [0] }
          let size = try await PushFileService.service(of: router).contentSize
          return [size.bytes, size.files]
        }
        #expect(size == [3_000_000, 2])
      }
    }
  }

  @Test func `several files, of which some have another content`() async throws {
    try await withPush { router, push, box in
      let path = try box.file("a", [1])
      let child = try await router.local()
      try await router.myself.call(
        PushFileService.propagatePathsAndModules,
        .init(
          context: child, paths: [path, "/nowhere", box("empty")],
          overriddenSources: ["/nowhere": Blob([2]), box("empty"): Blob([])]))
      #expect(try await get(path, in: child) == [1])
      #expect(try await get("/nowhere", in: child) == [2])
      #expect(try await get(box("empty"), in: child) == [])
      // Mitogen's own arguments, without the one whose default is a mistake there.
      let _: PickledValue = try await router.myself.callService(
        "mitogen.service.PushFileService", "propagate_paths_and_modules",
        ["context": .context(id: child.id, name: nil), "paths": [.string(path)], "extra_sys_paths": ["/x"]])
      let error = await #expect(throws: CallError.self) {
        try await router.myself.call(PushFileService.propagateTo, .init(context: child, path: box("none")))
      }
      #expect(error?.thrown(as: FileServiceError.self)?.reason == .system(ENOENT))
    }
  }

  @Test func `as Mitogen's own parents push`() async throws {
    try await withRouter { router in
      let middle = try await router.local()
      let target = try await router.local(via: middle)
      func call(_ method: String, _ arguments: PickledValue) throws {
        let request = try ServiceRequest.encode(
          service: "mitogen.service.PushFileService", method: method, arguments)
        router.post(Message(destination: middle.id, handle: .callService, encoding: .pickle, payload: request))
      }
      let context = PickledValue.context(id: target.id, name: nil)
      // What is to be forwarded may come after the order.
      try call("forward", ["path": "/x", "context": context])
      try call(
        "store_and_forward", ["path": "/x", "data": .blob([1, 2]), "context": .context(id: middle.id, name: nil)])
      #expect(try await get("/x", in: target) == [1, 2])
      #expect(try await get("/x", in: middle) == [1, 2])
      try call("store_and_forward", ["path": "/y", "data": .blob([3]), "context": context])
      #expect(try await get("/y", in: target) == [3])
    }
  }

  @Test func `to those who know only Mitogen's methods`() async throws {
    try await withPush { router, push, box in
      let content = Sandbox.content(2_000_000)
      let path = try box.file("a", content)
      let middle = try await router.local()
      let target = try await router.local(via: middle)
      try await middle.call { try ExternalContext.current?.router.deleteHandler(.capabilities) }
      try await push.propagate(path, to: target)
      try await push.propagate(path, to: middle)
      #expect(try await get(path, in: target) == content)
      #expect(try await PushCounters.parts(in: middle) == 0)
    }
  }

  @Test func `who waits has a deadline, can be cancelled, and hears of the end`() async throws {
    try await withRouter { router in
      let push = PushFileService(router: router)
      let pool = Pool(router: router, services: [push])
      let error = await #expect(throws: TimeoutError.self) { try await push.get("/x", timeout: .milliseconds(10)) }
      #expect(error?.operation == "waiting for /x to be pushed")
      await #expect(throws: TimeoutError.self) { try await push.get("/x", timeout: .zero) }
      let waits = Task { try await push.get("/x") }
      waits.cancel()
      await #expect(throws: CancellationError.self) { try await waits.value }
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await #expect(throws: LatchError.self) { try await push.get("/x") } }
        group.addTask { await pool.close() }
      }
      await #expect(throws: LatchError.self) { try await push.get("/x") }
      await #expect(throws: StreamError.self) { try await PushFileService.get("/x") }
    }
  }

  @Test func `only parents push`() async throws {
    try await withPush { router, _, _ in
      let child = try await router.local()
      for method in [
        "propagate_to", "propagate_paths_and_modules", "store_and_forward", "forward", "store_part", "store_known",
      ] {
        let error = await #expect(throws: CallError.self) {
          try await child.call(method) {
            _ = try await FileCalls.master.callService("mitogen.service.PushFileService", $0)
          }
        }
        #expect(
          error?.causes.first?.message
            == "Caller is not authorized to invoke '\(method)' of service 'mitogen.service.PushFileService'")
      }
      let error = await #expect(throws: CallError.self) {
        try await router.myself.callService("mitogen.service.PushFileService", "get", ["path": "/x"])
      }
      #expect(error?.message == "No such method: 'get'")
    }
  }

  @Test func `only so much is kept`() async throws {
    try await withPush(limits: PushLimits(bytes: 1_000, files: 3, bytesInMemory: 100)) { router, push, box in
      let child = try await router.local()
      func failure(_ name: String, _ size: Int, seed: UInt64 = 1) async throws -> FileServiceError? {
        let path = try box.file(name, Sandbox.content(size, seed: seed))
        do {
          try await push.propagate(path, to: child)
          return nil
        } catch let error as FileServiceError {
          return error
        }
      }
      #expect(try await failure("large", 1_001)?.reason == .limit)
      #expect(try await failure("a", 900) == nil)
      #expect(try await failure("b", 101, seed: 2)?.reason == .limit)
      #expect(try await failure("b", 100, seed: 2) == nil)
      // The same content again needs no room.
      #expect(try await failure("c", 900) == nil)
      #expect(try await failure("d", 900)?.reason == .limit)
      #expect(push.contentSize.bytes == 1_000 && push.contentSize.files == 3)
      #expect(try await get(box("c"), in: child) == Sandbox.content(900))
    }
  }

  @Test func `pieces that do not fit together are refused`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      func part(_ offset: Int, _ data: [UInt8], size: Int = 4, digest: UInt8 = 1) async throws -> FileServiceError
        .Reason?
      {
        do {
          try await child.call(
            PushFileService.storePart,
            .init(
              path: "/x", digest: Blob([digest]), size: size, offset: offset, data: Blob(data), context: child))
          return nil
        } catch let error as CallError {
          return error.thrown(as: FileServiceError.self)?.reason
        }
      }
      #expect(try await part(2, [1]) == .incomplete)
      #expect(try await part(0, [1]) == nil)
      #expect(try await part(2, [1]) == .incomplete)
      #expect(try await part(0, [1]) == nil)
      #expect(try await part(1, [1], size: 5) == .incomplete)
      #expect(try await part(0, [1, 2, 3, 4, 5]) == .grew)
      #expect(try await part(0, [1, 2, 3, 4]) == .digestMismatch)
      #expect(try await part(0, [], size: -1) == .limit)
      #expect(try await part(0, [], size: .max) == .limit)
      #expect(try await part(0, [], size: (256 << 20) + 1) == .limit)
      // More than there is room for at once: the oldest have to begin again.
      for number in 0..<UInt8(80) { #expect(try await part(0, [1], digest: number) == nil) }
      #expect(try await part(1, [1], digest: 0) == .incomplete)
      #expect(try await part(1, [1], digest: 79) == nil)
    }
  }

  @Test func `a context that is gone, or was never there`() async throws {
    try await withPush { router, push, box in
      let path = try box.file("a", [1])
      let child = try await router.local()
      try await child.shutdown()
      await #expect(throws: ChannelError.self) { try await push.propagate(path, to: child) }
      await #expect(throws: ChannelError.self) { try await push.propagate(path, to: router.context(77_777)) }
      // To itself there is nothing to send.
      try await push.propagate(path, to: router.myself)
      #expect(try await push.get(path) == [1])
    }
  }
}

/// How many pieces have come to a context, which counts them itself.
enum PushCounters {
  static func parts(in context: Context) async throws -> Int {
    try await context.call {
      guard let router = ExternalContext.current?.router else { return -1 }
      return try await PushFileService.service(of: router).partCount
    }
  }
}
