import Foundation
import Testing

@testable import AsyncMitogen

@Suite(.timeLimit(.minutes(1)))
struct ProgramImageTests {
  private let host = HostPlatform.name

  @Test func `this program is known, once`() async throws {
    let details = try await ProgramImage.own.details()
    #expect("Linux \(details.machine)" == host && details.identity == ImageIdentity.own.text)
    #expect(details.digest.count == 64 && details.size > 10_000)
    let (one, two) = (try await ProgramImage.own.prepared(for: nil), try await ProgramImage.own.prepared(for: nil))
    #expect(one === two)
    #expect(try await ProgramImage.own.digests() == [host: details.digest])
    #expect(try await ProgramImage.own.requiredFiles() == (details.interpreter.map { [$0] } ?? []))
  }

  @Test func `a file that is replaced is read again, and what was read stays`() async throws {
    let place = try Scratch()
    try place.write(TestImage.program.isBinary ? TestImage(adding: 10).bytes : place.shell(), "program", mode: 0o700)
    let image = ProgramImage.file(place.path("program"))
    let first = try await image.prepared(for: nil)
    try FileManager.default.removeItem(atPath: place.path("program"))
    let payload = try await first.payload(compressed: false)
    #expect(SHA256.hexadecimal(of: payload.bytes) == first.details.digest)
    await #expect(throws: ProgramImageError.self) { try await image.details() }
    try place.write(payload.bytes + [1], "program", mode: 0o700)
    #expect(try await image.details().digest != first.details.digest)
    let packed = try await first.payload(compressed: true)
    #expect(packed.bytes == (try await first.payload(compressed: true)).bytes)
    #expect(String(decoding: packed.announcement, as: UTF8.self).hasSuffix(" gzip -dc\n"))
    var chunks: [UInt8] = []
    var index = 0
    while let chunk = packed.chunk(index, size: 1_000) {
      chunks += chunk
      index += 1
    }
    #expect(chunks == packed.announcement + packed.bytes)
  }

  @Test func `a machine on which it cannot run is refused with advice`() async throws {
    let details = try await ProgramImage.own.details()
    let machine = String(host.split(separator: " ")[1])
    try details.check(against: TargetFacts(system: "Linux", machine: machine))
    let vax = TargetFacts(system: "Linux", machine: "vax")
    #expect(throws: ProgramImageError.wrongMachine(image: host, target: "Linux vax")) {
      try details.check(against: vax)
    }
    #expect(throws: ProgramImageError.noDigestTool) {
      try details.check(against: TargetFacts(system: "Linux", machine: machine, hasDigest: false))
    }
    if let interpreter = details.interpreter {
      #expect(throws: ProgramImageError.missingLoader(path: interpreter)) {
        try details.check(against: TargetFacts(system: "Linux", machine: machine, lacksLoader: true))
      }
    }
    let fleet = ProgramImage.fleet([host: ""])
    #expect(try await fleet.details(for: host) == details)
    await #expect(throws: ProgramImageError.noImage(platform: "Linux vax", known: [host])) {
      try await fleet.details(for: "Linux vax")
    }
    await #expect(throws: ProgramImageError.notAProgram(path: "/etc/passwd")) {
      try await ProgramImage.file("/etc/passwd").details()
    }
    await #expect(throws: ProgramImageError.unreadable(path: "/nonexistent", errorNumber: ENOENT)) {
      try await ProgramImage.file("/nonexistent").details()
    }
  }
}

extension Scratch {
  /// Some program of the machine.
  fileprivate func shell() throws -> [UInt8] { try Array(Data(contentsOf: URL(filePath: "/bin/sh"))) }
}
