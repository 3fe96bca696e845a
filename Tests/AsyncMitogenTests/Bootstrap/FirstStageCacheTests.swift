import Foundation
import Testing

@testable import AsyncMitogen

@Suite(.timeLimit(.minutes(2)))
struct FirstStageCacheTests {
  private let place: Scratch
  private let image = TestImage(adding: 100_000)

  init() throws { place = try Scratch() }

  private func run(
    _ cache: ImageCache, shell: [String] = ["sh"], environment: [String: String] = [:]
  ) throws -> FirstStageRun {
    let stage = FirstStage(name: "x", cache: cache, digests: [HostPlatform.name: image.digest, "Linux vax": "00"])
    let run = try FirstStageRun.finished(
      shell, stage, image.payload(compressed: true), environment: environment, place: place)
    #expect(run.report["rest"] == "REST123", "\(shell) \(String(decoding: run.printed, as: UTF8.self)) \(run.errors)")
    #expect(run.leftovers.isEmpty)
    return run
  }

  @Test(arguments: TestImage.shells)
  func `the second time nothing is sent`(shell: [String]) throws {
    let directory = place.path("deep/cache dir")
    #expect(try run(.directory(directory), shell: shell).facts?.isCached == false)
    #expect(try place.names("deep/cache dir") == [image.digest])
    let second = try run(.directory(directory), shell: shell)
    #expect(second.facts?.isCached == true)
    // What crosses before the first frame: the command line one way, a line the other.
    let sent = second.stage.arguments.reduce(0) { $0 + $1.utf8.count + 3 }
    let answered = String(decoding: second.printed, as: UTF8.self).prefix { $0 != "R" }.utf8.count
    #expect(sent + answered <= 2_048 + directory.utf8.count + 30, "\(sent) and \(answered) bytes")
  }

  @Test func `the user's cache is where the user's caches are`() throws {
    #expect(try run(.user).facts?.isCached == false)
    #expect(try place.names("home/.cache/async-mitogen") == [image.digest])
    #expect(try run(.user).facts?.isCached == true)
    #expect(try run(.user, environment: ["XDG_CACHE_HOME": place.path("xdg")]).facts?.isCached == false)
    #expect(try place.names("xdg/async-mitogen") == [image.digest])
    #expect(try run(.user, environment: ["HOME": ""]).facts?.isCached == false)
  }

