import AsyncMitogen
import Glibc

/// From nothing to the first reply of a context somewhere else, beside the same program with the command `true`: what
/// `ssh host true` or `sudo true` take until they have ended.
struct ConnectCase {
  /// Connects with the targets' own options, but for the cache.
  private let method: any CommandConnection
  private let words: [String]
  /// What its figures are called.
  private let name: String
  private let limits: Limits
  private let effort: Effort

  /// How many times the floor each figure may be.
  private struct Limits {
    var cached: Double
    var first: Double?
    var together: Double?
  }

  private static let many = 20

  private init(_ spec: TargetSpec, name: String, effort: Effort) throws {
    guard spec.hops.count == 1, let hop = spec.hops.first,
      let method = try hop.connectionMethod(timeout: nil) as? any CommandConnection
    else { throw UnsuitableTarget(spec: "\(spec)") }
    self.method = method
    self.name = name
    self.effort = effort
    words = try method.commandLine(boot: ["true"])
    limits = hop.method == .ssh ? Limits(cached: 1.08, first: 1.4, together: 1.15) : Limits(cached: 1.5)
  }

  /// Each target has to be one hop that asks for nothing.
  static func measure(_ effort: Effort) async throws -> [Figure] {
    var figures: [Figure] = []
    for (index, spec) in effort.targets.enumerated() {
      let name = index == 0 ? "connect" : "connect/\(spec.hops.last?.method.rawValue ?? "")"
      figures += try await ConnectCase(spec, name: name, effort: effort).measure()
    }
    return figures
  }

  private func measure() async throws -> [Figure] {
    // As many as the floor starts at once.
    var configuration = RouterConfiguration()
    configuration.maxConcurrentConnections = 0
    return try await withRouter(configuration: configuration) { router in
      let directory = "/tmp/async-mitogen-bench.\(getpid())"
      let sent = try await connect(on: router, .none)
      do {
        let figures = try await compare(on: router, .directory(directory))
        try await remove(directory, on: router)
        return figures + [Figure("\(name)/prepared", value: Double(sent) / .millisecond, unit: "ms", count: 1)]
      } catch {
        try? await remove(directory, on: router)
        throw error
      }
    }
  }

  private func compare(on router: Router, _ cache: ImageCache) async throws -> [Figure] {
    var (cached, first, together) = (Comparison(), Comparison(), Comparison())
    // The first is not counted: it fills the cache.
    for round in 0...effort.of(15, quick: 3) {
      let (words, many) = (words, ConnectCase.many)
      let ours = try await connect(on: router, cache)
      let floor = try await Floor.measure { try Floor.run(words, count: 1) }
      let sent = try await connect(on: router, .none)
      guard round > 0 else { continue }
      cached.ours.add([ours], per: .millisecond)
      cached.floor.add([floor], per: .millisecond)
      first.ours.add([sent], per: .millisecond)
      first.floor.add([floor], per: .millisecond)
      guard round <= effort.of(5, quick: 1) else { continue }
      together.ours.add([try await connectMany(on: router, cache)], per: .millisecond)
      together.floor.add([try await Floor.measure { try Floor.run(words, count: many) }], per: .millisecond)
    }
    return [
      Figure(name, cached, unit: "ms", target: .atMostTimesFloor(limits.cached)),
      Figure(
        "\(name)/beyond", value: cached.ours.median - cached.floor.median, unit: "ms", count: cached.ours.count),
      Figure("\(name)/sent", first, unit: "ms", target: limits.first.map { .atMostTimesFloor($0) }),
      Figure(
        "\(name)/\(ConnectCase.many)", together, unit: "ms", target: limits.together.map { .atMostTimesFloor($0) }),
    ]
  }

  private func connect(on router: Router, _ cache: ImageCache) async throws -> UInt64 {
    var method = method
    method.options.cache = cache
    let start = Machine.now
    let context = try await router.connect(method)
    _ = try await context.call { 1 }
    let duration = Machine.now - start
    try await context.shutdown()
    return duration
  }

  private func connectMany(on router: Router, _ cache: ImageCache) async throws -> UInt64 {
    var method = method
    method.options.cache = cache
    let cachingMethod = method
    let start = Machine.now
    let contexts = try await withThrowingTaskGroup(of: Context.self) { group in
      for _ in 0..<ConnectCase.many {
        group.addTask {
          let context = try await router.connect(cachingMethod)
          _ = try await context.call { 1 }
          return context
        }
      }
      return try await group.reduce(into: [Context]()) { $0.append($1) }
    }
    let duration = Machine.now - start
    try await Children.shutDown(contexts)
    return duration
  }

  /// Nothing stays over there.
  private func remove(_ directory: String, on router: Router) async throws {
    var method = method
    method.options.cache = ImageCache.none
    let context = try await router.connect(method)
    try await context.call(directory) { directory in
      for name in SystemFile.names(in: directory) { unsafe unlink(directory + "/" + name) }
      unsafe rmdir(directory)
    }
    try await context.shutdown()
  }

  private struct UnsuitableTarget: Error, CustomStringConvertible {
    let spec: String
    var description: String { "\(spec): only one hop, of a program that runs a command, can be measured" }
  }
}
