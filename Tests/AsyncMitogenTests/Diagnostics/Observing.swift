import AsyncMitogen
import Foundation
import Glibc

/// What tests of diagnostics do in children: also what would change the process of the tests.
enum Observing {
  static func router() throws -> Router {
    guard let current = ExternalContext.current else { throw Opaque() }
    return current.router
  }

  /// Has this process, and those that it starts from here, write what they say of themselves into a directory.
  static func useDirectory(_ path: String) { unsafe setenv("MITOGEN_DIAGNOSTICS_DIRECTORY", path, 1) }

  /// Has a handler of the program's own for the signal that writes dumps.
  static func handleSignal() { _ = signal(SIGUSR2) { _ in } }

  /// Sends this process the signal while a handler, against the rules, blocks the lane until the dump is there; its text.
  static func dumpWhileBlocked(_ router: Router, _ directory: String) async throws -> String {
    let outcome = Receiver<String>(router: router)
    let sender = outcome.sender
    let handle = try router.addHandler { message in
      guard !message.isDead else { return }
      kill(getpid(), SIGUSR2)
      var text = ""
      for _ in 0..<2_000 where text.isEmpty {
        usleep(10_000)
        text = files(in: directory).first.flatMap { Facts.read(directory + "/" + $0) } ?? ""
      }
      try? sender.post(text)
    }
    try router.myself.send([], to: handle)
    return try await outcome.get(timeout: .seconds(30))
  }

  /// Replaces what a context says that it can do.
  static func claim(_ capabilities: String) throws {
    let router = try router()
    try router.addHandler(.capabilities, overwrite: true) { message in
      guard !message.isDead else { return }
      router.post(Message(destination: message.source, handle: message.replyTo, payload: Array(capabilities.utf8)))
    }
  }

  /// The files of a directory, in order of their names.
  static func files(in directory: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []).sorted()
  }

  /// Waits until a directory has files whose names begin so, and all of them end with a whole line.
  static func wait(for prefix: String, count: Int = 1, in directory: String) async throws -> [String] {
    for _ in 0..<2_000 {
      let found = files(in: directory).filter { $0.hasPrefix(prefix) }.map { directory + "/" + $0 }
      if found.count >= count, found.allSatisfy({ Facts.read($0)?.hasSuffix("\n") == true }) { return found }
      try await Task.sleep(for: .milliseconds(10))
    }
    return []
  }
}
