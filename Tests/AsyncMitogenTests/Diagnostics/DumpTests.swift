import Glibc
import Testing

@testable import AsyncMitogen

/// Who waits for whom, as text.
@Suite(.timeLimit(.minutes(1)))
struct DumpTests {
  @Test func `each call with its way, age and deadline, at both ends`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let grandchild = try await router.local(via: child)
      let begun = Receiver<Int>(router: router)
      let endless = grandchild.callAsync(begun.sender) { begun in
        try begun.post(1)
        try await Task.sleep(for: .seconds(60))
      }
      let limited = child.callAsync(begun.sender, timeout: .seconds(50)) { begun in
        try begun.post(1)
        try await Task.sleep(for: .seconds(60))
      }
      for _ in 0..<2 { _ = try await begun.get(timeout: .seconds(20)) }
      let dump = await router.dump()
      let name = try #require(child.name)
      let calls = lines(below: "calls that wait for their result", dump)
      #expect(calls.count == 2)
      let first = "CALL_FUNCTION in context \(grandchild.id) (\(try #require(grandchild.name))) over \(name), answer to"
      #expect(calls[0].contains(first) || calls[0].contains("CALL_FUNCTION in context \(grandchild.id) ("))
      #expect(calls[0].contains(" over \(name), answer to handle "))
      #expect(calls[0].contains(", for 0.") && calls[0].hasSuffix("without a deadline"))
      #expect(calls[1].contains("gives up in 4") && calls[1].contains("context \(child.id)"))
      #expect(lines(below: "links", dump).first?.hasPrefix("\(name) to context \(child.id); 0 bytes wait") == true)
      #expect(lines(below: "handlers", dump).contains { $0.hasSuffix(": a receiver, 0 messages wait, 0 tasks wait") })
      #expect(lines(below: "handlers", dump).contains("104: DEL_ROUTE"))
      let below = try await child.dump()
      #expect(below.hasPrefix("context \(child.id), below context 0, process "))
      let running = lines(below: "functions that run (1, 0 wait)", below)
      #expect(running.count == 1 && running[0].hasPrefix("closure at 0x"))
      #expect(running[0].contains("Sender<Int>") && running[0].contains("for context 0, answer to handle "))
      withExtendedLifetime((endless, limited)) {}
    }
  }

  @Test func `the whole tree, with those who do not answer`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let grandchild = try await router.local(via: child)
      let stopped = try await router.local()
      let pid = try await stopped.call { Facts.processID() }
      Facts.stop(pid)
      let dump = await router.dumpTree(timeout: .seconds(2))
      kill(pid, SIGCONT)
      for context in [router.myself, child, grandchild] { #expect(dump.contains("context \(context.id), ")) }
      let name = try #require(stopped.name)
      #expect(dump.contains("context \(stopped.id) (\(name)) does not answer: "), "\(dump)")
      #expect(try await stopped.call { 1 } == 1)
    }
  }

  @Test func `only parents may ask`() async throws {
    try await withRouter { router in
      let (child, sibling) = (try await router.local(), try await router.local())
      for target in [sibling, router.myself] {
        let error = await #expect(throws: CallError.self) {
          try await child.call(target) { target in _ = try await target.dump() }
        }
        #expect(error?.message.contains("refused by policy") == true)
      }
    }
  }

  @Test func `service methods that run are in it`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      _ = try await child.call(Tally.add, .init(amount: 1))
      #expect(try await child.dump().contains("service methods (0 of 16 run, 0 wait): none"))
    }
  }

  @Test func `a signal writes a file, and another one another`() async throws {
    let sandbox = try Sandbox()
    try await withRouter { router in
      let child = try await router.local()
      let pid = try await child.call(sandbox.path) { path in
        Observing.useDirectory(path)
        try Observing.router().dumpOnSignal()
        return Facts.processID()
      }
      let begun = Receiver<Int>(router: router)
      let pending = child.callAsync(begun.sender) { begun in
        try begun.post(1)
        try await Task.sleep(for: .seconds(60))
      }
      _ = try await begun.get(timeout: .seconds(20))
      kill(pid, SIGUSR2)
      let first = try await Observing.wait(for: "mitogen.dump.", in: sandbox.path)
      #expect(first == [sandbox("mitogen.dump.\(pid).log")])
      #expect(Facts.read(first[0])?.contains("functions that run (1, 0 wait)") == true)
      kill(pid, SIGUSR2)
      let both = try await Observing.wait(for: "mitogen.dump.", count: 2, in: sandbox.path)
      #expect(both.contains(sandbox("mitogen.dump.\(pid).1.log")))
      #expect(try await child.call { 1 } == 1)
      pending.close()
    }
  }

  @Test func `all processes below do it too, if the configuration says so`() async throws {
    let sandbox = try Sandbox()
    try await withRouter { router in
      let child = try await router.local()
      let pid = try await child.call(sandbox.path) { path in
        Observing.useDirectory(path)
        let router = try Observing.router()
        try router.dumpOnSignal()
        let below = try await router.local()
        let pid = try await below.call { Facts.processID() }
        kill(pid, SIGUSR2)
        _ = try await Observing.wait(for: "mitogen.dump.\(pid)", in: path)
        return pid
      }
      #expect(Observing.files(in: sandbox.path) == ["mitogen.dump.\(pid).log"])
    }
  }

  @Test func `a broker that does not run is told of`() async throws {
    let sandbox = try Sandbox()
    try await withRouter { router in
      let child = try await router.local()
      let text = try await child.call(sandbox.path) { path in
        Observing.useDirectory(path)
        let router = try Observing.router()
        try router.dumpOnSignal()
        return try await Observing.dumpWhileBlocked(router, path)
      }
      #expect(text.contains("its broker has not run for 2.0 seconds"))
    }
  }

  @Test func `a handler of the program stays`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let error = await #expect(throws: CallError.self) {
        try await child.call {
          Observing.handleSignal()
          try Observing.router().dumpOnSignal()
        }
      }
      #expect(error?.message.contains("the program has a handler for SIGUSR2 already") == true)
    }
  }

  private func lines(below heading: String, _ dump: String) -> [String] {
    let all = dump.split(separator: "\n")
    guard let start = all.firstIndex(where: { $0.hasPrefix("  \(heading):") }) else { return [] }
    return all[(start + 1)...].prefix { $0.hasPrefix("    ") }.map { String($0.dropFirst(4)) }
  }
}

