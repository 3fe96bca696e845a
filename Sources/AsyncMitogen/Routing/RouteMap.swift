/// The link for each context: an array for the numbers that a master gives out first, a dictionary for the rest.
///
/// Each message is looked up several times; an array answers in a tenth of the time.
struct RouteMap: Sendable {
  /// Below this number contexts are found in the array.
  private static let denseLimit = 65_536

  private var dense: [Int32] = []
  private var sparse: [ContextID: LinkIdentifier] = [:]

  subscript(_ context: ContextID) -> LinkIdentifier? {
    get {
      let index = Int(context.rawValue)
      if index < dense.count { return dense[index] == 0 ? nil : LinkIdentifier(dense[index]) }
      return sparse.isEmpty ? nil : sparse[context]
    }
    set {
      let index = Int(context.rawValue)
      guard index < RouteMap.denseLimit, newValue ?? 0 <= Int(Int32.max) else {
        sparse[context] = newValue
        return
      }
      if index >= dense.count {
        guard newValue != nil else { return }
        let size = min(RouteMap.denseLimit, max(64, index * 2))
        dense.append(contentsOf: repeatElement(0, count: size - dense.count))
      }
      dense[index] = Int32(newValue ?? 0)
    }
  }
}
