import Foundation
import Testing

@testable import AsyncMitogen

/// The first stage where directories refuse: in a mount namespace, every usual one is a small file system.
@Suite(
  .timeLimit(.minutes(1)),
  .enabled(
    if: getuid() == 0 && (try? ShellCommand("unshare -m true").status) == 0, "needs root and mount namespaces"))
struct FirstStageDirectoryTests {
  private let place: Scratch
  private let image = TestImage(adding: 400_000)

  init() throws { place = try Scratch() }

  /// - Parameter mounts: Directories, in the namespace's view, and the options of what is mounted there.
  private func run(_ mounts: [(String, String)]) throws -> FirstStageRun {
    let stage = FirstStage(name: "x")
    let commands = mounts.map { "mount -t tmpfs -o \($0.1) none \($0.0)" }.joined(separator: " && ")
    let words = ["unshare", "-m", "sh", "-c", "\(commands) && cd /dev/shm && exec \"$@\"", "sh"] + stage.arguments
    let environment = ["HOME": "", "XDG_RUNTIME_DIR": ""]
    let run = try FirstStageRun(words, stage, environment: environment, place: place)
    try run.finish(image.payload(compressed: true))
    return run
  }

  @Test func `programs are not put where they may not run, or find no room`() throws {
    let refusing = [("/dev/shm", "noexec"), ("/tmp", "size=64k"), ("/var/tmp", "ro")]
    let failed = try run(refusing)
    #expect(failed.failure?.cause == .directory, "\(failed.errors)")
    #expect(failed.failure?.detail == "noexec:/dev/shm full:/tmp unwritable:/var/tmp noexec:/dev/shm")
    #expect(failed.status != 0 && failed.report.isEmpty)
    let found = try run(refusing.dropLast() + [("/var/tmp", "size=20m")])
    #expect(found.report["rest"] == "REST123", "\(String(decoding: found.printed, as: UTF8.self)) \(found.errors)")
  }

  @Test func `without proc the file is removed a little later`() throws {
    let stage = FirstStage(name: "x")
    let hidden = "mount -t tmpfs none /proc && exec \"$@\""
    let run = try FirstStageRun(["unshare", "-m", "sh", "-c", hidden, "sh"] + stage.arguments, stage, place: place)
    try run.finish(image.payload(compressed: true))
    #expect(run.report["rest"] == "REST123", "\(run.errors)")
    for _ in 0..<150 where !run.leftovers.isEmpty { usleep(100_000) }
    #expect(run.leftovers.isEmpty)
  }
}
