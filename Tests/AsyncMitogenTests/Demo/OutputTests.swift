import Testing

@testable import AsyncMitogenDemo

@Suite struct `Output of the demonstration` {
  @Test(arguments: [
    (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (50_000_000, "47.7 MiB"),
    (1 << 60, "1024.0 PiB"),
  ]) func `Bytes`(_ count: Int, _ text: String) { #expect(HumanText.bytes(count) == text) }

  @Test func `Numbers without needless decimals`() {
    #expect([0.1, 3600, 0.001].map(HumanText.plain) == ["0.1", "3600", "0.001"])
  }

  @Test func `A table is drawn over the last one`() {
    #expect(LiveTable.text(of: ["a", "b"], over: 0) == "a\u{1B}[K\nb\u{1B}[K\n\u{1B}[J")
    #expect(LiveTable.text(of: [], over: 2) == "\r\u{1B}[2A\u{1B}[J")
    #expect(LiveTable.text(of: ["a"], over: 2) == "\r\u{1B}[2Aa\u{1B}[K\n\u{1B}[J")
  }
}
