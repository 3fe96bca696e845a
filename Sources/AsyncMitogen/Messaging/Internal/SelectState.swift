/// Names a member of a Select for as long as it is one; no number is used twice.
struct MemberID: Hashable, Sendable {
  fileprivate let number: UInt64
}

/// The members of a Select, which of them may have something to show, and who waits for that.
///
/// A member that something arrived at is put into a line, once; whoever takes it out claims it, asks it for one event,
/// and puts it back at the end if there is more. So members take turns, no event costs a search, and no member is asked
/// by two tasks at once (with `oneshot`, both would get an event).
///
/// Generic over members and waiters, so that tests can use names.
struct SelectState<Member, Waiter> {
  private enum Standing {
    case idle
    case ready
    /// Somebody is asking it.
    case claimed
    /// Something arrived since somebody began to ask it.
    case claimedAndReady
  }

  private struct Entry {
    var member: Member
    var standing = Standing.idle
  }

  /// What an attempt to find a member with something to show ends with.
  enum Claim {
    /// Ask this member, then call ``finish(_:hasMore:)`` or ``remove(_:)``.
    case member(MemberID, Member)
    case nothing
    case noMembers
    case closed
  }

  /// What is to be done when something has arrived.
  enum Signal {
    case nothing
    /// The member was put into the line: a Select that this one is a member of wants to know.
    case ready
    /// This waiter is given the claim on the member.
    case handed(Waiter, MemberID, Member)
  }

  private var members: [MemberID: Entry] = [:]
  /// Members in the line, and members that were removed while they were in it.
  private var line = RingBuffer<MemberID>()
  private var waiters = WaitingLine<Waiter>()
  private var lastNumber: UInt64 = 0

  /// Whether nothing can be added or waited for any more.
  private(set) var isClosed = false

  /// The number of members.
  var count: Int { members.count }
  /// Whether a member may have something to show.
  var hasReady: Bool { !line.isEmpty }
  /// The number of tasks that wait.
  var waiterCount: Int { waiters.count }
  /// How much of the line is kept, removed members included.
  var lineLength: Int { line.count }
  /// The members, in no order.
  var all: [Member] { members.values.map(\.member) }

  /// Whether this is a member.
  func contains(_ id: MemberID) -> Bool { members[id] != nil }

  /// Adds a member with nothing to show; nil if closed.
  mutating func add(_ member: Member) -> MemberID? {
    guard !isClosed else { return nil }
    lastNumber += 1
    let id = MemberID(number: lastNumber)
    members[id] = Entry(member: member)
    return id
  }

  /// Removes a member, nil if it is none. If it was the last, nothing is left to wait for: tell those who do.
  mutating func remove(_ id: MemberID) -> (member: Member, released: [Waiter])? {
    guard let entry = members.removeValue(forKey: id) else { return nil }
    if line.count > 2 * members.count + 32 {
      let present = members
      line.keep { present[$0] != nil }
    }
    return (entry.member, members.isEmpty ? waiters.removeAll() : [])
  }

  /// Notes that a member has something to show.
  mutating func signal(_ id: MemberID) -> Signal {
    guard let index = members.index(forKey: id) else { return .nothing }
    switch members.values[index].standing {
    case .ready, .claimedAndReady: return .nothing
    case .claimed:
      members.values[index].standing = .claimedAndReady
      return .nothing
    case .idle:
      if let waiter = waiters.popFirst() {
        members.values[index].standing = .claimed
        return .handed(waiter, id, members.values[index].member)
      }
      members.values[index].standing = .ready
      line.append(id)
      return .ready
    }
  }

  /// Takes the member that has been in the line longest.
  mutating func claim() -> Claim {
    if isClosed { return .closed }
    if members.isEmpty { return .noMembers }
    while let id = line.popFirst() {
      guard let index = members.index(forKey: id) else { continue }
      members.values[index].standing = .claimed
      return .member(id, members.values[index].member)
    }
    return .nothing
  }

  /// Ends a claim; the member goes to the end of the line if it has more to show.
  mutating func finish(_ id: MemberID, hasMore: Bool) -> Signal {
    guard let index = members.index(forKey: id) else { return .nothing }
    let isReady = hasMore || members.values[index].standing == .claimedAndReady
    members.values[index].standing = .idle
    return isReady ? signal(id) : .nothing
  }

  /// Puts a waiter at the end of the line; only after ``claim()`` found nothing.
  mutating func enter(_ waiter: Waiter, ticket: Ticket) { waiters.append(waiter, ticket: ticket) }

  /// Takes a waiter out of the line, nil if it has been given something already.
  mutating func leave(_ ticket: Ticket) -> Waiter? { waiters.remove(ticket) }

  /// Removes all members, for good.
  mutating func close() -> (members: [(MemberID, Member)], released: [Waiter]) {
    isClosed = true
    let removed = members.map { ($0.key, $0.value.member) }
    members = [:]
    line = RingBuffer()
    return (removed, waiters.removeAll())
  }
}
