import AsyncMitogen
import Synchronization

@testable import AsyncMitogenDemo

// The programs of Docs/Services.md, word for word: a test compares them, and runs them.

/// The complete example.
enum ServicesExample {
  static let printed = Mutex<[String]>([])

  /// In place of Swift's.
  static func print(_ items: Any...) {
    let line = items.map { "\($0)" }.joined(separator: " ")
    printed.withLock { $0.append(line) }
  }

  actor Inventory: Service {
    private var hosts: [String: Int] = [:]

    init(router: Router) {}

    private func add(_ host: String, _ cores: Int) -> Int {
      hosts[host] = cores
      return hosts.count
    }

    struct Host: Codable, Sendable {
      var name: String
      var cores: Int
    }

    /// Parents only.
    static let clear = ServiceMethod<Inventory, NoArguments, NoResult>("clear", policy: .allowParents) {
      $0.removeAll()
    }
    /// Everybody, of whom some are children that report what they found.
    static let report = ServiceMethod<Inventory, Host, Int>("report", policy: .allowAny) { inventory, host in
      inventory.add(host.name, host.cores)
    }
    static let cores = ServiceMethod<Inventory, NoArguments, Int>("cores", policy: .allowAny) {
      $0.hosts.values.reduce(0, +)
    }

    static var methods: [AnyServiceMethod<Inventory>] {
      clear
      report
      cores
    }

    private func removeAll() { hosts = [:] }
  }

  struct Program {
    static func main() async throws {
      try await withRouter { router in
        // The master's own services are in a pool that it makes.
        let pool = Pool(router: router, services: [Inventory(router: router)])

        for number in 1...3 {
          let child = try await router.local()
          try await child.call(number) { number in
            guard let master = ExternalContext.current?.master else { return }
            _ = try await master.call(Inventory.report, .init(name: "host \(number)", cores: 2 * number))
          }
        }
        print(try await router.myself.call(Inventory.cores))  // 12

        // Another one, in a child: the first call of a parent makes it there.
        let store = try await router.local()
        print(try await store.call(Inventory.report, .init(name: "elsewhere", cores: 64)))  // 1
        await pool.close()
      }
    }
  }
}

/// The one with a job.
enum JobsExample {
  static let printed = Mutex<[String]>([])

  /// In place of Swift's.
  static func print(_ items: Any...) {
    let line = items.map { "\($0)" }.joined(separator: " ")
    printed.withLock { $0.append(line) }
  }

  /// Packs directories, and tells which is done.
  struct Backup: Job {
    var directories: [String]

    func run(_ channel: JobChannel<Backup>) async throws -> Int {
      for directory in directories {
        // What takes hours.
        try await channel.push("\(directory) is packed")
      }
      return directories.count
    }

    typealias Update = String
  }

  struct Program {
    static func main() async throws {
      try await withRouter { router in
        let host = try await router.local()
        let job = try await JobService.start(Backup(directories: ["/etc", "/home", "/srv"]), in: host)

        // How it goes, until it has ended. `job` can be sent to other contexts, which may listen too, or come back later.
        try await job.listen(on: router) { report in
          print("\(report.updateCount) updates, the last:", report.update ?? "none")
        }
        // What is known now, without waiting.
        if case .succeeded(let count) = try await job.get().state { print(count, "directories") }
        // Waits if it has to; throws what has gone wrong.
        print(try await job.result(on: router))  // 3
      }
    }
  }
}
