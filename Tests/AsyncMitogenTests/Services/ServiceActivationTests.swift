import AsyncMitogen
import Glibc
import Synchronization
import Testing

/// How services come into being, and pools in children.
@Suite(.timeLimit(.minutes(1)))
struct ServiceActivationTests {
  @Test func `constructed once, however many calls wait`() async throws {
    try await withRouter { router in
      let parent = try await router.local()
      let child = try await router.local(via: parent)
      let started = Receiver<Sender<Int>>(router: router, handle: Patient.handle)
      let replies = (0..<50).map { _ in child.callAsync(Patient.next) }
      // From two sides at once: what waits over there is answered later too.
      let others = parent.callAsync(child) { child in
        var numbers: [Int] = []
        for reply in (0..<20).map({ _ in child.callAsync(Patient.next) }) { numbers.append(try await reply.get()) }
        return numbers
      }
      let proceed = try await started.get(timeout: .seconds(20))
      try await proceed.send(1)
      var numbers: [Int] = []
      for reply in replies { numbers.append(try await reply.get(timeout: .seconds(20))) }
      let more = try await others.get(timeout: .seconds(20))
      // In the order of arrival, each once.
      #expect(numbers == numbers.sorted() && more == more.sorted())
      #expect(Set(numbers + more) == Set(1...70))
      #expect(try await child.call { Patient.constructed.load(ordering: .relaxed) } == 1)
      #expect(started.size == 0)
    }
  }

  @Test func `a service that cannot be made is an error for all that wait, and is tried again`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let replies = (0..<5).map { _ in child.callAsync(Reluctant.greet) }
      var failures = 0
      for reply in replies {
        do { _ = try await reply.get(timeout: .seconds(20)) } catch let error as CallError {
          #expect(error.thrown(as: DiskFull.self) == DiskFull(device: "none"))
          failures += 1
        }
      }
      #expect(failures >= 1)
      #expect(try await child.call(Reluctant.greet) == "hello")
    }
  }

  @Test func `while the child is busy with a call that blocks`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let began = Receiver<Int>(router: router)
      let busy = child.callAsync(began.sender) { began in
        try began.post(1)
        return Blocker.block()
      }
      _ = try await began.get(timeout: .seconds(20))
      // The pool starts, and the service too, while the function keeps its thread.
      #expect(try await child.call(Blocker.release, timeout: .seconds(20)) == 1)
      #expect(try await busy.get(timeout: .seconds(20)) == 7)
    }
  }

  @Test func `nothing is lost, doubled or reordered when the pool begins`() async throws {
    try await withRouter { router in
      for round in 0..<10 {
        let child = try await router.local()
        let busy = child.callAsync { Blocker.block() }
        for number in 0..<200 { try child.callNoReply(Recorder.note, .init(number: number)) }
        #expect(try await child.call(Recorder.notes) == Array(0..<200), "round \(round)")
        _ = try await child.call(Blocker.release)
        _ = try await busy.get(timeout: .seconds(20))
        try await child.shutdown()
      }
    }
  }

  @Test func `a pool that the program has made in a child`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      try await child.call {
        guard let router = ExternalContext.current?.router else { throw Opaque() }
        let pool = Pool(router: router, services: [Tally(router: router)], size: 3)
        // It stays when nobody here holds it.
        guard pool.size == 3 else { throw Opaque() }
        await MadeInChild.shared.set(pool)
      }
      let sibling = try await router.local()
      #expect(try await sibling.call(child) { try await $0.call(Tally.total) } == 0)
      #expect(try await child.call(Tally.add, .init(amount: 5)) == 5)
      let isTheSame = try await child.call { () async -> Bool in
        guard let router = ExternalContext.current?.router else { return false }
        // There is one already.
        let second = Pool(router: router)
        do { try await second.join() } catch let error as StreamError {
          return error.message == "cannot register a handle that already exists"
        } catch {}
        return false
      }
      #expect(isTheSame)
      try await child.call { await MadeInChild.shared.close() }
      // The closed one is not handed out again: siblings are not heard, and a parent's call makes another.
      let refused = await #expect(throws: CallError.self) {
        try await sibling.call(child) { try await $0.call(Tally.total) }
      }
      #expect(refused?.causes.isEmpty == true && refused?.message == "refused by policy")
      #expect(try await child.call(Tally.add, .init(amount: 1)) == 1)
    }
  }

  @Test func `an activator of the program's own`() async throws {
    try await withRouter { router in
      let pool = Pool(router: router, activator: AnybodysActivator())
      let child = try await router.local()
      let answer = try await child.call {
        try await ExternalContext.current?.master.callService("renamed.service", "x") ?? ""
      }
      #expect(answer == "renamed")
      #expect(await pool.serviceNames == ["renamed.service"])
      let error = await #expect(throws: CallError.self) {
        try await child.call { _ = try await ExternalContext.current?.master.call(Tally.total) }
      }
      #expect(error?.causes.first?.message == "this program has no service named '\(Tally.name)'")
    }
  }

  @Test func `an activator that makes something else`() async throws {
    try await withRouter { router in
      let pool = Pool(router: router, activator: WrongActivator())
      let error = await #expect(throws: CallError.self) { try await router.myself.call(Tally.total) }
      #expect(error?.message == "the activator made no Tally but a Renamed")
      await pool.close()
    }
  }

  @Test func `what wraps a service on a handle is not made by a call`() async throws {
    try await withRouter { router in
      let child = try await router.local()
      let error = await #expect(throws: CallError.self) {
        try await child.callService("AsyncMitogen.HandleServiceAdapter", "dispatch")
      }
      #expect(error?.message == "No such method: 'dispatch'")
    }
  }

  @Test func `a service that is made by the first call of anybody`() async throws {
    try await withRouter { router in
      let pool = Pool(router: router)
      try await pool.add(Renamed.self)
      #expect(await pool.serviceNames.isEmpty)
      let child = try await router.local()
      let answer = try await child.call { try await ExternalContext.current?.master.call(Renamed.x) }
      #expect(answer == "renamed")
      #expect(await pool.serviceNames == [Renamed.name])
      await #expect(throws: ServiceError("service named 'renamed.service' already registered")) {
        try await pool.add(Renamed.self)
      }
    }
  }
}

