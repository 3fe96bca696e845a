import Foundation
import Testing

@testable import AsyncMitogen

struct ELFImageTests {
  private static let own = try? Array(Data(contentsOf: URL(filePath: "/proc/self/exe")))

  @Test func `this program says what it is`() throws {
    let bytes = try #require(ELFImageTests.own)
    let elf = try #require(ELFImage(bytes))
    #expect("Linux \(elf.machine.name)" == HostPlatform.name)
    #expect(elf.machine.runs(on: elf.machine.name))
    #expect(!elf.machine.runs(on: elf.machine.name == "x86_64" ? "aarch64" : "x86_64"))
    #expect(elf.isStatic == (elf.interpreter == nil))
    #expect(elf.interpreter?.hasPrefix("/") ?? true)
    #expect(elf.neededLibraries.allSatisfy { $0.utf8.allSatisfy { $0 > 32 && $0 < 127 } })
    #expect(ImageIdentity(elf, bytes) == .own)
  }

  @Test func `what is no program is none`() {
    #expect(ELFImage([]) == nil)
    #expect(ELFImage(Array("#!/bin/sh\n".utf8) + [UInt8](repeating: 0, count: 100)) == nil)
    #expect(ELFImage([0x7f, 0x45, 0x4c, 0x46]) == nil)
    #expect(ELFImage([0x7f, 0x45, 0x4c, 0x46, 2, 1] + [UInt8](repeating: 0xff, count: 500)) == nil)
  }

  @Test func `no damage to the headers does harm`() throws {
    let bytes = try Array(Data(contentsOf: URL(filePath: "/bin/sh")).prefix(20_000))
    var random = Seeded(11)
    for _ in 0..<3_000 {
      var damaged = Array(bytes.prefix(random.next() % 4 == 0 ? Int(random.next() % 4_000) : bytes.count))
      for _ in 0..<(1 + random.next() % 6) where !damaged.isEmpty {
        let place = Int(random.next() % UInt64(min(damaged.count, 1_000)))
        damaged[place] = random.next() % 2 == 0 ? 0xff : UInt8(truncatingIfNeeded: random.next() >> 9)
      }
      if let elf = ELFImage(damaged) {
        #expect(elf.neededLibraries.count <= 1_024)
        _ = ImageIdentity(elf, damaged)
      }
    }
  }
}
