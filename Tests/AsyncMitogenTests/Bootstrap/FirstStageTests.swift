import Foundation
import Testing

@testable import AsyncMitogen

/// The first stage in every shell that is here.
@Suite(.timeLimit(.minutes(3)))
struct FirstStageTests {
  private let place: Scratch
  private static let platform = HostPlatform.name
  private static let small = TestImage(adding: 100_000)
  private static let large = TestImage(adding: 8_000_000)

  init() throws { place = try Scratch() }

  private func stage(_ image: TestImage = small, _ cache: ImageCache = .none) -> FirstStage {
    FirstStage(name: "me@host:1", cache: cache, digests: [FirstStageTests.platform: image.digest])
  }

  private func expectStarted(_ run: FirstStageRun, _ about: String = "", at line: SourceLocation = #_sourceLocation) {
    let said = "\(about)\n\(String(decoding: run.printed, as: UTF8.self))\n\(run.errors)"
    #expect(run.report["name"] == "mitogen:me@host:1", "\(said)", sourceLocation: line)
    #expect(run.report["marker"] == "1", "\(said)", sourceLocation: line)
    #expect(run.report["rest"] == "REST123", "\(said)", sourceLocation: line)
    #expect(run.actions.last == .ready(BootstrapReport()), "\(said)", sourceLocation: line)
    #expect(run.leftovers.isEmpty, "\(said)", sourceLocation: line)
  }

  @Test func `the text is short and needs no quotes but single ones`() {
    #expect(FirstStage.text.utf8.count <= 1_950)
    #expect(!FirstStage.text.utf8.contains { [0x0a, 0x21, 0x27, 0x5c].contains($0) || $0 > 126 })
    for shell in TestImage.shells {
      let command = shell + ["-n", "-c", FirstStage.text]
      #expect((try? ShellCommand(command.map(ShellCommand.quoted).joined(separator: " ")).status) == 0, "\(shell)")
    }
  }

  @Test(arguments: TestImage.shells)
  func `eight megabytes arrive and what follows them stays in the link`(shell: [String]) throws {
    let image = TestImage.program.isBinary ? FirstStageTests.large : FirstStageTests.small
    let payloads = [image.payload(compressed: true), image.payload(compressed: false)]
    for payload in payloads {
      for link in [FirstStageRun.Link.pipe, .socket] {
        let run = try FirstStageRun.finished(shell, stage(image), payload, link: link, place: place)
        expectStarted(run, "\(shell) \(link)")
      }
    }
  }

  @Test func `sizes around a block are read exactly`() throws {
    for size in [65_535, 65_536, 65_537, 131_072] {
      let program = TestImage.program.bytes
      let image = TestImage(adding: 2 * (max(0, size - program.count % 65_536) / 2))
      let payload = image.payload(compressed: false)
      expectStarted(try FirstStageRun.finished(["sh"], stage(image), payload, place: place), "\(payload.bytes.count)")
    }
  }

  @Test func `a dd that knows no full blocks reads exactly too`() throws {
    let programs = try place.directory("bin")
    let script = #"#!/bin/sh\#ncase "$*" in *iflag*) exit 1;; esac\#nPATH=${PATH#*:} exec dd "$@"\#n"#
    try place.write(Array(script.utf8), "bin/dd", mode: 0o700)
    let path = programs + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")
    let payload = FirstStageTests.small.payload(compressed: true)
    let run = try FirstStageRun.finished(["sh"], stage(), payload, environment: ["PATH": path], place: place)
    expectStarted(run)
  }

  @Test(arguments: ["sh", "bash", "csh", "tcsh", "fish", "zsh", "mksh"].filter(ShellCommand.finds))
  func `any login shell carries the command line`(shell: String) throws {
    let stage = stage()
    let run = try FirstStageRun([shell, "-c", try stage.commandLine()], stage, place: place)
    try run.finish(FirstStageTests.small.payload(compressed: true))
    expectStarted(run, shell)
  }

  @Test func `what no quotes carry is refused, and names are made harmless`() {
    for path in ["/it's", "/wow!", "/back\\slash", "/new\nline"] {
      let stage = FirstStage(name: "x", cache: .directory(path))
      #expect(throws: ProgramImageError.cannotQuote(path)) { try stage.commandLine() }
    }
    #expect(FirstStage(name: "a/b $(x)'\"é").name == "a_b___x_____")
  }

