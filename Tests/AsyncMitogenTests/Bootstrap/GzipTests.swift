import Foundation
import Testing

@testable import AsyncMitogen

@Suite(.timeLimit(.minutes(2)))
struct GzipTests {
  /// The programs that are there of those that unpack on other machines.
  static let readers: [[String]] = [["gzip", "-dc"], ["busybox", "gzip", "-dc"], ["toybox", "zcat"]]
    .filter { ShellCommand.finds($0[0]) }

  /// What came of unpacking with a program; nil if it complained.
  private func unpacked(_ bytes: [UInt8], _ reader: [String]) throws -> [UInt8]? {
    let place = try Scratch()
    try place.write(bytes, "in")
    let (input, output) = (ShellCommand.quoted(place.path("in")), ShellCommand.quoted(place.path("out")))
    let command = try ShellCommand("\(reader.joined(separator: " ")) <\(input) >\(output)")
    return command.status == 0 ? try place.read("out") : nil
  }

  /// Inputs of many kinds: how much they repeat, how far back, how many different bytes.
  static func inputs() -> [[UInt8]] {
    var random = Seeded(7)
    var inputs: [[UInt8]] = [[], [0], [1, 2], [3, 3, 3], Array("abcabcabcabcabcabcabcabcd".utf8)]
    inputs.append([UInt8](repeating: 0, count: 300_000))
    inputs.append(random.bytes(70_000))
    // One more, one less, and exactly as many as a block has tokens.
    for count in [32_767, 32_768, 32_769] { inputs.append(random.bytes(count)) }
    for alphabet in [2, 5, 60] {
      inputs.append((0..<100_000).map { _ in UInt8(truncatingIfNeeded: random.next() >> 20) % UInt8(alphabet) })
    }
    for distance in [1, 2, 258, 4_097, 32_505, 32_506, 32_767, 32_768, 32_769] {
      let piece = random.bytes(distance)
      inputs.append(Array(repeating: piece, count: 3 + 2_000 / distance).flatMap { $0 })
    }
    // Words whose frequencies grow so fast that the longest code words must be cut.
    var steep: [UInt8] = []
    var (one, two) = (1, 1)
    for byte in UInt8(0)..<24 {
      steep += [UInt8](repeating: byte, count: one)
      (one, two) = (two, one + two)
    }
    inputs.append(steep.shuffled(using: &random))
    for _ in 0..<12 {
      var bytes: [UInt8] = []
      while bytes.count < 40_000 {
        if bytes.count > 10, random.next() % 3 > 0 {
          let start = Int(random.next() % UInt64(bytes.count))
          bytes += bytes[start..<min(bytes.count, start + Int(random.next() % 400))]
        } else {
          bytes += random.bytes(Int(random.next() % 20))
        }
      }
      inputs.append(bytes)
    }
    return inputs
  }

  @Test(.enabled(if: !readers.isEmpty, "no program unpacks gzip here"))
  func `what is compressed comes back, through every program`() throws {
    for (index, input) in GzipTests.inputs().enumerated() {
      let packed = GzipCompressor.compress(input)
      #expect(packed.count <= input.count + 24 + 5 * (1 + input.count / 65_535))
      for reader in GzipTests.readers {
        #expect(try unpacked(packed, reader) == input, "input \(index), \(reader.joined(separator: " "))")
      }
    }
  }

  @Test(.enabled(if: ShellCommand.finds("gzip"), "needs gzip"))
  func `a program is about as short as gzip makes it`() throws {
    let place = try Scratch()
    let input = try Array(Data(contentsOf: URL(filePath: "/bin/sh")))
    try place.write(input, "in")
    let theirs = try ShellCommand("gzip -6c \(ShellCommand.quoted(place.path("in"))) | wc -c").output
    let ours = GzipCompressor.compress(input)
    let limit = (Int(theirs.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0) * 103 / 100
    #expect(ours.count <= limit)
    #expect(try unpacked(ours, ["gzip", "-dc"]) == input)
  }

  @Test func `the checksum is CRC-32`() {
    #expect(GzipCompressor.checksum(Array("123456789".utf8)) == 0xcbf4_3926)
    #expect(GzipCompressor.checksum([]) == 0)
  }

  @Test func `codes fill their space exactly, within the limit`() {
    var random = Seeded(3)
    for limit in [7, 15] {
      for _ in 0..<200 {
        let count = limit == 7 ? 19 : 286
        let frequencies = (0..<count).map { _ in
          random.next() % 4 == 0 ? 0 : UInt32(truncatingIfNeeded: 1 << (random.next() % 28))
        }
        let code = HuffmanCode(frequencies: frequencies, limit: limit)
        let used = code.lengths.filter { $0 > 0 }
        #expect(used.count == frequencies.count { $0 > 0 })
        if used.count > 1 { #expect(used.reduce(0) { $0 + 1 << (limit - Int($1)) } == 1 << limit) }
      }
    }
  }
}

/// A directory for a test, which goes when the test does.
final class Scratch: Sendable {
  let root: String

  init() throws {
    root = FileManager.default.temporaryDirectory.appending(path: "first-stage.\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: root) }

  func path(_ name: String) -> String { root + "/" + name }

  /// Makes a directory in it.
  func directory(_ name: String, mode: Int = 0o700) throws -> String {
    try FileManager.default.createDirectory(
      atPath: path(name), withIntermediateDirectories: true, attributes: [.posixPermissions: mode])
    return path(name)
  }

  func write(_ bytes: [UInt8], _ name: String, mode: Int = 0o600) throws {
    try Data(bytes).write(to: URL(filePath: path(name)))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path(name))
  }

  func read(_ name: String) throws -> [UInt8] { try Array(Data(contentsOf: URL(filePath: path(name)))) }

  /// The names in a directory in it, hidden ones too.
  func names(_ name: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path(name)).sorted()
  }
}
