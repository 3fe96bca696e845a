import Testing

@testable import AsyncMitogen

/// The steps from a child to a root.
struct DetachmentTests {
  private let request = Message(destination: .master, source: 9, handle: .allocateID, replyTo: 1_000)

  @Test func `one step after the other, and none twice`() {
    var detachment = Detachment()
    #expect(!detachment.reserve(5..<6) && detachment.acknowledge() == nil && detachment.fail() == nil)
    #expect(detachment.begin() && !detachment.begin())
    #expect(detachment.isGoingOn && detachment.holdsRequests)
    #expect(detachment.acknowledge() == nil)
    #expect(detachment.hold(request) == nil)
    #expect(detachment.reserve(5..<6) && !detachment.reserve(7..<8))
    #expect(detachment.firstNumber == 5)
    #expect(detachment.hold(request) == nil)
    #expect(detachment.acknowledge()?.count == 2)
    #expect(detachment.phase == .leaving && !detachment.holdsRequests && detachment.isGoingOn)
    #expect(detachment.fail() == nil)
    #expect(detachment.finish().isEmpty)
    #expect(detachment.phase == .detached && !detachment.isGoingOn && !detachment.begin())
  }

  @Test func `a refusal gives back what was held, and it can begin again`() {
    for asks in [false, true] {
      var detachment = Detachment()
      #expect(detachment.begin() == true)
      #expect(detachment.hold(request) == nil)
      if asks { #expect(detachment.reserve(5..<6) == true) }
      #expect(detachment.fail()?.count == 1)
      #expect(detachment.phase == .attached && detachment.firstNumber == nil)
      #expect(detachment.begin() == true)
    }
  }

  @Test func `the end of the parent completes it at any step`() {
    for steps in 0..<3 {
      var detachment = Detachment()
      #expect(detachment.begin() == true)
      #expect(detachment.hold(request) == nil)
      if steps > 0 { #expect(detachment.reserve(5..<6) == true) }
      if steps > 1 { #expect(detachment.acknowledge()?.count == 1) }
      #expect(detachment.finish().count == (steps > 1 ? 0 : 1))
      #expect(detachment.phase == .detached)
      #expect(!detachment.reserve(8..<9) && detachment.fail() == nil)
    }
  }

  @Test func `what waits is bounded`() {
    var detachment = Detachment()
    #expect(detachment.begin() == true)
    for _ in 0..<Detachment.heldLimit { #expect(detachment.hold(request) == nil) }
    #expect(detachment.hold(request) != nil)
  }

  // MARK: numbers

  @Test func `a root gives out what is its own from one number on`() {
    var allocator = ContextIDAllocator.root(from: 5_000)
    #expect(allocator.allocate() == 5_000)
    #expect(allocator.allocateBlock() == 5_001..<6_001)
    #expect(allocator.allocate() == 6_001)
    // A block that comes late changes nothing.
    allocator.receive(7..<8)
    #expect(allocator.allocate() == 6_002)
  }

  @Test func `one that was given no number keeps clear of what others may have`() {
    var allocator = ContextIDAllocator.root(beyond: 1_000)
    #expect(allocator.allocate() == ContextID(rawValue: 1_000 + (.max - 1_000) / 2))
    var last = ContextIDAllocator.root(beyond: ContextID(rawValue: .max))
    #expect(last.allocate() == nil && last.allocateBlock() == nil)
  }

  // MARK: the table

  private func decide(_ table: inout RoutingTable, _ message: Message, _ ingress: Int?) -> RoutingTable.Decision {
    var message = message
    return table.route(&message, from: ingress)
  }

  @Test func `a root answers what those below ask of the master, and nothing else of it`() {
    var table = RoutingTable(contextID: 5, parentIDs: [1, 0])
    let parent = table.addLink(to: 1)
    let below = table.addLink(to: 9)
    let log = Message(destination: .master, source: 9, handle: .forwardLog)
    let call = Message(destination: .master, source: 9, handle: .callService)
    #expect(decide(&table, request, below) == .forward(parent))
    table.standInForIdentifiers(true)
    #expect(decide(&table, request, below) == .deliver)
    #expect(decide(&table, log, below) == .forward(parent))
    // Its own question goes up.
    let own = Message(destination: .master, source: 5, handle: .allocateID)
    #expect(decide(&table, own, nil) == .forward(parent))
    table.standInForIdentifiers(false)
    #expect(decide(&table, request, below) == .forward(parent))
    #expect(table.removeLink(parent) == [1])
    #expect(table.lostDestinations.map(\.contexts) == [[0]])
    table.becomeRoot()
    #expect(decide(&table, request, below) == .deliver)
    #expect(decide(&table, log, below) == .deliver)
    #expect(decide(&table, call, below) == .refuse(reason: "no route to 0, my ID is 5", isUnreachable: true))
    #expect(decide(&table, own, nil) == .refuse(reason: "no route to 0, my ID is 5", isUnreachable: true))
    // Nobody below passes as the master or the parent.
    for impostor: ContextID in [0, 1] {
      let message = Message(destination: 5, source: impostor, handle: .callFunction)
      guard case .drop = decide(&table, message, below) else {
        Issue.record("\(impostor) passes")
        continue
      }
    }
    #expect(!table.hasParentAuthority(Message(destination: 5, source: 0, handle: 1)))
  }

  @Test func `a neighbour that takes nothing more is still heard`() {
    var table = RoutingTable(contextID: 0, parentIDs: [])
    let link = table.addLink(to: 1)
    #expect(table.addRoute(to: 2, over: link) == .added)
    table.closeForSending(link)
    for context: ContextID in [1, 2] {
      let refusal = RoutingTable.Decision.refuse(reason: "no route to \(context), my ID is 0", isUnreachable: true)
      #expect(decide(&table, Message(destination: context, source: 0, handle: 1), nil) == refusal)
      #expect(decide(&table, Message(destination: 0, source: context, handle: 1), link) == .deliver)
    }
    #expect(table.removeLink(link) == [1, 2])
  }

  @Test func `the authority of a listener is its client's alone`() {
    var table = RoutingTable(contextID: 5, parentIDs: [0], isUnidirectional: true)
    _ = table.addLink(to: 0)
    let other = table.addLink(to: 7)
    let link = table.reserveLink()
    table.openLink(link, to: 8, stampedAuthority: 5, stampsNeighbourOnly: true)
    #expect(table.addRoute(to: 9, over: link) == .added)
    var message = Message(destination: 5, source: 8, handle: 1)
    #expect(table.route(&message, from: link) == .deliver)
    #expect(message.authority == 5 && table.hasParentAuthority(message))
    message = Message(destination: 5, source: 9, handle: 1)
    #expect(table.route(&message, from: link) == .deliver)
    #expect(message.authority == 9 && !table.hasParentAuthority(message))
    // What is said in its name by those behind it is its own business: nobody else can tell.
    message = Message(destination: 5, source: 9, authority: 8, handle: 1)
    #expect(table.route(&message, from: link) == .deliver)
    #expect(message.authority == 5)
    // In one direction only: the client may talk to others, those behind it may not.
    #expect(decide(&table, Message(destination: 7, source: 8, handle: 1), link) == .forward(other))
    #expect(decide(&table, Message(destination: 8, source: 7, handle: 1), other) == .forward(link))
    guard case .refuse = decide(&table, Message(destination: 7, source: 9, handle: 1), link) else {
      Issue.record("a child of the client talks to others")
      return
    }
  }
}
