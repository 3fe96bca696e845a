import Foundation
import Testing

@testable import AsyncMitogen

/// Programs that unpack themselves, made by Docs/pack.
@Suite(.timeLimit(.minutes(2)), .enabled(if: PackedProgram.reason == nil, "\(PackedProgram.reason ?? "")"))
struct PackedProgramTests {
  private let place: Scratch
  private let facts: TargetFacts

  init() throws {
    place = try Scratch()
    let words = HostPlatform.name.split(separator: " ").map(String.init)
    facts = TargetFacts(system: words[0], machine: words[1])
  }

  /// Puts the program into a file; how the shell calls that.
  private func install(_ method: String) throws -> (program: [UInt8], path: String) {
    let program = try #require(PackedProgram.examples[method])
    try place.install(program, method)
    return (program, ShellCommand.quoted(place.path(method)))
  }

  @Test(arguments: PackedProgram.methods)
  func `words, environment, input and status pass`(method: String) throws {
    let path = try install(method).path
    let command = try ShellCommand("printf 'some input' | NAME='a value' \(path) one 'two words' ''")
    let expected = "[\(place.path(method))][one][two words][]\nNAME=a value\nsome input\n"
    #expect(command.output == expected)
    #expect(command.status == 3)
  }

  @Test(arguments: PackedProgram.methods)
  func `it carries itself as it came`(method: String) throws {
    let (program, path) = try install(method)
    let own = try ShellCommand("\(path) copy \(ShellCommand.quoted(place.path("copy"))) </dev/null")
    #expect(own.status == 3)
    let copy = try place.read("copy")
    let trailer = try #require(
      PackedTrailer(lastBytes: Array(copy.suffix(PackedTrailer.size)), fileSize: copy.count))
    #expect(isEqual(Array(copy[trailer.range]), program))
    // So does the one that was never packed.
    #expect(isEqual(copy, PackedProgram.examples["unpacked-" + method]))
    // It has the identity of what is in it.
    let (packed, unpacked) = (try #require(ELFImage(program)), try #require(ELFImage(copy)))
    #expect(packed.buildIdentifier != nil && packed.buildIdentifier == unpacked.buildIdentifier)
    #expect(packed.isStatic && packed.machine == unpacked.machine)
    let start = try #require(packed.packedStart)
    #expect(unpacked.packedStart == nil && (1_000..<20_000).contains(start))
  }

  @Test(arguments: PackedProgram.methods)
  func `it says what it would become`(method: String) throws {
    let path = try install(method).path
    let command = try ShellCommand("cd \(ShellCommand.quoted(place.root)) && \(path) mitogen-unpack >written")
    #expect(command.status == 0 && command.output.isEmpty)
    #expect(isEqual(try place.read("written"), PackedProgram.examples["unpacked-" + method]))
    // Only if that is all it is told.
    #expect(try ShellCommand("\(path) mitogen-unpack more </dev/null").status == 3)
    let full = try ShellCommand("\(path) mitogen-unpack >/dev/full")
    #expect(full.output == "packed program: what it unpacks cannot be written (error 28)\n" && full.status == 126)
  }

  @Test(arguments: PackedProgram.methods)
  func `an image is what came, before and after it unpacked itself`(method: String) async throws {
    let program = try install(method).program
    let unpacked = try install("unpacked-" + method).program
    let came = try await ProgramImage.file(place.path(method)).prepared(for: nil)
    let runs = try await ProgramImage.file(place.path("unpacked-" + method)).prepared(for: nil)
    #expect(came.details.identity == runs.details.identity)
    #expect(came.details.digest == SHA256.hexadecimal(of: program) && came.details.size == program.count)
    #expect(runs.details.digest == SHA256.hexadecimal(of: unpacked) && runs.details.size == unpacked.count)
    let start = try #require(ELFImage(program)?.packedStart)
    let beginning = SHA256.hexadecimal(of: Array(program[..<start]))
    for image in [came, runs] {
      for isNear in [true, false] {
        let payload = try await image.payload(for: facts, isNear: isNear, isKept: false)
        #expect(isEqual(payload.bytes, program) && payload.tellsOfReading)
        #expect(String(decoding: payload.announcement, as: UTF8.self) == "\(beginning) \(start) 0 cat\n")
      }
      let kept = try await image.payload(for: facts, isNear: true, isKept: true)
      let announcement = String(decoding: kept.announcement, as: UTF8.self)
      #expect(isEqual(kept.bytes, program) && !kept.tellsOfReading)
      #expect(announcement.hasPrefix("\(image.details.digest) \(program.count) \(image.details.size / 65_536) "))
      #expect(announcement.split(separator: "\n").count == 1 && announcement.hasSuffix("\n"))
    }
  }

