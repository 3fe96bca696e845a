/// What a function that has been called in a context can reach of the tree. Mitogen's `ExternalContext`.
public struct ExternalContext: Sendable {
  /// The one of the call that is going on; nil outside of calls, as in a master.
  public static var current: ExternalContext? { storage }

  @TaskLocal static var storage: ExternalContext?

  /// Binds and reads ``current``.
  static var binding: TaskLocal<ExternalContext?> { $storage }

  /// The router of this context: it can start contexts below this one, and send messages.
  public let router: Router
  /// The context that started this one.
  public var parent: Context { router.context(router.parentIDs.first ?? .master) }
  /// The root of the tree.
  public var master: Context { router.context(.master) }

  init(router: Router) { self.router = router }
}
