import Foundation
import Testing

@testable import AsyncMitogen

/// The file that runs here, run by another account.
@Suite(.timeLimit(.minutes(1)))
struct OwnFileTests {
  private let place: Scratch
  private let image = TestImage(adding: 100)

  init() throws { place = try Scratch() }

  private func install(mode: Int = 0o755) throws -> OwnFile? {
    let folder = try place.directory("bin", mode: 0o755)
    try place.write(image.bytes, "bin/program", mode: mode)
    try? FileManager.default.removeItem(atPath: place.path("link"))
    try FileManager.default.createSymbolicLink(
      atPath: place.path("link"), withDestinationPath: folder + "/program")
    return OwnFile(at: place.path("link"))
  }

  private func run(_ file: OwnFile, _ shell: [String] = ["sh"]) throws -> FirstStageRun {
    let stage = FirstStage(name: "me@host:1", ownFile: file)
    return try FirstStageRun.finished(shell, stage, image.payload(compressed: true), place: place)
  }

  @Test(arguments: TestImage.shells)
  func `nothing is sent where it is`(shell: [String]) throws {
    let file = try #require(try install())
    #expect(file.path == place.path("bin/program"))
    let run = try run(file, shell)
    #expect(run.facts?.isCached == true && run.report["rest"] == "REST123", "\(run.errors)")
    #expect(run.leftovers.isEmpty)
  }

  @Test func `another file under its name is not run: it is sent`() throws {
    let file = try #require(try install())
    let others = [
      OwnFile(path: file.path, number: file.number + 1),
      OwnFile(path: file.path, number: file.number / 10),
      OwnFile(path: file.path + "x", number: file.number),
    ]
    for other in others {
      let run = try run(other)
      #expect(run.facts?.isCached == false && run.report["rest"] == "REST123", "\(other): \(run.errors)")
    }
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file.path)
    #expect(try run(file).facts?.isCached == false)
  }

  @Test func `what others may exchange is not offered`() throws {
    #expect(try install(mode: 0o775) == nil)
    #expect(try install(mode: 0o757) == nil)
    #expect(try install() != nil)
    for mode in [0o777, 0o775] {
      try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: place.path("bin"))
      #expect(OwnFile(at: place.path("link")) == nil)
    }
    // As in /tmp: others may add files, but not take away this one.
    try FileManager.default.setAttributes([.posixPermissions: 0o1777], ofItemAtPath: place.path("bin"))
    #expect(OwnFile(at: place.path("link")) != nil)
    if getuid() == 0 {
      try FileManager.default.setAttributes([.ownerAccountID: 12_345], ofItemAtPath: place.path("bin"))
      #expect(OwnFile(at: place.path("link")) == nil)
    }
  }

  @Test func `what is gone, is no file or has a name that a shell reads is not offered`() throws {
    #expect(OwnFile(at: place.path("nothing")) == nil)
    for target in ["/dev/null", place.root, place.path("nothing"), "relative"] {
      try? FileManager.default.removeItem(atPath: place.path("other"))
      try FileManager.default.createSymbolicLink(atPath: place.path("other"), withDestinationPath: target)
      #expect(OwnFile(at: place.path("other")) == nil, "\(target)")
    }
    try place.write(image.bytes, "a b", mode: 0o755)
    try FileManager.default.createSymbolicLink(atPath: place.path("third"), withDestinationPath: place.path("a b"))
    #expect(OwnFile(at: place.path("third")) == nil)
  }
}
