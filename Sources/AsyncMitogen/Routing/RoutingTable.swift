/// Names one link of a router: a stream to a neighbour.
typealias LinkIdentifier = Int

/// Which context is reached over which link, and whether a message may pass.
///
/// Mitogen's `_stream_by_id`, `_async_route` and the tables of its `RouteMonitor`. Pure: it decides, and the router acts.
struct RoutingTable: Sendable {
  /// A neighbour and what has been seen of it.
  struct Link: Sendable {
    /// The context at the other end.
    let remote: ContextID
    /// What every message that comes in on it acts as, if not as what it says.
    var stampedAuthority: ContextID?
    /// Whether that is so only of what the neighbour says for itself, and not of what comes from behind it.
    var stampsNeighbourOnly = false
    /// It takes nothing any more, though what it has sent still comes in.
    var isClosedForSending = false
    /// Contexts that are reached over it, itself included.
    var reachable: Set<ContextID>
    /// Destinations of what came in on it: who must hear of their end.
    var egress: Set<ContextID> = []
    /// Too many destinations to remember: it hears of every end.
    var hearsOfAll = false

    fileprivate mutating func note(_ destination: ContextID) {
      guard !hearsOfAll else { return }
      egress.insert(destination)
      guard egress.count > RoutingTable.maximumEgress else { return }
      hearsOfAll = true
      egress = []
    }
  }

  /// This context.
  let contextID: ContextID
  /// Its parents, nearest first.
  private(set) var parentIDs: [ContextID]
  /// Whether contexts below may talk only to this one and its parents. Mitogen's `unidirectional`.
  var isUnidirectional: Bool
  /// The largest payload.
  let maximumMessageSize: Int
  /// How many contexts one neighbour may announce.
  let maximumRoutesPerLink: Int
  /// How many destinations are remembered for one link.
  static let maximumEgress = 65_536

  private(set) var links: [LinkIdentifier: Link] = [:]
  private var routes = RouteMap()
  /// What has become of the messages so far.
  private(set) var counts = MessageCounts()
  /// Links whose last message went to the same context as this one: its destination is noted already.
  private var lastEgress: (link: LinkIdentifier, destination: ContextID)?
  private var hasStamps = false
  private var hasClosed = false
  /// What this context answers in place of the master.
  private(set) var standIn = StandIn.nothing
  private var nextLink: LinkIdentifier = 1

  init(
    contextID: ContextID, parentIDs: [ContextID], isUnidirectional: Bool = false,
    maximumMessageSize: Int = 128 << 20, maximumRoutesPerLink: Int = 262_144
  ) {
    self.contextID = contextID
    self.parentIDs = parentIDs
    self.isUnidirectional = isUnidirectional
    self.maximumMessageSize = maximumMessageSize
    self.maximumRoutesPerLink = maximumRoutesPerLink
  }

  /// The contexts whose way is known, with what has passed to and from each, in order of their numbers.
  var knownContexts: [RouteMap.Record] { routes.all }

  /// A message could not be delivered, or was dropped.
  mutating func countRefused() { counts.refused &+= 1 }

  /// The nearest parent; nil in a master.
  var parentID: ContextID? { parentIDs.first }

  /// The link to the nearest parent.
  private(set) var parentLink: LinkIdentifier?

  /// The link over which exactly this context is reached.
  func link(to context: ContextID) -> LinkIdentifier? { routes[context] }

  /// The link over which a message to this context leaves: the parent's if it is not known. Mitogen's `stream_by_id`.
  func linkOrParent(to context: ContextID) -> LinkIdentifier? { routes[context] ?? parentLink }

  /// Whether a message acts for this context or a parent of it. Mitogen's `has_parent_authority`.
  func hasParentAuthority(_ message: Message) -> Bool {
    message.authority == contextID || parentIDs.contains(message.authority)
  }

  // MARK: links and routes

  /// A name for a link that is yet to be opened.
  mutating func reserveLink() -> LinkIdentifier {
    defer { nextLink += 1 }
    return nextLink
  }

  /// Opens the link to a neighbour: messages may pass from now on.
  mutating func openLink(
    _ link: LinkIdentifier, to remote: ContextID, stampedAuthority: ContextID? = nil, stampsNeighbourOnly: Bool = false
  ) {
    links[link] = Link(
      remote: remote, stampedAuthority: stampedAuthority, stampsNeighbourOnly: stampsNeighbourOnly, reachable: [remote])
    routes[remote] = link
    if remote == parentID { parentLink = link }
    if stampedAuthority != nil { hasStamps = true }
  }

