import AsyncMitogen
import Glibc
import Testing

/// What is left of contexts that have ended: nothing.
@Suite(.timeLimit(.minutes(1)))
struct ContextEndTests {
  enum Ending: CaseIterable { case shutdown, shutdownWithoutWaiting, disconnect, disconnectAll }

  @Test(arguments: Ending.allCases) func `one that has ended is reaped, announced to all, and unknown`(
    ending: Ending
  ) async throws {
    try await withRouter { router in
      let (child, other) = (try await router.local(), try await router.local())
      let pids = [try await child.call { Facts.processID() }, try await other.call { Facts.processID() }]
      let observers = [await router.disconnects, await router.disconnects]
      let ended = ending == .disconnectAll ? [child, other] : [child]
      switch ending {
      case .shutdown: try await child.shutdown()
      case .shutdownWithoutWaiting: try await child.shutdown(wait: false)
      case .disconnect: await router.disconnect(child)
      case .disconnectAll: await router.disconnectAll()
      }
      for observer in observers {
        var heard: Set<Context> = []
        for await event in observer where heard.insert(event.context).inserted && heard.count == ended.count { break }
        #expect(heard == Set(ended))
      }
      for (context, pid) in zip(ended, pids) {
        #expect(kill(pid, 0) == -1 && errno == ESRCH)
        let error = await #expect(throws: ChannelError.self) { try await context.call { 1 } }
        #expect(error?.reason == "no route to \(context.id), my ID is 0")
      }
      if ended.count == 1 { #expect(try await other.call { 1 } == 1) }
    }
  }

  @Test func `a process that outlives its stream is told to end, and then killed`() async throws {
    try await withRouter { router in
      let file = "/tmp/amt-told-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
      defer { unsafe unlink(file) }
      let text = "trap 'echo told > \(file)' TERM; echo MITO002; exec 0<&- 1>&-; while :; do sleep 0.05; done"
      let context = try await router.connect(Script(text: text))
      let pid = try #require(context.name?.split(separator: ".").last.flatMap { Int32($0) })
      let events = await router.disconnects
      if await router.reachableContexts.contains(context) { for await _ in events { break } }
      #expect(Facts.read(file) == "told\n")
      #expect(kill(pid, 0) == -1 && errno == ESRCH)
    }
  }

  @Test func `a process that does not come up is killed and reaped`() async throws {
    try await withRouter { router in
      let options = ConnectionOptions(connectTimeout: .milliseconds(200))
      let error = await #expect(throws: ConnectionError.self) {
        _ = try await router.connect(Script(text: "exec sleep 60", options: options))
      }
      #expect(error?.phase == .bootstrap)
      let pid = try #require(error?.name.split(separator: ".").last.flatMap { Int32($0) })
      try await eventually("it is reaped") { kill(pid, 0) == -1 && errno == ESRCH }
    }
  }

  @Test func `one that started and ended others has no more open than before, and no process`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      // A child runs nothing else, so it can count exactly.
      let found = try await child.call { () async throws -> [Int] in
        guard let current = ExternalContext.current else { throw Opaque() }
        func startAndEnd() async throws {
          let below = try await current.router.local()
          _ = try await below.call { 1 }
          try await below.shutdown()
        }
        // What is opened once, and kept, is open after the first time.
        try await startAndEnd()
        let before = Facts.descriptorCount()
        for _ in 0..<5 { try await startAndEnd() }
        let deadline = ContinuousClock.now + .seconds(20)
        while Facts.descriptorCount() > before, ContinuousClock.now < deadline { await Task.yield() }
        var status: Int32 = 0
        let isChildless = unsafe waitpid(-1, &status, WNOHANG) == -1 && errno == ECHILD
        return [before, Facts.descriptorCount(), isChildless ? 0 : 1, current.router.handlerCount]
      }
      #expect(found[1] == found[0])
      #expect(found[2] == 0)
    }
  }

  @Test func `what fails to start below another context says why`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let file = "/tmp/amt-fails-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
      defer { unsafe unlink(file) }
      let script = Array("#!/bin/sh\necho some reason\nexit 3\n".utf8)
      let descriptor = unsafe open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0o700)
      #expect(unsafe write(descriptor, script, script.count) == script.count)
      close(descriptor)
      let ended = await #expect(throws: ConnectionError.self) {
        _ = try await router.connect(LocalConnection(path: file), via: child)
      }
      #expect(ended?.lines == ["some reason"] && ended?.status == .exited(code: 3))
      #expect(ended?.route == [0, child.id])
      let missing = await #expect(throws: ConnectionError.self) {
        _ = try await router.connect(LocalConnection(path: "/nonexistent/program"), via: child)
      }
      #expect(missing?.message == "Child start failed: [Errno 2] No such file or directory")
      #expect(try await child.call { 1 } == 1)
    }
  }
}
