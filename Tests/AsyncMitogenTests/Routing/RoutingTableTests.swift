import Testing

@testable import AsyncMitogen

struct RoutingTableTests {
  private func message(
    to destination: ContextID, from source: ContextID, as authority: ContextID? = nil, size: Int = 0
  ) -> Message {
    Message(
      destination: destination, source: source, authority: authority, handle: 1,
      payload: [UInt8](repeating: 0, count: size))
  }

  private func decide(_ table: inout RoutingTable, _ message: Message, _ ingress: Int?) -> RoutingTable.Decision {
    var message = message
    return table.route(&message, from: ingress)
  }

  @Test func `a master routes to its children and what they announce`() {
    var table = RoutingTable(contextID: 0, parentIDs: [])
    let (first, second) = (table.addLink(to: 1), table.addLink(to: 2))
    #expect(table.addRoute(to: 1_002, over: first) == .added)
    #expect(decide(&table, message(to: 0, from: 1), first) == .deliver)
    #expect(decide(&table, message(to: 2, from: 1), first) == .forward(second))
    #expect(decide(&table, message(to: 1_002, from: 0), nil) == .forward(first))
    #expect(decide(&table, message(to: 1, from: 1_002), first) == .forward(first))
    let refusal = RoutingTable.Decision.refuse(reason: "no route to 77, my ID is 0", isUnreachable: true)
    #expect(decide(&table, message(to: 77, from: 0), nil) == refusal)
    #expect(decide(&table, message(to: 77, from: 1), first) == refusal)
  }

  @Test func `nobody passes as somebody else`() {
    var table = RoutingTable(contextID: 0, parentIDs: [])
    let (first, second) = (table.addLink(to: 1), table.addLink(to: 2))
    func isDropped(_ decision: RoutingTable.Decision, _ text: String) -> Bool {
      if case .drop(let log) = decision { return log.hasPrefix(text) }
      return false
    }
    #expect(isDropped(decide(&table, message(to: 0, from: 2), first), "bad auth_id: got 2 via context 1"))
    #expect(isDropped(decide(&table, message(to: 0, from: 1, as: 2), second), "bad src_id: got 1 via context 2"))
    #expect(isDropped(decide(&table, message(to: 0, from: 0), first), "bad auth_id: got 0"))
    #expect(isDropped(decide(&table, message(to: 0, from: 55), first), "bad auth_id: got 55"))
    // In a child, whoever is not below is above.
    var child = RoutingTable(contextID: 5, parentIDs: [0])
    let parent = child.addLink(to: 0)
    let below = child.addLink(to: 6)
    #expect(decide(&child, message(to: 5, from: 99), parent) == .deliver)
    #expect(isDropped(decide(&child, message(to: 5, from: 99), below), "bad auth_id"))
    #expect(isDropped(decide(&child, message(to: 5, from: 6), parent), "bad auth_id"))
  }

  @Test func `what comes from above is not sent back`() {
    var table = RoutingTable(contextID: 5, parentIDs: [0])
    let parent = table.addLink(to: 0)
    let below = table.addLink(to: 6)
    #expect(decide(&table, message(to: 7, from: 6), below) == .forward(parent))
    #expect(decide(&table, message(to: 7, from: 5), nil) == .forward(parent))
    let refusal = RoutingTable.Decision.refuse(reason: "no route to 7, my ID is 5", isUnreachable: true)
    #expect(decide(&table, message(to: 7, from: 0), parent) == refusal)
  }

  @Test func `a stamped link gives authority`() {
    var table = RoutingTable(contextID: 0, parentIDs: [])
    let link = table.addLink(to: 1)
    var plain = message(to: 0, from: 1)
    _ = table.route(&plain, from: link)
    #expect(plain.authority == 1)
    #expect(!table.hasParentAuthority(plain))
    table.stamp(link, authority: 0)
    var stamped = message(to: 0, from: 1)
    _ = table.route(&stamped, from: link)
    #expect(stamped.authority == 0)
    #expect(table.hasParentAuthority(stamped))
    table.stamp(link, authority: nil)
    var again = message(to: 0, from: 1)
    _ = table.route(&again, from: link)
    #expect(again.authority == 1)
  }

  @Test func `parent authority`() {
    let table = RoutingTable(contextID: 5_555, parentIDs: [111, 222])
    #expect(!table.hasParentAuthority(message(to: 0, from: 0, as: 0)))
    #expect(table.hasParentAuthority(message(to: 0, from: 0, as: 5_555)))
    #expect(table.hasParentAuthority(message(to: 0, from: 0, as: 111)))
    #expect(table.hasParentAuthority(message(to: 0, from: 0, as: 222)))
  }