  /// Adds the link to a neighbour.
  mutating func addLink(to remote: ContextID, stampedAuthority: ContextID? = nil) -> LinkIdentifier {
    let link = reserveLink()
    openLink(link, to: remote, stampedAuthority: stampedAuthority)
    return link
  }

  /// Gives what comes in on a link an authority of its own.
  mutating func stamp(_ link: LinkIdentifier, authority: ContextID?) {
    links[link]?.stampedAuthority = authority
    links[link]?.stampsNeighbourOnly = false
    hasStamps = links.values.contains { $0.stampedAuthority != nil }
  }

  /// A neighbour takes nothing any more: nobody can be reached over the link, but what comes in on it is still heard.
  mutating func closeForSending(_ link: LinkIdentifier) {
    links[link]?.isClosedForSending = true
    hasClosed = true
  }

  /// Removes a link; returns the contexts that can no longer be reached, in order of their numbers.
  mutating func removeLink(_ link: LinkIdentifier) -> [ContextID] {
    guard let removed = links.removeValue(forKey: link) else { return [] }
    if parentLink == link { parentLink = nil }
    lastEgress = nil
    hasClosed = links.values.contains { $0.isClosedForSending }
    let lost = removed.reachable.filter { routes[$0] == link }.sorted()
    for context in lost { routes[context] = nil }
    return lost
  }

  enum AddRouteResult: Sendable, Equatable {
    case added
    case refused(String)
  }

  /// A neighbour announces that it can reach a context.
  mutating func addRoute(to context: ContextID, over link: LinkIdentifier) -> AddRouteResult {
    guard let neighbour = links[link] else { return .refused("ADD_ROUTE on a link that is gone") }
    guard context != contextID, context != .master, !parentIDs.contains(context) else {
      return .refused("context \(neighbour.remote) announced a route to \(context), which is not below it")
    }
    if let existing = routes[context], links[existing]?.remote != parentID {
      guard existing != link else { return .added }
      return .refused(
        "Cannot add duplicate route to \(context) via context \(neighbour.remote), already have existing route via "
          + "context \(links[existing]?.remote.description ?? "?")")
    }
    guard neighbour.reachable.count < maximumRoutesPerLink else {
      return .refused("context \(neighbour.remote) announced more than \(maximumRoutesPerLink) contexts")
    }
    routes[context] = link
    links[link]?.reachable.insert(context)
    return .added
  }

  enum RemoveRouteResult: Sendable, Equatable {
    case removed
    /// It was not known; there is nothing to pass on but perhaps somebody waits for it.
    case unknown
    case refused(String)
  }

  /// A neighbour announces that a context is gone.
  mutating func removeRoute(to context: ContextID, over link: LinkIdentifier) -> RemoveRouteResult {
    guard let registered = routes[context] else { return .unknown }
    guard registered == link else {
      return .refused(
        "received DEL_ROUTE for \(context) from context \(links[link]?.remote.description ?? "?"), "
          + "expected context \(links[registered]?.remote.description ?? "?")")
    }
    // The neighbour itself goes with its link.
    guard links[link]?.remote != context else { return .refused("DEL_ROUTE for a neighbour by itself") }
    routes[context] = nil
    links[link]?.reachable.remove(context)
    return .removed
  }

  /// The links, the parent's aside, over which something was sent to a context; they hear of its end.
  func linksToTell(ofEndOf context: ContextID) -> [LinkIdentifier] {
    let parent = parentLink
    return links.filter { $0.key != parent && ($0.value.hearsOfAll || $0.value.egress.contains(context)) }
      .keys.sorted()
  }

  /// Contexts to which something was sent over each link, the parent's aside, and which cannot be reached any more.
  var lostDestinations: [(link: LinkIdentifier, contexts: [ContextID])] {
    links.filter { $0.key != parentLink }.sorted { $0.key < $1.key }.map { link, state in
      (link, state.egress.filter { routes[$0] == nil && $0 != contextID }.sorted())
    }
  }

  /// The link to the parent is gone on purpose: this context is a root from now on.
  mutating func becomeRoot() {
    parentIDs = []
    parentLink = nil
    standIn = .everything
  }

