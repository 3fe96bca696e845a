internal import AsyncMitogen

/// A service that has something to do, so that there is something to see: its methods end in all ways.
actor Errands: Service {
  init(router: Router) {}

  /// How long a slow one takes.
  static let slowness = Duration.milliseconds(50)

  static let quick = ServiceMethod<Errands, NoArguments, NoResult>("quick", policy: .allowAny) { _ in }
  static let slow = ServiceMethod<Errands, NoArguments, NoResult>("slow", policy: .allowAny) { _ in
    try await Task.sleep(for: slowness)
  }
  static let failing = ServiceMethod<Errands, NoArguments, NoResult>("failing", policy: .allowAny) { _ in
    throw ServiceError("this errand fails")
  }
  static let forbidden = ServiceMethod<Errands, NoArguments, NoResult>(
    "forbidden", policy: Policy { _ in false }
  ) { _ in }

  static var methods: [AnyServiceMethod<Errands>] {
    quick
    slow
    failing
    forbidden
  }

  /// Calls them by turns, here and in the master, so often a second, until the task is cancelled or the master is gone.
  ///
  /// No more than ``limit`` calls wait for their ends: where they take longer, there are fewer of them.
  static func run(perSecond rate: Int, from here: ExternalContext) async throws {
    let places = [here.router.myself, here.master]
    let kinds = [quick, quick, slow, quick, failing, quick, quick, slow, quick, forbidden]
    try await withThrowingTaskGroup(of: Void.self) { group in
      let start = ContinuousClock.now
      for number in 0... {
        if number >= limit { try await group.next() }
        try await Task.sleep(until: start + .seconds(Double(number) / Double(rate)), clock: .continuous)
        let (place, kind) = (places[number % 2], kinds[number / 2 % kinds.count])
        group.addTask {
          // That some fail is what they are for.
          do { try await place.call(kind) } catch is CallError {}
        }
      }
    }
  }

  private static let limit = 64
}
