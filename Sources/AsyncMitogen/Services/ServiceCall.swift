/// The request that a method runs for; a method's task carries it.
struct ServiceCall: Sendable {
  let message: Message
  let pool: Pool

  @TaskLocal static var current: ServiceCall?

  /// Binds ``current``.
  static var binding: TaskLocal<ServiceCall?> { $current }
}

extension Message {
  /// In a method of a service: the request that it runs for; of a deduplicated one, the first. Else nil.
  ///
  /// Mitogen's parameter `msg`.
  public static var current: Message? { ServiceCall.current?.message }
}

extension Context {
  /// In a method of a service: who called it, bound to this context's router. Else nil.
  public static var caller: Context? {
    ServiceCall.current.map { $0.pool.router.context($0.message.source) }
  }
}

extension Pool {
  /// In a method of a service: the pool that runs it. Else nil.
  public static var current: Pool? { ServiceCall.current?.pool }
}
