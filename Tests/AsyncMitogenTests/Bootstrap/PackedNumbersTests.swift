import Foundation
import Testing

@testable import AsyncMitogen

/// What packing does to the vectors and rarer numbers of Swift.
@Suite(
  .timeLimit(.minutes(2)),
  .enabled(
    if: PackedProgram.isSwiftWanted, "builds Swift programs; wants AMT_PACKED_PROGRAMS=1, clang, ld.lld, xz and swiftc")
)
struct PackedNumbersTests {
  /// Builds a program, and packs it with them and without; returns what each prints, and how long it is.
  private func pack(_ source: String) async throws -> [(output: String, size: Int)] {
    try await onOwnThread { Result { try packOnThread(source) } }.get()
  }

  private func packOnThread(_ source: String) throws -> [(output: String, size: Int)] {
    let place = try Scratch()
    try place.write(Array(source.utf8), "main.swift")
    let pack = ShellCommand.quoted(Place.package + "/Docs/pack")
    let build = try ShellCommand(
      """
      cd \(ShellCommand.quoted(place.root)) && export PACK_EFFORT=1 &&
      swiftc -Osize -static-executable main.swift -o main -use-ld=lld -Xlinker --build-id -Xlinker --gc-sections -Xlinker --emit-relocs 2>/dev/null &&
      PACK_NUMBERS=keep \(pack) main keep && \(pack) main drop
      """)
    try #require(build.status == 0, "\(build.output)")
    return try ["keep", "drop"].map { name in
      let run = try ShellCommand(ShellCommand.quoted(place.path(name)))
      #expect(run.status == 0)
      return (run.output, try place.read(name).count)
    }
  }

  #if arch(x86_64)
    @Test func `a program that names none of them is shorter without them`() async throws {
      let both = try await pack(#"print([3, 1].sorted(), Int128.max, "é".count, Double("1.25")! / 3, 0x1p-3 as Float)"#)
      #expect(both[0].output == both[1].output)
      #expect(both[0].output.hasPrefix("[1, 3] 170141183460469231731687303715884105727 1 0.4166666666666667 0.125"))
      #expect(both[1].size < both[0].size - 30_000)
    }
  #endif

  @Test func `a program that names one keeps them all`() async throws {
    let both = try await pack(
      """
      var vector = SIMD4<Float>(1, 2, 3, 4)
      vector *= Float(CommandLine.arguments.count)
      let any: Any = vector
      print(vector.sum(), any is any Hashable, SIMD2<Int16>(7, 9) &+ 1)
      """)
    #expect(both[0].output == "10.0 true SIMD2<Int16>(8, 10)\n")
    #expect(both[0].output == both[1].output && both[0].size == both[1].size)
  }
}