  @Test func `what does not get shorter is sent as it is`() async throws {
    var random = Seeded(21)
    let noise = random.bytes(200_000)
    #expect(!PreparedImage.isWorthCompressing(noise))
    #expect(PreparedImage.isWorthCompressing(noise + [UInt8](repeating: 0, count: 400_000)))
    let program = try #require(PackedProgram.examples["lzma"])
    try place.install(program + noise, "long")
    let payload = try await ProgramImage.file(place.path("long")).prepared(for: nil).payload(compressed: true)
    #expect(isEqual(payload.bytes, program + noise) && payload.announcement.ends(in: " cat\n"))
  }

  @Test(arguments: PackedProgram.methods)
  func `the first stage starts it, and its descriptor is closed`(method: String) throws {
    let program = try install(method).program
    for shell in TestImage.shells {
      let stage = FirstStage(name: "me@host:1")
      let payload = ImagePayload(
        digest: SHA256.hexadecimal(of: program), size: program.count, bytes: program, isCompressed: false)
      let run = try FirstStageRun.finished(shell, stage, payload, place: place)
      let printed = String(decoding: run.printed, as: UTF8.self)
      #expect(printed.hasSuffix("][mitogen:me@host:1]\nthird is closed\nREST123\n"), "\(shell)\n\(printed)")
      #expect(run.leftovers.isEmpty && !run.actions.contains(.imageIsRead))
    }
  }

  // MARK: as it comes

  private func payload(_ method: String, isKept: Bool = false) async throws -> ImagePayload {
    let path = place.path(method)
    return try await ProgramImage.file(path).prepared(for: nil).payload(for: facts, isNear: false, isKept: isKept)
  }