/// Waits to be told before it is there.
actor Patient: Service {
  static let handle: Handle = 420_000
  static let constructed = Atomic(0)
  private var count = 0

  init(router: Router) async throws {
    Patient.constructed.add(1, ordering: .relaxed)
    let receiver = Receiver<Int>(router: router)
    try Sender<Sender<Int>>(context: router.context(.master), handle: Patient.handle).post(receiver.sender)
    _ = try await receiver.get()
  }

  func bump() -> Int {
    count += 1
    return count
  }

  static let next = ServiceMethod<Patient, NoArguments, Int>("next", policy: .allowAny) { $0.bump() }
  static var methods: [AnyServiceMethod<Patient>] { next }
  static var invoker: InvokerStrategy { .serialized }
}

/// Cannot be made at first.
actor Reluctant: Service {
  private static let attempts = Atomic(0)

  init(router: Router) throws {
    if Reluctant.attempts.add(1, ordering: .relaxed).oldValue == 0 { throw DiskFull(device: "none") }
  }

  static let greet = ServiceMethod<Reluctant, NoArguments, String>("greet", policy: .allowParents) { _ in "hello" }
  static var methods: [AnyServiceMethod<Reluctant>] { greet }
}

/// Keeps a thread of its process until a method lets it go.
actor Blocker: Service {
  private static let ends: (read: Int32, write: Int32) = {
    var ends: [Int32] = [-1, -1]
    _ = unsafe pipe(&ends)
    return (ends[0], ends[1])
  }()

  init(router: Router) {}

  /// Blocks until released.
  static func block() -> Int {
    var byte: UInt8 = 0
    _ = unsafe read(ends.read, &byte, 1)
    return Int(byte)
  }

  static let release = ServiceMethod<Blocker, NoArguments, Int>("release", policy: .allowParents) { _ in
    var byte: UInt8 = 7
    return unsafe write(ends.write, &byte, 1)
  }
  static var methods: [AnyServiceMethod<Blocker>] { release }
}

/// Remembers what it is told, in order.
actor Recorder: Service {
  struct Note: Codable, Sendable { var number: Int }
  private var numbers: [Int] = []

  init(router: Router) {}

  private func append(_ number: Int) { numbers.append(number) }

  static let note = ServiceMethod<Recorder, Note, NoReply>("note", policy: .allowParents) { recorder, note in
    recorder.append(note.number)
  }
  static let notes = ServiceMethod<Recorder, NoArguments, [Int]>("notes", policy: .allowParents) { $0.numbers }
  static var methods: [AnyServiceMethod<Recorder>] {
    note
    notes
  }
  static var invoker: InvokerStrategy { .serialized }
}

/// Holds a pool in a child.
actor MadeInChild {
  static let shared = MadeInChild()
  private var pool: Pool?

  func set(_ pool: Pool) { self.pool = pool }
  func close() async { await pool?.close() }
}

/// Makes the same service for all names.
struct WrongActivator: ServiceActivator {
  func activate(_ type: any Service.Type, router: Router) async throws -> any Service { Renamed(router: router) }
}

/// Lets everybody make one service.
struct AnybodysActivator: ServiceActivator {
  func isPermitted(_ request: ActivationRequest) -> Bool { true }
  func serviceType(named name: String) -> (any Service.Type)? { name == Renamed.name ? Renamed.self : nil }
}