  @Test func `one direction, unless a side is privileged`() {
    var table = RoutingTable(contextID: 3, parentIDs: [0], isUnidirectional: true)
    let parent = table.addLink(to: 0)
    let (first, second) = (table.addLink(to: 10), table.addLink(to: 11))
    let reason = "routing mode prevents forward of message from context 10 to context 11 via context 3"
    #expect(decide(&table, message(to: 11, from: 10), first) == .refuse(reason: reason, isUnreachable: true))
    #expect(decide(&table, message(to: 10, from: 0), parent) == .forward(first))
    #expect(decide(&table, message(to: 0, from: 10), first) == .forward(parent))
    table.stamp(second, authority: 0)
    #expect(decide(&table, message(to: 11, from: 10), first) == .forward(second))
  }

  @Test func `the size limit comes first`() {
    var table = RoutingTable(contextID: 0, parentIDs: [], maximumMessageSize: 10)
    let link = table.addLink(to: 1)
    #expect(decide(&table, message(to: 1, from: 0, size: 10), nil) == .forward(link))
    #expect(
      decide(&table, message(to: 1, from: 0, size: 11), nil)
        == .refuse(reason: "message too large (max 10 bytes)", isUnreachable: false))
  }

  @Test func `routes cannot be taken from others`() {
    var table = RoutingTable(contextID: 5, parentIDs: [2, 0], maximumRoutesPerLink: 3)
    let (first, second) = (table.addLink(to: 10), table.addLink(to: 11))
    func isRefused(_ result: RoutingTable.AddRouteResult) -> Bool { result != .added }
    #expect(table.addRoute(to: 20, over: first) == .added)
    #expect(table.addRoute(to: 20, over: first) == .added)
    #expect(isRefused(table.addRoute(to: 20, over: second)))
    #expect(isRefused(table.addRoute(to: 10, over: second)))
    for id in [5, 0, 2] as [ContextID] { #expect(isRefused(table.addRoute(to: id, over: first))) }
    #expect(table.addRoute(to: 21, over: first) == .added)
    #expect(isRefused(table.addRoute(to: 22, over: first)))
    #expect(table.removeRoute(to: 20, over: second) != .removed)
    #expect(table.removeRoute(to: 10, over: first) != .removed)
    #expect(table.removeRoute(to: 99, over: first) == .unknown)
    #expect(table.removeRoute(to: 20, over: first) == .removed)
    #expect(table.addRoute(to: 20, over: second) == .added)
    #expect(table.removeLink(first) == [10, 21])
    #expect(table.link(to: 21) == nil)
    #expect(table.link(to: 20) == second)
    #expect(table.removeLink(first) == [])
  }

  @Test func `whoever sent to a context hears of its end`() {
    var table = RoutingTable(contextID: 0, parentIDs: [])
    let (first, second) = (table.addLink(to: 1), table.addLink(to: 2))
    #expect(table.linksToTell(ofEndOf: 2).isEmpty)
    _ = decide(&table, message(to: 2, from: 1), first)
    _ = decide(&table, message(to: 2, from: 1), first)
    #expect(table.linksToTell(ofEndOf: 2) == [first])
    _ = decide(&table, message(to: 0, from: 2), second)
    #expect(table.linksToTell(ofEndOf: 0) == [second])
    for number in 0...RoutingTable.maximumEgress {
      _ = decide(&table, message(to: ContextID(rawValue: 1_000 + UInt32(number)), from: 1), first)
    }
    // Too many to remember: it hears of all.
    #expect(table.linksToTell(ofEndOf: 4_000_000) == [first])
    #expect(table.links[first]?.egress.isEmpty == true)
  }

  @Test func `a context that goes on without its parent is a root`() {
    var table = RoutingTable(contextID: 5, parentIDs: [0])
    let parent = table.addLink(to: 0)
    #expect(table.parentLink == parent)
    table.becomeRoot()
    #expect(table.parentLink == nil && table.parentIDs.isEmpty)
    #expect(
      decide(&table, message(to: 0, from: 5), nil) == .forward(parent))
  }

  @Test func `numbers beyond the array are found too`() {
    var map = RouteMap()
    for id in [0, 1, 65_535, 65_536, UInt32.max] as [UInt32] {
      #expect(map[ContextID(rawValue: id)] == nil)
      map[ContextID(rawValue: id)] = Int(id % 97) + 1
    }
    for id in [0, 1, 65_535, 65_536, UInt32.max] as [UInt32] {
      #expect(map[ContextID(rawValue: id)] == Int(id % 97) + 1)
      map[ContextID(rawValue: id)] = nil
      #expect(map[ContextID(rawValue: id)] == nil)
    }
  }
}