  @Test(arguments: PackedProgram.methods)
  func `the first stage starts its beginning, which takes the rest`(method: String) async throws {
    _ = try install(method)
    let payload = try await payload(method)
    for shell in TestImage.shells {
      for link in [FirstStageRun.Link.pipe, .socket] {
        let run = try FirstStageRun.finished(shell, FirstStage(name: "me@host:1"), payload, link: link, place: place)
        let printed = String(decoding: run.printed, as: UTF8.self)
        #expect(
          printed.hasSuffix("MITOREADS\n[/proc/self/fd/3][mitogen:me@host:1]\nthird is closed\nREST123\n"),
          "\(shell)\n\(printed)\n\(run.errors)")
        #expect(run.leftovers.isEmpty && run.actions.contains(.imageIsRead))
        #expect(run.status == 3 << 8)
      }
    }
  }

  private func failedRun(_ payload: ImagePayload, cutAt limit: Int = .max) throws -> FirstStageRun {
    let stage = FirstStage(name: "x")
    let run = try FirstStageRun(stage.arguments, stage, place: place)
    try run.finish(payload, cutAt: limit)
    #expect(run.leftovers.isEmpty && run.report.isEmpty)
    #expect(!String(decoding: run.printed, as: UTF8.self).contains("[mitogen:"))
    return run
  }

  @Test(arguments: PackedProgram.methods)
  func `what is cut off or damaged on its way is not executed`(method: String) async throws {
    let program = try install(method).program
    let payload = try await payload(method)
    let start = payload.announcement.count + (try #require(ELFImage(program)?.packedStart))
    let end = payload.announcement.count + program.count
    for count in [start, start + 1, start + 30, start + 70_000, end - 1] {
      let run = try failedRun(payload, cutAt: count)
      #expect(run.errors == "packed program: it was cut off on its way\n" && run.status == 126 << 8, "\(count)")
    }
    // Within the beginning it is the first stage that notices.
    #expect([.unpack, .digest].contains(try failedRun(payload, cutAt: start - 1).failure?.cause))
    for place in [start, start + 1, start + 5_000, (start + end) / 2, end - 1] {
      var damaged = program
      damaged[place - payload.announcement.count] ^= 0x10
      let digest = String(decoding: payload.announcement.prefix(64), as: UTF8.self)
      let run = try failedRun(
        ImagePayload(unpacking: damaged, beginning: start - payload.announcement.count, digest: digest))
      #expect(run.errors == "packed program: it was damaged on its way\n" && run.status == 126 << 8, "\(place)")
    }
    var damaged = program
    damaged[1_000] ^= 1
    let digest = String(decoding: payload.announcement.prefix(64), as: UTF8.self)
    let other = ImagePayload(unpacking: damaged, beginning: start - payload.announcement.count, digest: digest)
    #expect(try failedRun(other).failure?.cause == .digest)
  }

  // MARK: in a cache

  @Test(arguments: PackedProgram.methods)
  func `a cache gets what runs`(method: String) async throws {
    let unpacked = try install("unpacked-" + method).program
    let digest = SHA256.hexadecimal(of: unpacked)
    let payload = try await payload("unpacked-" + method, isKept: true)
    for (index, shell) in TestImage.shells.enumerated() {
      let directory = place.path("cache \(index)")
      let stage = FirstStage(name: "x", cache: .directory(directory), digests: [HostPlatform.name: digest])
      for isCached in [false, true] {
        let run = try FirstStageRun.finished(shell, stage, payload, place: place)
        let printed = String(decoding: run.printed, as: UTF8.self)
        #expect(printed.hasSuffix("[mitogen:x]\nthird is closed\nREST123\n"), "\(shell)\n\(printed)\n\(run.errors)")
        #expect(run.facts?.isCached == isCached && run.leftovers.isEmpty && run.errors.isEmpty, "\(run.errors)")
        #expect(try place.names("cache \(index)") == [digest])
      }
      #expect(isEqual(try place.read("cache \(index)/" + digest), unpacked))
    }
  }

  @Test(arguments: PackedProgram.methods)
  func `a cache that cannot be used leaves nothing elsewhere`(method: String) async throws {
    let unpacked = try install("unpacked-" + method).program
    let payload = try await payload("unpacked-" + method, isKept: true)
    let digest = SHA256.hexadecimal(of: unpacked)
    for shell in TestImage.shells {
      let stage = FirstStage(name: "x", cache: .directory("/dev/null/x"), digests: [HostPlatform.name: digest])
      let run = try FirstStageRun.finished(shell, stage, payload, place: place)
      let printed = String(decoding: run.printed, as: UTF8.self)
      let isStarted = printed.contains("[mitogen:x]\n") && printed.hasSuffix("REST123\n")
      #expect(isStarted, "\(shell)\n\(printed)\n\(run.errors)")
      #expect(run.facts?.isCached == false && run.leftovers.isEmpty)
      // What arrived is not what was sent.
      var damaged = payload.bytes
      damaged[damaged.count - 1] ^= 1
      let broken = try FirstStageRun.finished(
        shell, stage, ImagePayload(details: try await details(method), packed: damaged), place: place)
      #expect(broken.failure?.cause == .unpack && broken.leftovers.isEmpty, "\(shell) \(broken.errors)")
    }
  }

  private func details(_ method: String) async throws -> ProgramImage.Details {
    try await ProgramImage.file(place.path("unpacked-" + method)).details()
  }

  @Test func `a thread of C may end by unwinding`() throws {
    let path = try install("lzma").path
    #expect(try ShellCommand("\(path) exit </dev/null").output.hasSuffix("\nthe other thread\n"))
  }

  @Test func `the names of characters are left out, or kept`() throws {
    let root = ShellCommand.quoted(place.root)
    // Tables named as those of Swift's run time are.
    let source = """
      #include <stdio.h>
      volatile char a_swift_stdlib_names[9] = "names", a_swift_stdlib_names_scalars[9] = "scalars",
        a_swift_stdlib_words[9] = "words", a_swift_stdlib_word_indices[9] = "indices", other_names[9] = "other";
      volatile unsigned short a_swift_stdlib_names_scalar_sets[2] = {1, 2};
      int main(void) {
        printf("%s %s %s %s %s %x\\n", (char *)a_swift_stdlib_names, (char *)a_swift_stdlib_names_scalars,
          (char *)a_swift_stdlib_words, (char *)a_swift_stdlib_word_indices, (char *)other_names,
          a_swift_stdlib_names_scalar_sets[1]);
      }
      """
    try place.write(Array(source.utf8), "names.c")
    let build = try ShellCommand("cd \(root) && clang -static -O1 -Wl,--build-id -o names names.c")
    #expect(build.status == 0, "\(build.output)")
    let pack = ShellCommand.quoted(Place.package + "/Docs/pack")
    #expect(try ShellCommand("cd \(root) && \(pack) names short && ./short").output == "    other ffff\n")
    let kept = try ShellCommand("cd \(root) && PACK_NAMES=keep PACK_UNWINDING=keep \(pack) names long && ./long")
    #expect(kept.output == "names scalars words indices other 2\n")
  }

  // MARK: failures

  /// A program without its last byte that matters: what is behind its end reads as zero.
  private func shortened(_ program: [UInt8]) -> [UInt8] {
    Array(program[..<(program.lastIndex { $0 != 0 } ?? 0)])
  }

  @Test(arguments: PackedProgram.methods)
  func `a file that is cut off or damaged says so`(method: String) throws {
    let program = try install(method).program
    let beginning = try #require(ELFImage(program)?.packedStart)
    let start = program.count / 2
    let table: [(bytes: [UInt8], says: String)] = [
      (Array(program[..<start]), "cut off"), (shortened(program), "damaged"),
      (Array(program.dropLast(5_000)), "cut off"),
      // Nobody said that the rest is to be read.
      (Array(program[..<beginning]), "cut off"),
      (program.enumerated().map { $0.offset == start ? $0.element ^ 4 : $0.element }, "damaged"),
    ]
    for (index, (bytes, says)) in table.enumerated() {
      try place.install(bytes, "damaged")
      let command = try ShellCommand("\(ShellCommand.quoted(place.path("damaged"))) </dev/null")
      #expect(
        command.output == "packed program: its file is \(says)\n" && command.status == 126, "\(index): \(command)")
    }
  }

  @Test func `a system without programs in memory says so`() throws {
    let path = try install("fast").path
    let denier = ShellCommand.quoted(try PackedProgram.denier(in: place))
    for call in ["memfd_create", "execveat"] {
      let command = try ShellCommand("\(denier) \(call) \(path) </dev/null")
      #expect(command.output.hasPrefix("packed program: the system ") && command.output.contains(call), "\(command)")
      #expect(command.output.hasSuffix(": use an unpacked one (error 1)\n") && command.status == 126, "\(command)")
    }
    let few = try ShellCommand("exec </dev/null; ulimit -n 3; exec \(path)")
    #expect(few.output.contains("(error 24)") && few.status == 126, "\(few)")
  }

  @Test func `what cannot be packed is refused`() throws {
    let pack = ShellCommand.quoted(Place.package + "/Docs/pack")
    for input in ["/etc/passwd", "/bin/sh", "/nonexistent"] {
      let command = try ShellCommand("\(pack) \(input) \(ShellCommand.quoted(place.path("out")))")
      #expect(command.status != 0 && command.output.hasPrefix("pack: \(input): "), "\(command.output)")
    }
    let (lzma, out) = (try install("lzma").path, ShellCommand.quoted(place.path("out")))
    let unknown = try ShellCommand("PACK_METHOD=best \(pack) \(lzma) \(out)")
    #expect(unknown.output == "pack: PACK_METHOD is lzma or fast, not best\n" && unknown.status == 2)
    #expect(!FileManager.default.fileExists(atPath: place.path("out")))
  }
}

