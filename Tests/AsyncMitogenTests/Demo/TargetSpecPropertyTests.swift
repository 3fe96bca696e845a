import AsyncMitogen
import Testing

@testable import AsyncMitogenDemo

@Suite struct `Any target` {
  /// Numbers that are the same in each run.
  private struct Numbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 33) << 32 ^ (state >> 17)
    }
  }

  private static let characters = Array("abzAZ019-._~/:?&=%@[]#+, \t\"'\\$äß漢🙂")

  private static func text(_ numbers: inout Numbers) -> String {
    let first = Character("x")
    return String(
      [first]
        + (0..<Int.random(in: 0...12, using: &numbers)).compactMap { _ in
          characters.randomElement(using: &numbers)
        })
  }

  private static func value(of name: String, _ numbers: inout Numbers) -> String {
    switch name {
    case "port": String(Int.random(in: 1...65_535, using: &numbers))
    case "hostname":
      Bool.random(using: &numbers)
        ? "2001:db8::\(Int.random(in: 1...9, using: &numbers))%\(text(&numbers))" : "k3.example"
    case "kind": SetnsConnection.Kind.allCases.randomElement(using: &numbers)?.rawValue ?? ""
    case "check_host_keys": HostKeyChecking.allCases.randomElement(using: &numbers)?.rawValue ?? ""
    case "connect_timeout": "\(Double(Int.random(in: 1...400, using: &numbers)) / 4)"
    case "keepalive_interval", "keepalive_count", "ssh_debug_level": String(Int.random(in: 0...9, using: &numbers))
    case "debug", "profiling", "unidirectional", "compression", "identities_only", "keepalive_enabled", "interactive",
      "preserve_env", "set_home", "login":
      String(Bool.random(using: &numbers))
    default: text(&numbers)
    }
  }

  private static func hop(_ numbers: inout Numbers) throws -> TargetHop {
    let method = try #require(HopMethod.allCases.randomElement(using: &numbers))
    var options: [String: [String]] = [:]
    let needed: Set<String> = ["hostname", "pod", "kind", "container"]
    for option in method.syntax.options where option.name != "image" {
      guard needed.contains(option.name) || Int.random(in: 0..<4, using: &numbers) == 0 else { continue }
      let count = option.repeats ? Int.random(in: 1...3, using: &numbers) : 1
      options[option.name] = (0..<count).map { _ in value(of: option.name, &numbers) }
    }
    if method == .docker, Bool.random(using: &numbers) {
      options["container"] = nil
      options["image"] = [text(&numbers)]
    }
    return try TargetHop(method, options: options)
  }

  @Test(arguments: 0..<20) func `Written and read again is the same`(_ seed: UInt64) throws {
    var numbers = Numbers(state: seed)
    for _ in 0..<25 {
      let hops = try (0..<Int.random(in: 1...4, using: &numbers)).map { _ in try Self.hop(&numbers) }
      let spec = TargetSpec(hops)
      let copy = try TargetSpec(parsing: spec.revealedText)
      #expect(copy == spec && copy.revealedText == spec.revealedText, "\(spec.revealedText)")
      #expect(copy.label == spec.label && copy.description == spec.description)
    }
  }

  @Test(arguments: 0..<20) func `Any text is read or refused on one line`(_ seed: UInt64) {
    var numbers = Numbers(state: seed)
    let words = HopMethod.allCases.map(\.rawValue) + ["?", ":", "/", "&", "=", "@", "[", "]", "%", "port", "password"]
    for _ in 0..<50 {
      let text = (0..<Int.random(in: 0...10, using: &numbers)).map { _ in
        words.randomElement(using: &numbers) ?? ""
      }.joined()
      do {
        let spec = try TargetSpec(parsing: text)
        #expect((try? TargetSpec(parsing: spec.revealedText)) == spec, "\(text)")
      } catch {
        #expect(!error.description.contains("\n"))
      }
    }
  }
}
