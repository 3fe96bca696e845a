import Foundation
import Testing

@testable import AsyncMitogen

/// Programs that unpack themselves, made by Docs/pack.
@Suite(.timeLimit(.minutes(2)), .enabled(if: PackedProgram.reason == nil, "\(PackedProgram.reason ?? "")"))
struct PackedProgramTests {
  private let place: Scratch
  private let program: [UInt8]

  init() throws {
    place = try Scratch()
    program = try #require(PackedProgram.example)
    try place.install(program, "packed")
  }

  private var path: String { ShellCommand.quoted(place.path("packed")) }

  @Test func `words, environment, input and status pass`() throws {
    let command = try ShellCommand("printf 'some input' | NAME='a value' \(path) one 'two words' ''")
    let expected = "[\(place.path("packed"))][one][two words][]\nNAME=a value\nsome input\n"
    #expect(command.output == expected)
    #expect(command.status == 3)
  }

  @Test func `it carries itself as it came`() throws {
    let place = place
    let own = try ShellCommand("\(path) copy \(ShellCommand.quoted(place.path("copy"))) </dev/null")
    #expect(own.status == 3)
    let copy = try place.read("copy")
    let trailer = try #require(
      PackedTrailer(lastBytes: Array(copy.suffix(PackedTrailer.size)), fileSize: copy.count))
    #expect(Array(copy[trailer.range]) == program)
    // It has the identity of what is in it.
    let (packed, unpacked) = (try #require(ELFImage(program)), try #require(ELFImage(copy)))
    #expect(packed.buildIdentifier != nil && packed.buildIdentifier == unpacked.buildIdentifier)
    #expect(packed.isStatic && packed.machine == unpacked.machine)
  }

  @Test func `an image is what came, before and after it unpacked itself`() async throws {
    let copy = ShellCommand.quoted(place.path("copy"))
    #expect(try ShellCommand("\(path) copy \(copy) </dev/null && exit 1; chmod 755 \(copy)").status == 0)
    let came = try await ProgramImage.file(place.path("packed")).prepared(for: nil)
    let runs = try await ProgramImage.file(place.path("copy")).prepared(for: nil)
    #expect(came.details == runs.details)
    #expect(came.details.digest == SHA256.hexadecimal(of: program))
    for image in [came, runs] {
      // Nothing is gained by compressing it again; but such a small program is not looked at.
      let payload = try await image.payload(compressed: false)
      #expect(payload.bytes == program && payload.announcement.ends(in: " cat\n"))
    }
  }

  @Test func `what does not get shorter is sent as it is`() async throws {
    var random = Seeded(21)
    let noise = random.bytes(200_000)
    #expect(!PreparedImage.isWorthCompressing(noise))
    #expect(PreparedImage.isWorthCompressing(noise + [UInt8](repeating: 0, count: 400_000)))
    try place.install(program + noise, "long")
    let payload = try await ProgramImage.file(place.path("long")).prepared(for: nil).payload(compressed: true)
    #expect(payload.bytes == program + noise && payload.announcement.ends(in: " cat\n"))
  }

  @Test func `the first stage starts it, and its descriptor is closed`() throws {
    for shell in TestImage.shells {
      let stage = FirstStage(name: "me@host:1")
      let payload = ImagePayload(
        digest: SHA256.hexadecimal(of: program), size: program.count, bytes: program, isCompressed: false)
      let run = try FirstStageRun.finished(shell, stage, payload, place: place)
      let printed = String(decoding: run.printed, as: UTF8.self)
      #expect(printed.hasSuffix("][mitogen:me@host:1]\nthird is closed\nREST123\n"), "\(shell)\n\(printed)")
      #expect(run.leftovers.isEmpty)
    }
  }

  @Test func `a thread of C may end by unwinding`() throws {
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

  @Test func `a file that is cut off or damaged says so`() throws {
    let start = try #require(program.lastIndex(of: 0x5d).map { _ in program.count / 2 })
    let table: [(bytes: [UInt8], says: String)] = [
      (Array(program[..<start]), "cut off"), (shortened(program), "damaged"),
      (Array(program.dropLast(5_000)), "cut off"),
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
