import Synchronization
import Testing

@testable import AsyncMitogen

/// A tracer that only children use, so that it changes nothing for other tests.
struct NotingTracer: CallTracer {
  static let notes = Mutex<[String]>([])

  func inject(_ call: TracedCall, into fields: inout [String: String]) {
    fields["hops", default: ""] += "\(call.caller)>\(call.callee) "
  }

  func run(_ call: TracedCall, fields: [String: String], _ body: () async throws -> Void) async throws {
    NotingTracer.notes.withLock { $0.append("\(call.isService ? "service " : "")\(call.name)") }
    try await body()
  }
}

/// A service that says what travelled with its call.
actor FieldReader: Service {
  init(router: Router) {}
  static let read = ServiceMethod<FieldReader, NoArguments, [String: String]>("read", policy: .allowAny) { _ in
    // The message is the one that the caller made.
    guard Message.current?.handle == .callService else { throw Opaque() }
    return CallTracing.fields
  }
  static var methods: [AnyServiceMethod<FieldReader>] { read }
}

/// A function that does the same.
struct ReadFields: RemoteFunction {
  func callAsFunction() -> [String: String] { CallTracing.fields }
}

/// What travels with calls.
@Suite(.timeLimit(.minutes(1)))
struct TracingTests {
  private let fields = ["traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "user": "ä\nb"]

  @Test func `fields go with calls of every kind, and on with those that follow`() async throws {
    let fields = fields
    try await withRouter { router in
      let child = try await router.local()
      let grandchild = try await router.local(via: child)
      #expect(try await child.call { CallTracing.fields } == [:])
      try await CallTracing.with(fields) { () async throws -> Void in
        #expect(try await child.call { CallTracing.fields } == fields)
        #expect(try await child.call("a", 2) { (CallTracing.fields["user"] ?? "") + $0 + "\($1)" } == "ä\nba2")
        #expect(try await grandchild.call(ReadFields()) == fields)
        #expect(try await child.call(FieldReader.read) == fields)
        #expect(try await child.call(grandchild) { try await $0.call(ReadFields()) } == fields)
        #expect(try await child.call(grandchild) { try await $0.call(FieldReader.read) } == fields)
        #expect(try await grandchild.callAsync(ReadFields()).get(timeout: .seconds(20)) == fields)
        let chain = CallChain(child)
        #expect(try await chain.call(ReadFields()) == fields)
      }
      // What was bound for the others is gone.
      #expect(try await child.call(ReadFields()) == [:])
    }
  }

  @Test func `without an answer, in chains, and cancelled, all is as without fields`() async throws {
    let fields = fields
    try await withRouter { router in
      let child = try await router.local()
      let heard = Receiver<[String: String]>(router: router)
      try await CallTracing.with(fields) {
        // Asked once, so that those that do not wait know.
        _ = try await child.call { 1 }
        try child.callNoReply(heard.sender) { heard in try heard.post(CallTracing.fields) }
        #expect(try await heard.get(timeout: .seconds(20)) == fields)
        let chain = CallChain(child)
        await #expect(throws: CallError.self) { try await chain.call { throw DiskFull(device: "sda") } }
        let error = await #expect(throws: CallError.self) { try await chain.call { 1 } }
        #expect(error?.thrown(as: DiskFull.self) == DiskFull(device: "sda"))
        try chain.reset()
        #expect(try await chain.call { 1 } == 1)
        let ends = Receiver<String>(router: router)
        await #expect(throws: TimeoutError.self) {
          try await child.call(ends.sender, timeout: .milliseconds(100)) { ends in
            do { try await Task.sleep(for: .seconds(60)) } catch { try ends.post("cancelled") }
          }
        }
        #expect(try await ends.get(timeout: .seconds(20)) == "cancelled")
      }
    }
  }

  @Test func `who does not say that it knows them gets none`() async throws {
    let fields = fields
    try await withRouter { router in
      let child = try await router.local()
      try await child.call { try Observing.claim("cancel,window") }
      try await CallTracing.with(fields) { () async throws -> Void in
        #expect(try await child.call(ReadFields()) == [:])
        #expect(try await child.call(FieldReader.read) == [:])
      }
      let silent = try await router.local()
      try await silent.call { try Observing.router().deleteHandler(.capabilities) }
      try await CallTracing.with(fields) { () async throws -> Void in
        #expect(try await silent.call(ReadFields()) == [:])
      }
    }
  }

  @Test func `too much is left out, and the call goes`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let edge = ["k": String(repeating: "x", count: CallTracing.limit - 1)]
      #expect(try await CallTracing.with(edge) { try await child.call(ReadFields()) } == edge)
      let beyond = ["k": String(repeating: "x", count: CallTracing.limit)]
      #expect(try await CallTracing.with(beyond) { try await child.call(ReadFields()) } == [:])
    }
  }

  @Test func `siblings and children cannot call what they could not without fields`() async throws {
    try await withRouter { router in
      let (child, sibling) = (try await router.local(), try await router.local())
      let error = await #expect(throws: CallError.self) {
        try await child.call(sibling) { sibling in
          _ = try await sibling.ping()
          try await CallTracing.with(["a": "b"]) { _ = try await sibling.call(ReadFields()) }
        }
      }
      #expect(error?.message.contains("refused by policy") == true)
    }
  }

  @Test func `a tracer adds to what travels, and surrounds what is called`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let grandchild = try await router.local(via: child)
      for context in [child, grandchild] { try await context.call { CallTracing.tracer = NotingTracer() } }
      let seen = try await child.call(grandchild) { grandchild in
        [try await grandchild.call(ReadFields()), try await grandchild.call(FieldReader.read)]
      }
      #expect(seen.map { $0["hops"] } == ["\(child.id)>\(grandchild.id) ", "\(child.id)>\(grandchild.id) "])
      let notes = try await grandchild.call { NotingTracer.notes.withLock { $0 } }
      #expect(notes.prefix(2) == ["AsyncMitogenTests.ReadFields", "service AsyncMitogenTests.FieldReader.read"])
      #expect(notes.last?.hasPrefix("closure at 0x") == true)
      // What is thrown in it comes back as what it is.
      let error = await #expect(throws: CallError.self) { try await grandchild.call(Fail()) }
      #expect(error?.thrown(as: DiskFull.self) == DiskFull(device: "sda"))
    }
  }

  @Test func `the payload comes apart as it was put together, and what is none is left as it is`() throws {
    let payload = try CallRequest.forget(chain: "c")
    for fields in [[:], ["a": "b"], fields] as [[String: String]] {
      let encoded = try TracedPayload.encode(fields, payload)
      let decoded = try #require(TracedPayload.decode(encoded))
      #expect(decoded.fields == fields && decoded.payload == payload)
      for length in 0..<encoded.count - payload.count {
        #expect(TracedPayload.decode(Array(encoded[..<length])) == nil)
      }
    }
    for bytes in [[], [0], [0, 0, 0, 1], [0, 255, 255, 255, 1], payload] as [[UInt8]] {
      #expect(TracedPayload.decode(bytes) == nil)
    }
    // Fields that are no pickle, or one of something else, are none; the call is a call all the same.
    let odd = try #require(TracedPayload.decode([0, 0, 0, 2, 7, 7] + payload))
    #expect(odd.fields == [:] && odd.payload == payload)
    let message = Message(handle: .tracedCall, payload: [1, 2, 3])
    #expect(message.withoutFields.message.handle == .tracedCall && message.withoutFields.fields == [:])
  }
}
