/// The link for each context, and what has passed to and from it: an array for the numbers that a master gives out
/// first, a dictionary for the rest.
///
/// Each message is looked up several times; an array answers in a tenth of the time. The array holds the places of the
/// records, which are few and lie together.
struct RouteMap: Sendable {
  /// What is known of one context.
  struct Record: Sendable {
    var context: ContextID
    var link: LinkIdentifier
    var traffic = Traffic()
  }

  /// Below this number contexts are found in the array.
  private static let denseLimit = 65_536

  /// Places in `records`, plus one; 0 for contexts that are not known.
  private var dense: [Place] = []
  private var sparse: [ContextID: Place] = [:]
  private var records: [Record] = []
  private var free: [Place] = []

  /// Where the record of a context is; 0 if there is none.
  typealias Place = Int32

  subscript(_ context: ContextID) -> LinkIdentifier? {
    get { link(at: place(of: context)) }
    set {
      let place = place(of: context)
      switch (place, newValue) {
      case (0, nil): return
      case (0, let link?): setPlace(of: context, to: add(Record(context: context, link: link)))
      case (_, let link?): records[Int(place) - 1].link = link
      case (_, nil):
        setPlace(of: context, to: 0)
        free.append(place)
        // A record that nobody has is one of no link.
        records[Int(place) - 1].link = 0
      }
    }
  }

  /// What is known of all contexts, in order of their numbers.
  var all: [Record] { records.filter { $0.link != 0 }.sorted { $0.context < $1.context } }

  /// The link in the record at a place; nil if there is none.
  func link(at place: Place) -> LinkIdentifier? { place == 0 ? nil : records[Int(place) - 1].link }

  /// A message has been passed on towards the context at a place.
  mutating func countSent(at place: Place, bytes: Int) {
    if place != 0 { records[Int(place) - 1].traffic.countSent(bytes) }
  }

  /// A message has come from the context at a place.
  mutating func countReceived(at place: Place, bytes: Int) {
    if place != 0 { records[Int(place) - 1].traffic.countReceived(bytes) }
  }

  /// Looked up once for each message, for all that is asked and counted.
  func place(of context: ContextID) -> Place {
    let index = Int(context.rawValue)
    if index < dense.count { return dense[index] }
    return sparse.isEmpty ? 0 : sparse[context] ?? 0
  }

  private mutating func setPlace(of context: ContextID, to place: Place) {
    let index = Int(context.rawValue)
    guard index < RouteMap.denseLimit else {
      sparse[context] = place == 0 ? nil : place
      return
    }
    if index >= dense.count {
      let size = min(RouteMap.denseLimit, max(64, index * 2))
      dense.append(contentsOf: repeatElement(0, count: size - dense.count))
    }
    dense[index] = place
  }

  private mutating func add(_ record: Record) -> Place {
    if let place = free.popLast() {
      records[Int(place) - 1] = record
      return place
    }
    records.append(record)
    return Place(records.count)
  }
}