  @Test func `what was checked and sealed is not read again, and what was written since is`() throws {
    let directory = try place.directory("cache")
    let cache = ImageCache.directory(directory)
    _ = try run(cache)
    let path = directory + "/" + image.digest
    let manager = FileManager.default
    #expect(try manager.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o500)
    // Without a program for digests nothing could be checked.
    let tools = try place.directory("tools")
    for tool in ["sh", "ls", "mkdir", "id", "uname"] {
      let found = try ShellCommand("command -v \(tool)").output.trimmingCharacters(in: .newlines)
      try manager.createSymbolicLink(atPath: tools + "/" + tool, withDestinationPath: found)
    }
    #expect(try run(cache, environment: ["PATH": tools]).facts?.isCached == true)
    // Who writes to it has to break the seal first.
    try manager.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path)
    #expect(try run(cache).facts?.isCached == true)
    try manager.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path)
    let handle = try #require(FileHandle(forWritingAtPath: path))
    try handle.seek(toOffset: 50_000)
    try handle.write(contentsOf: [1, 2, 3])
    try handle.close()
    #expect(try run(cache).facts?.isCached == false)
    #expect(try run(cache).facts?.isCached == true)
  }

  @Test func `what the system refuses to execute is sent anew the next time`() throws {
    let cache = ImageCache.directory(try place.directory("cache"))
    try place.write([0x7f, 0x45, 0x4c, 0x46, 0, 0, 0, 0], "cache/" + image.digest, mode: 0o500)
    let stage = FirstStage(name: "x", cache: cache, digests: [HostPlatform.name: image.digest])
    let failed = try FirstStageRun.finished(["sh"], stage, image.payload(compressed: true), place: place)
    #expect(failed.facts?.isCached == true && failed.report["rest"] == nil)
    #expect(try run(cache).facts?.isCached == false)
  }

  @Test func `what others may write, or has another content, is not run`() throws {
    let directory = try place.directory("cache")
    let cache = ImageCache.directory(directory)
    _ = try run(cache)
    let manager = FileManager.default
    try manager.setAttributes([.posixPermissions: 0o722], ofItemAtPath: directory + "/" + image.digest)
    #expect(try run(cache).facts?.isCached == false)
    #expect(try run(cache).facts?.isCached == true)
    try place.write(Array("#!/bin/sh\necho evil\n".utf8), "cache/" + image.digest, mode: 0o700)
    #expect(try run(cache).facts?.isCached == false)
    #expect(try run(cache).facts?.isCached == true)
    try manager.setAttributes([.posixPermissions: 0o777], ofItemAtPath: directory)
    #expect(try run(cache).facts?.isCached == false)
    try manager.setAttributes([.posixPermissions: 0o700], ofItemAtPath: directory)
    if getuid() == 0 {
      try manager.setAttributes([.ownerAccountID: 12_345], ofItemAtPath: directory + "/" + image.digest)
      #expect(try run(cache).facts?.isCached == false)
    }
    // A link may lead to what others own.
    try manager.moveItem(atPath: directory, toPath: place.path("real"))
    try manager.createSymbolicLink(atPath: directory, withDestinationPath: place.path("real"))
    #expect(try run(cache).facts?.isCached == false)
  }

  @Test func `two that come at once do each other no harm`() async throws {
    let directory = place.path("cache")
    try await withThrowingTaskGroup { group in
      for _ in 0..<6 {
        let (place, image) = (try Scratch(), image)
        group.addTask {
          let stage = FirstStage(
            name: "x", cache: .directory(directory), digests: [HostPlatform.name: image.digest])
          let run = try FirstStageRun.finished(["sh"], stage, image.payload(compressed: true), place: place)
          #expect(run.report["rest"] == "REST123", "\(run.errors)")
        }
      }
      try await group.waitForAll()
    }
    #expect(try place.names("cache") == [image.digest])
    #expect(SHA256.hexadecimal(of: try place.read("cache/" + image.digest)) == image.digest)
  }

  @Test func `what a killed upload left goes with the next one, when nobody can be at it any more`() throws {
    let cache = ImageCache.directory(place.path("cache"))
    let stage = FirstStage(name: "x", cache: cache, digests: [HostPlatform.name: image.digest])
    let killed = try FirstStageRun(stage.arguments, stage, place: place)
    while killed.actions.isEmpty, killed.step() != nil {}
    let payload = image.payload(compressed: true)
    killed.send(payload.announcement + payload.bytes.prefix(20_000))
    // The directory is made once the announcement has been read.
    let half = ".mitogen." + stage.token
    while try !place.names("cache").contains(half) { usleep(1_000) }
    kill(killed.processID, SIGKILL)
    killed.closeInput()
    while killed.step() != nil {}
    killed.wait()
    #expect(try place.names("cache") == [half])
    try place.write([], "cache/.mitogen.link")
    // It could be somebody's who is slow.
    _ = try run(cache)
    #expect(try Set(place.names("cache")) == [half, ".mitogen.link", image.digest])
    let old = [FileAttributeKey.modificationDate: Date(timeIntervalSinceNow: -2 * 86_400)]
    try FileManager.default.setAttributes(old, ofItemAtPath: place.path("cache/" + half))
    // Not for nothing: only who sends an image looks.
    _ = try run(cache)
    #expect(try place.names("cache").contains(half))
    try FileManager.default.removeItem(atPath: place.path("cache/" + image.digest))
    _ = try run(cache)
    #expect(try Set(place.names("cache")) == [".mitogen.link", image.digest])
  }
}
