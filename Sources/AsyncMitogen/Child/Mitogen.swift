internal import Synchronization

/// This process's place in the tree. Mitogen's package globals.
public enum Mitogen {
  /// The version of this library.
  public static var version: String { "0.1.0" }
  /// Whether this process is the root of its tree, or in none.
  public static var isMaster: Bool { contextID == .master }
  /// The context that this process is; 0 in a master.
  public static var contextID: ContextID { place.withLock { $0.contextID } }
  /// The nearest parent; nil in a master.
  public static var parentID: ContextID? { parentIDs.first }
  /// The parents, nearest first, the master last; empty in a master.
  public static var parentIDs: [ContextID] { place.withLock { $0.parentIDs } }

  private struct Place {
    var contextID = ContextID.master
    var parentIDs: [ContextID] = []
  }

  private static let place = Mutex(Place())

  static func setPlace(contextID: ContextID, parentIDs: [ContextID]) {
    place.withLock { $0 = Place(contextID: contextID, parentIDs: parentIDs) }
  }
}
