import Testing

@testable import AsyncMitogen

struct HandleHashTests {
  /// Handles that are given out one after the other do not lie beside each other in a table: what is beside an entry has
  /// to be looked at when it is removed.
  @Test func `neighbours lie apart`() {
    for first in [1, 1_000, 70_000, 4_000_000_000] {
      let places = (0..<64).map { Handle(rawValue: UInt32(first + $0))._rawHashValue(seed: 0) & 8_191 }
      #expect(Set(places).count > 60)
      #expect(zip(places, places.dropFirst()).allSatisfy { abs($0 - $1) > 1 })
    }
  }
}
