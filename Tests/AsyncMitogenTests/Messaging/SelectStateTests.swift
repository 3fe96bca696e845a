import Testing

@testable import AsyncMitogen

/// A Select without queues and tasks: members and waiters are names.
struct SelectStateTests {
  typealias State = SelectState<String, String>

  private func describe(_ claim: State.Claim) -> String {
    switch claim {
    case .member(_, let member): member
    case .nothing: "nothing"
    case .noMembers: "no members"
    case .closed: "closed"
    }
  }

  private func describe(_ signal: State.Signal) -> String {
    switch signal {
    case .nothing: "nothing"
    case .ready: "ready"
    case .handed(let waiter, _, let member): "\(member) to \(waiter)"
    }
  }

  @Test func `members are claimed in the order in which something arrived, each once`() throws {
    var state = State()
    let a = try state.added("a")
    let b = try state.added("b")
    #expect(describe(state.claim()) == "nothing")
    #expect(describe(state.signal(b)) == "ready")
    #expect(describe(state.signal(a)) == "ready")
    #expect(describe(state.signal(b)) == "nothing")
    #expect(describe(state.claim()) == "b")
    #expect(describe(state.claim()) == "a")
    #expect(describe(state.claim()) == "nothing")
  }

  @Test func `a busy member goes to the end of the line`() throws {
    var state = State()
    let a = try state.added("a")
    let b = try state.added("b")
    _ = state.signal(a)
    _ = state.signal(b)
    for _ in 0..<3 {
      #expect(describe(state.claim()) == "a")
      #expect(describe(state.finish(a, hasMore: true)) == "ready")
      #expect(describe(state.claim()) == "b")
      #expect(describe(state.finish(b, hasMore: true)) == "ready")
    }
  }

  @Test func `what arrives during a claim is not forgotten, and not claimed twice`() throws {
    var state = State()
    let a = try state.added("a")
    _ = state.signal(a)
    #expect(describe(state.claim()) == "a")
    #expect(describe(state.signal(a)) == "nothing")
    #expect(describe(state.claim()) == "nothing")
    #expect(describe(state.finish(a, hasMore: false)) == "ready")
    #expect(describe(state.claim()) == "a")
    #expect(describe(state.finish(a, hasMore: false)) == "nothing")
    #expect(describe(state.claim()) == "nothing")
  }

  @Test func `a waiter is given the claim`() throws {
    var state = State()
    let a = try state.added("a")
    state.enter("first", ticket: Ticket(1))
    state.enter("second", ticket: Ticket(2))
    #expect(describe(state.signal(a)) == "a to first")
    #expect(describe(state.signal(a)) == "nothing")
    #expect(describe(state.finish(a, hasMore: false)) == "a to second")
    #expect(state.leave(Ticket(2)) == nil)
  }

  @Test func `who has left is given nothing`() throws {
    var state = State()
    let a = try state.added("a")
    state.enter("first", ticket: Ticket(1))
    #expect(state.leave(Ticket(1)) == "first")
    #expect(describe(state.signal(a)) == "ready")
  }

  @Test func `a removed member is not claimed, and the last one releases who waits`() throws {
    var state = State()
    let a = try state.added("a")
    let b = try state.added("b")
    _ = state.signal(a)
    #expect(state.remove(a)?.released == [])
    #expect(state.remove(a) == nil)
    #expect(describe(state.signal(a)) == "nothing")
    #expect(describe(state.finish(a, hasMore: true)) == "nothing")
    #expect(describe(state.claim()) == "nothing")
    state.enter("w", ticket: Ticket(1))
    #expect(state.remove(b)?.released == ["w"])
    #expect(describe(state.claim()) == "no members")
  }

  @Test func `closing is final`() throws {
    var state = State()
    let a = try state.added("a")
    _ = state.signal(a)
    state.enter("w", ticket: Ticket(1))
    let (members, released) = state.close()
    #expect(members.map(\.1) == ["a"])
    #expect(released == ["w"])
    #expect(describe(state.claim()) == "closed")
    #expect(state.add("b") == nil)
  }

  @Test func `coming and going does not grow the line`() throws {
    var state = State()
    for _ in 0..<10_000 {
      let id = try state.added("a")
      _ = state.signal(id)
      _ = state.remove(id)
    }
    #expect(!state.hasReady || describe(state.claim()) == "no members")
    #expect(state.lineLength <= 64)
  }
}

extension SelectState<String, String> {
  fileprivate mutating func added(_ member: String) throws -> MemberID {
    let id = add(member)
    return try #require(id)
  }
}