/// The pure parts of it.
struct DumpTextTests {
  @Test func `durations, deadlines, and names that would do harm`() {
    #expect(DumpText.seconds(3_250_999_999) == "3.250 s" && DumpText.seconds(7_000_000) == "0.007 s")
    #expect(DumpText.wait(since: 5, deadline: .max, now: 1_000_000_005) == "for 1.000 s, without a deadline")
    #expect(DumpText.wait(since: 0, deadline: 3_000_000_000, now: 1_000_000_000) == "for 1.000 s, gives up in 2.000 s")
    #expect(DumpText.wait(since: 9, deadline: 3, now: 8) == "for 0.000 s, its time is up")
    #expect(DumpText.printable("a\n\u{1b}[2Jb\u{85}ä") == "a\u{FFFD}\u{FFFD}[2Jb\u{FFFD}ä")
  }

  @Test func `sections have a limit`() {
    var dump = DumpText()
    dump.section("nothing", [])
    dump.section("much", (0..<DumpText.sectionLimit + 5).map { "\($0)" })
    #expect(dump.text.hasPrefix("  nothing: none\n  much:\n    0\n"))
    #expect(dump.text.hasSuffix("    999\n    and 5 more\n"))
  }

  @Test func `what a call calls`() throws {
    let function = CalledName(try CallRequest.function(Add(left: 1, right: 2), chain: "c"))
    #expect(function.description == "AsyncMitogenTests.Add" && function.chain == "c")
    let invocation = Invocation(function: { (number: Int) -> String in "\(number)" })
    let closure = CalledName(try CallRequest.closure(invocation, chain: nil, 1))
    #expect(closure.description.hasPrefix("closure at 0x") && closure.description.contains("Invocation<String"))
    #expect(closure.chain == nil)
    let forget = CalledName(try CallRequest.forget(chain: "c"))
    #expect(forget.description == "mitogen.core.Dispatcher.forget_chain")
    let traced = CalledName(try TracedPayload.encode(["a": "b"], CallRequest.forget(chain: "c")))
    #expect(traced == forget)
    for payload in [[], [0x80], [0x80, 2, 0x28], [0x80, 2, 0x28, 0x4e, 0x58, 255, 255, 255, 255]] as [[UInt8]] {
      #expect(CalledName(payload).description == "something that is no call")
    }
  }
}