struct PackedTrailerTests {
  private func bytes(_ start: UInt64, _ size: UInt64, mark: [UInt8] = PackedTrailer.mark) -> [UInt8] {
    mark + [start, size].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) } }
  }

  @Test func `only what fills the file is believed`() {
    #expect(PackedTrailer(lastBytes: bytes(100, 50), fileSize: 182)?.range == 100..<150)
    let wrong = [
      (bytes(100, 50), 183), (bytes(0, 150), 182), (bytes(150, 0), 182), (bytes(100, .max), 182), (bytes(.max, 1), 32),
      (bytes(.max, 151), 182), (bytes(100, 50, mark: Array("AMT packed imagf".utf8)), 182), ([], 0), ([1, 2, 3], 3),
      (Array(bytes(100, 50).dropLast()), 182),
    ]
    for (last, size) in wrong { #expect(PackedTrailer(lastBytes: last, fileSize: size) == nil, "\(last) \(size)") }
  }
}

extension Scratch {
  /// Writes a program by the hand of another process: a file that this one has open could not be executed while some
  /// child of another test, which has not executed anything yet, holds it too.
  fileprivate func install(_ program: [UInt8], _ name: String) throws {
    try write(program, name + ".bytes")
    let (from, to) = (ShellCommand.quoted(path(name + ".bytes")), ShellCommand.quoted(path(name)))
    let command = try ShellCommand("cp \(from) \(to) && chmod 755 \(to)")
    try #require(command.status == 0, "\(command.output)")
  }
}

extension [UInt8] {
  fileprivate func ends(in text: String) -> Bool { suffix(text.utf8.count) == Array(text.utf8)[...] }
}
