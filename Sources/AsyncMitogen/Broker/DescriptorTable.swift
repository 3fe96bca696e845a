internal import CAsyncMitogen

/// What a descriptor is ready for.
public struct Readiness: OptionSet, Sendable, Hashable {
  /// The bits, as the poller gives them.
  public let rawValue: UInt32

  /// Makes a set from its bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Something can be read, the end of the data included.
  public static let readable = Readiness(rawValue: AMT_READABLE)
  /// Something can be written.
  public static let writable = Readiness(rawValue: AMT_WRITABLE)
  /// The other side is gone, or the descriptor has failed; told whether asked for or not.
  public static let hangUp = Readiness(rawValue: AMT_HANGUP)
  /// Told beside ``readable``: nothing will come after what is there.
  static let ended = Readiness(rawValue: AMT_ENDED)
  /// Asked for: readiness is told when it begins, not as long as it lasts. Spares the kernel a look at each descriptor
  /// that it has told of before.
  static let edges = Readiness(rawValue: AMT_EDGE)
}

/// Hears what a descriptor is ready for, on the lane.
protocol ReadinessHandler: AnyObject, Sendable {
  func ready(_ readiness: Readiness)
}

/// Which descriptors are watched, for what, and who hears of it.
///
/// Events carry the generation of the registration: one that was found for a descriptor that has been closed since,
/// and whose number another has got, reaches nobody.
struct DescriptorTable: Sendable {
  private struct Entry: Sendable {
    var generation: UInt32
    var interest: Readiness
    var keepsAlive: Bool
    var handler: any ReadinessHandler
  }

  /// By number: the system gives out the lowest that is free.
  private var entries: [Entry?] = []
  private var generation: UInt32 = 0
  private(set) var keepAliveCount = 0

  private func entry(_ descriptor: Int32) -> Entry? {
    descriptor >= 0 && Int(descriptor) < entries.count ? entries[Int(descriptor)] : nil
  }

  /// How many descriptors are watched.
  private(set) var count = 0

  enum Change: Sendable, Equatable {
    case none
    case add(data: UInt64)
    case modify(data: UInt64)
    case remove
  }

  /// Watches a descriptor, in place of what was registered for its number.
  mutating func register(
    _ descriptor: Int32, interest: Readiness, keepsAlive: Bool, handler: any ReadinessHandler
  ) -> Change {
    let replaced = remove(descriptor) == .remove
    generation &+= 1
    let index = Int(descriptor)
    if index >= entries.count { entries.append(contentsOf: repeatElement(nil, count: index + 1 - entries.count)) }
    entries[index] = Entry(generation: generation, interest: interest, keepsAlive: keepsAlive, handler: handler)
    count += 1
    if keepsAlive { keepAliveCount += 1 }
    let data = UInt64(generation) << 32 | UInt64(UInt32(bitPattern: descriptor))
    return replaced ? .modify(data: data) : .add(data: data)
  }

  /// Changes what a descriptor is watched for; nothing if it is not watched.
  mutating func setInterest(_ descriptor: Int32, _ interest: Readiness) -> Change {
    guard let (data, known) = registration(descriptor), known != interest else { return .none }
    entries[Int(descriptor)]?.interest = interest
    return .modify(data: data)
  }

  /// What a descriptor's events carry, and what it is watched for; nil if it is not watched.
  func registration(_ descriptor: Int32) -> (data: UInt64, interest: Readiness)? {
    entry(descriptor).map {
      (UInt64($0.generation) << 32 | UInt64(UInt32(bitPattern: descriptor)), $0.interest)
    }
  }

  /// What a descriptor is watched for; nil if it is not watched.
  func interest(_ descriptor: Int32) -> Readiness? { entry(descriptor)?.interest }

  /// Whether a descriptor is watched for this handler.
  func isRegistered(_ descriptor: Int32, _ handler: any ReadinessHandler) -> Bool {
    entry(descriptor)?.handler === handler
  }

  /// Stops watching; nothing if it is not watched.
  mutating func remove(_ descriptor: Int32) -> Change {
    guard let entry = entry(descriptor) else { return .none }
    entries[Int(descriptor)] = nil
    count -= 1
    if entry.keepsAlive { keepAliveCount -= 1 }
    return .remove
  }

  /// Who is to hear of an event, unless its registration is gone or no longer asks for it.
  func handler(for data: UInt64, _ readiness: Readiness) -> (any ReadinessHandler)? {
    let descriptor = Int32(bitPattern: UInt32(truncatingIfNeeded: data))
    guard let entry = entry(descriptor), entry.generation == UInt32(truncatingIfNeeded: data >> 32) else {
      return nil
    }
    return readiness.isDisjoint(with: entry.interest.union(.hangUp)) ? nil : entry.handler
  }
}
