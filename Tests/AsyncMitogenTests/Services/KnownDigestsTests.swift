import Testing

@testable import AsyncMitogen

struct KnownDigestsTests {
  private func payload(_ number: Int, count: Int = 8) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 < 8 ? number >> (8 * $0) : 0) }
  }

  @Test func `the same bytes have the same digest`() {
    var digests = KnownDigests()
    #expect(digests.find(payload(1)) == nil)
    digests.remember([1], of: payload(1))
    digests.remember([2], of: payload(2))
    #expect(digests.find(payload(1)) == [1] && digests.find(payload(2)) == [2])
    #expect(digests.find(payload(1, count: 9)) == nil)
  }

  @Test func `as many as there is room for`() {
    var digests = KnownDigests()
    for number in 0..<10 * KnownDigests.limit {
      digests.remember([UInt8(number & 255)], of: payload(number))
      #expect(digests.count <= KnownDigests.limit)
      #expect(digests.find(payload(number)) == [UInt8(number & 255)])
    }
    let long = payload(1, count: KnownDigests.sizeLimit + 1)
    digests.remember([3], of: long)
    #expect(digests.find(long) == nil)
  }
}
