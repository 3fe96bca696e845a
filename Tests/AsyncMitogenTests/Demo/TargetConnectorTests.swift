import AsyncMitogen
import Synchronization
import Testing

@testable import AsyncMitogenDemo

@Suite(.timeLimit(.minutes(1))) struct TargetConnectorTests {
  /// The hops that were gone, in order.
  private final class Log: Sendable {
    private let texts = Mutex<[String]>([])
    var all: [String] { texts.withLock { $0 } }
    func add(_ text: String) { texts.withLock { $0.append(text) } }
  }

  private struct Refusal: Error, CustomStringConvertible { let description = "no entry" }

  private static func connector(_ log: Log, refusing: String? = nil) -> TargetConnector<String> {
    TargetConnector<String>(timeout: nil) { hop, from, _ in
      let place = [from, hop.label].compactMap { $0 }.joined(separator: "/")
      log.add(place)
      guard hop.label != refusing else { throw Refusal() }
      return place
    }
  }

  @Test func `hops in common are gone once`() async throws {
    let log = Log()
    let connector = Self.connector(log)
    let texts = ["ssh:a/sudo:x", "ssh:a/sudo:y", "ssh:a", "ssh:b/sudo:x", "ssh:a?compression=true"]
    let places = try await withThrowingTaskGroup(of: String.self) { group in
      for text in texts {
        let hops = try TargetSpec(parsing: text).hops
        group.addTask { try await connector.place(of: hops) }
      }
      return try await group.reduce(into: Set<String>()) { $0.insert($1) }
    }
    #expect(places == ["ssh:a/sudo:x", "ssh:a/sudo:y", "ssh:a", "ssh:b/sudo:x"])
    // One of them with other options is another way.
    #expect(log.all.sorted() == ["ssh:a", "ssh:a", "ssh:a/sudo:x", "ssh:a/sudo:y", "ssh:b", "ssh:b/sudo:x"])
  }

  @Test func `a hop that fails is tried once, and fails all behind it`() async throws {
    let log = Log()
    let connector = Self.connector(log, refusing: "sudo:x")
    for text in ["ssh:a/sudo:x/docker:w", "ssh:a/sudo:x", "ssh:a/sudo:x/su"] {
      let hops = try TargetSpec(parsing: text).hops
      let error = await #expect(throws: HopFailure.self) { try await connector.place(of: hops) }
      #expect(error?.description == "hop 2 'sudo:x': no entry")
    }
    #expect(try await connector.place(of: try TargetSpec(parsing: "ssh:a/su").hops) == "ssh:a/su")
    #expect(log.all == ["ssh:a", "ssh:a/sudo:x", "ssh:a/su"])
  }

  @Test func `the time that is left is that of the target`() async throws {
    let limits = Mutex<[Duration]>([])
    let connector = TargetConnector<Int>(timeout: .seconds(60)) { _, from, limit in
      if let limit { limits.withLock { $0.append(limit) } }
      return (from ?? 0) + 1
    }
    #expect(try await connector.place(of: try TargetSpec(parsing: "local/local/local").hops) == 3)
    let found = limits.withLock { $0 }
    #expect(found.count == 3 && found == found.sorted(by: >))
    #expect(found.allSatisfy { $0 > .zero && $0 <= .seconds(60) })
  }

  @Test func `who is cancelled waits no longer`() async throws {
    let started = AsyncStream<Void>.makeStream()
    let connector = TargetConnector<Int>(timeout: nil) { _, _, _ in
      started.continuation.yield()
      try await Task.sleep(for: .seconds(600))
      return 1
    }
    let hops = try TargetSpec(parsing: "local").hops
    let task = Task { try await connector.place(of: hops) }
    for await _ in started.stream { break }
    task.cancel()
    await #expect(throws: HopFailure.self) { try await task.value }
  }

  @Test func `names are short where that is enough`() throws {
    let specs = try ["ssh:a", "ssh:b?port=1", "ssh:c?port=1", "ssh:c?port=2&password=x"].map {
      try TargetSpec(parsing: $0)
    }
    let names = TargetNames(specs)
    #expect(specs.map { names[$0] } == ["ssh:a", "ssh:b:1", "ssh:c:1", "ssh:c:2"])
    let alike = try ["local?name=x", "local?path=/y", "su?password=x"].map { try TargetSpec(parsing: $0) }
    let others = TargetNames(alike)
    #expect(alike.map { others[$0] } == ["local?name=x", "local?path=/y", "su"])
  }

  @Test func `what takes too long is given up`() async {
    await #expect(throws: TimeoutError.self) {
      try await Deadline.run(within: .milliseconds(1), "a nap") { try await Task.sleep(for: .seconds(600)) }
    }
    await #expect(throws: Refusal.self) {
      try await Deadline.run(within: .seconds(600), "a nap") { throw Refusal() }
    }
  }
}