  @Test func `mask and directory stay, and a missing home or directory does not matter`() throws {
    let payload = FirstStageTests.small.payload(compressed: true)
    for mask in ["077", "022", "777"] {
      let stage = stage()
      let words = ["sh", "-c", "umask \(mask); exec \"$@\"", "sh"] + stage.arguments
      let run = try FirstStageRun(words, stage, environment: ["HOME": "", "XDG_RUNTIME_DIR": ""], place: place)
      try run.finish(payload)
      expectStarted(run, mask)
      #expect(run.report["umask"]?.suffix(3) == mask[...])
    }
    let gone = stage()
    let words = ["sh", "-c", #"mkdir "$HOME/x"; cd "$HOME/x"; rmdir "$HOME/x"; exec "$@""#, "sh"] + gone.arguments
    let run = try FirstStageRun(words, gone, place: place)
    try run.finish(payload)
    expectStarted(run)
    #expect(run.report["cwd"] == "/")
    let here = try FirstStageRun.finished(["sh"], stage(), payload, directory: place.root, place: place)
    #expect(here.report["cwd"]?.hasSuffix(String(place.root.split(separator: "/").last ?? "")) == true)
  }

  // MARK: failures

  @Test func `damage is found before anything runs`() throws {
    let image = FirstStageTests.small
    var bytes = image.bytes
    bytes[bytes.count / 3] ^= 1
    let wrong = ImagePayload(digest: image.digest, size: bytes.count, bytes: bytes, isCompressed: false)
    let run = try FirstStageRun.finished(["sh"], stage(), wrong, place: place)
    #expect(run.failure?.cause == .digest && run.report.isEmpty && run.leftovers.isEmpty)
    #expect(run.status != 0)
    let noise = ImagePayload(digest: image.digest, size: bytes.count, bytes: bytes, isCompressed: true)
    #expect(try FirstStageRun.finished(["sh"], stage(), noise, place: place).failure?.cause == .unpack)
  }

  @Test(arguments: TestImage.shells)
  func `a link that breaks leaves nothing`(shell: [String]) throws {
    let payload = FirstStageTests.small.payload(compressed: true)
    let whole = payload.announcement.count + payload.bytes.count
    for limit in [0, 20, payload.announcement.count + 1, payload.announcement.count + 30_000, whole - 128] {
      for cache in [ImageCache.none, .directory(place.path("cache"))] {
        let stage = stage(FirstStageTests.small, cache)
        let run = try FirstStageRun(shell + stage.arguments.dropFirst(), stage, place: place)
        try run.finish(payload, cutAt: limit)
        #expect(run.report.isEmpty && run.failure != nil && run.leftovers.isEmpty, "\(shell) \(limit)")
        #expect(run.status != 0)
        #expect(((try? place.names("cache")) ?? []).isEmpty)
      }
    }
  }

  @Test(arguments: [SIGHUP, SIGTERM, SIGKILL])
  func `a signal in the middle leaves nothing`(signal: Int32) throws {
    let stage = stage()
    let run = try FirstStageRun(stage.arguments, stage, place: place)
    let payload = FirstStageTests.small.payload(compressed: true)
    while run.actions.isEmpty, run.step() != nil {}
    run.send(payload.announcement + payload.bytes.prefix(20_000))
    usleep(200_000)
    kill(run.processID, signal)
    if signal == SIGKILL { usleep(50_000) }
    #expect(signal != SIGKILL || run.leftovers.isEmpty)
    run.closeInput()
    while run.step() != nil {}
    run.wait()
    #expect(run.report.isEmpty && run.leftovers.isEmpty)
    if signal != SIGKILL { #expect(run.failure?.cause == .killed) }
  }

  @Test func `without a program for digests nothing runs`() throws {
    let programs = try place.directory("few")
    for name in ["sh", "dd", "gzip", "ls", "id", "uname", "rm", "mkdir", "touch", "chmod", "cat", "mv"] {
      let found = try ShellCommand("command -v \(name)").output.trimmingCharacters(in: .whitespacesAndNewlines)
      try FileManager.default.createSymbolicLink(atPath: programs + "/" + name, withDestinationPath: found)
    }
    let payload = FirstStageTests.small.payload(compressed: true)
    let run = try FirstStageRun.finished(["sh"], stage(), payload, environment: ["PATH": programs], place: place)
    #expect(run.facts?.hasDigest == false && run.facts?.hasGzip == true)
    #expect(run.failure?.cause == .nodigest && run.report.isEmpty && run.leftovers.isEmpty)
  }

  @Test func `a missing loader is told`() throws {
    let stage = FirstStage(name: "x", requiredFiles: ["/bin/sh", "/nonexistent/ld.so"])
    #expect(try FirstStageRun.finished(["sh"], stage, nil, place: place).facts?.lacksLoader == true)
    let there = FirstStage(name: "x", requiredFiles: ["/bin/sh"])
    #expect(try FirstStageRun.finished(["sh"], there, nil, place: place).facts?.lacksLoader == false)
  }
}