  /// Whether this context gives out numbers in place of the master, as one does that is about to become a root.
  mutating func standInForIdentifiers(_ standsIn: Bool) { standIn = standsIn ? .identifiers : .nothing }

  /// The highest number of a context that is known here.
  var highestKnownContext: ContextID {
    links.values.flatMap(\.reachable).reduce(max(contextID, parentIDs.max() ?? .master), max)
  }

  // MARK: routing

  enum Decision: Sendable, Equatable {
    case deliver
    case forward(LinkIdentifier)
    /// The sender is told, or, if it can still be reached, the destination.
    case refuse(reason: String, isUnreachable: Bool)
    /// Nobody is told: the sender is not who it says.
    case drop(log: String)
  }

  /// Where a message goes. One that came in on a link is checked, and stamped with that link's authority if it has one.
  mutating func route(_ message: inout Message, from ingress: LinkIdentifier?) -> Decision {
    guard message.payload.count <= maximumMessageSize else {
      return .refuse(reason: DeadReason.tooLarge(maximumMessageSize), isUnreachable: false)
    }
    let parent = parentLink
    var comesFromParentSide = false
    if let ingress {
      let authorityPlace = routes.place(of: message.authority)
      let authorityLink = routes.link(at: authorityPlace) ?? parent
      guard authorityLink == ingress else { return .drop(log: impostor("auth_id", message.authority, ingress)) }
      let sourcePlace = message.source == message.authority ? authorityPlace : routes.place(of: message.source)
      let sourceLink = routes.link(at: sourcePlace) ?? parent
      guard sourceLink == ingress else { return .drop(log: impostor("src_id", message.source, ingress)) }
      comesFromParentSide = sourceLink == parent
      if hasStamps, let link = links[ingress], let stamped = link.stampedAuthority,
        !link.stampsNeighbourOnly || message.authority == link.remote
      {
        message.authority = stamped
      }
      if lastEgress?.link != ingress || lastEgress?.destination != message.destination {
        noteEgress(message.destination, ingress)
        lastEgress = (ingress, message.destination)
      }
      routes.countReceived(at: sourcePlace, bytes: MessageHeader.size + message.payload.count)
    }
    if message.destination == contextID {
      counts.delivered &+= 1
      return .deliver
    }
    if standIn != .nothing, ingress != nil, ingress != parent, message.destination == .master,
      standIn.covers(message.handle)
    {
      counts.delivered &+= 1
      return .deliver
    }
    // What comes from above for a context that is not below goes nowhere: sent back up it would circle.
    let place = routes.place(of: message.destination)
    guard let egress = routes.link(at: place) ?? (comesFromParentSide ? nil : parent) else {
      return .refuse(reason: DeadReason.noRoute(to: message.destination, from: contextID), isUnreachable: true)
    }
    if hasClosed, links[egress]?.isClosedForSending == true {
      return .refuse(reason: DeadReason.noRoute(to: message.destination, from: contextID), isUnreachable: true)
    }
    if let ingress, isUnidirectional, !isPrivileged(ingress, message.source),
      !isPrivileged(egress, message.destination)
    {
      let (from, to) = (links[ingress]?.remote ?? contextID, links[egress]?.remote ?? contextID)
      return .refuse(reason: DeadReason.oneWay(from: from, to: to, via: contextID), isUnreachable: true)
    }
    routes.countSent(at: place, bytes: MessageHeader.size + message.payload.count)
    if ingress == nil { counts.sent &+= 1 } else { counts.forwarded &+= 1 }
    return .forward(egress)
  }

  private mutating func noteEgress(_ destination: ContextID, _ ingress: LinkIdentifier) {
    // In place: a copy of the link would make each new destination copy all others.
    links[ingress]?.note(destination)
  }

  private func isPrivileged(_ link: LinkIdentifier, _ context: ContextID) -> Bool {
    guard let link = links[link] else { return false }
    if parentIDs.contains(link.remote) { return true }
    guard let authority = link.stampedAuthority, !link.stampsNeighbourOnly || context == link.remote else {
      return false
    }
    return authority == contextID || parentIDs.contains(authority)
  }

  private func impostor(_ field: String, _ context: ContextID, _ ingress: LinkIdentifier) -> String {
    let expected = (routes[context] ?? parentLink).flatMap { links[$0]?.remote.description } ?? "nobody"
    return "bad \(field): got \(context) via context \(links[ingress]?.remote.description ?? "?"), not \(expected)"
  }
}
