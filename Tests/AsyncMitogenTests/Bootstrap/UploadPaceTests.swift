import Testing

@testable import AsyncMitogen

struct UploadPaceTests {
  private static let millisecond: UInt64 = 1_000_000

  /// Writes pieces as early as they may be written, but looks only every so often; returns how many bytes in a time.
  private func written(_ pace: inout UploadPace, from start: UInt64, for time: UInt64, every interval: UInt64) -> Int {
    var count = 0
    for now in stride(from: start, to: start + time, by: Int(interval)) {
      while pace.delay(at: now) == nil {
        pace.wrote(UploadPace.pieceSize, at: now)
        count += UploadPace.pieceSize
      }
    }
    return count
  }

  @Test(arguments: [10_000, 100_000, 1_000_000, 2_000_000] as [UInt64])
  func `the rates hold, however coarse the clock is`(interval: UInt64) {
    let start: UInt64 = 5_000 * UploadPaceTests.millisecond
    var pace = UploadPace()
    #expect(pace.delay(at: start) == nil)
    let slow = written(&pace, from: start, for: 50 * UploadPaceTests.millisecond, every: interval)
    // Besides the rate: what may be made up for, and one piece.
    let (cautious, full) = (Int(UploadPace.cautiousRate), Int(UploadPace.fullRate))
    #expect((cautious / 20...cautious / 20 + cautious / 500 + UploadPace.pieceSize).contains(slow))
    let turn = start + 50 * UploadPaceTests.millisecond
    pace.readingHasBegun(at: turn)
    #expect(pace.delay(at: turn) == nil)
    let fast = written(&pace, from: turn, for: 100 * UploadPaceTests.millisecond, every: interval)
    // Who looks seldom does not look at the very end.
    let least = full / 10 - UploadPace.pieceSize - full / 1_000 * Int(interval) / 1_000_000
    #expect((least...full / 10 + full / 500 + UploadPace.pieceSize).contains(fast))
  }

  @Test func `who was kept waiting by the link makes up for little`() {
    var pace = UploadPace()
    pace.readingHasBegun(at: 0)
    pace.wrote(UploadPace.pieceSize, at: 0)
    let late: UInt64 = 900 * UploadPaceTests.millisecond
    var count = 0
    while pace.delay(at: late) == nil {
      pace.wrote(UploadPace.pieceSize, at: late)
      count += UploadPace.pieceSize
    }
    #expect(count <= Int(UploadPace.fullRate) / 500 + UploadPace.pieceSize)
  }

  @Test func `the wait is told`() {
    var pace = UploadPace()
    pace.wrote(16_000, at: 10 * UploadPaceTests.millisecond)
    // Two milliseconds were made up for.
    #expect(pace.delay(at: 8 * UploadPaceTests.millisecond) == .milliseconds(1))
    #expect(pace.delay(at: 9 * UploadPaceTests.millisecond) == nil)
    pace.wrote(32_000, at: 9 * UploadPaceTests.millisecond)
    #expect(pace.delay(at: 9 * UploadPaceTests.millisecond) == .milliseconds(2))
    pace.readingHasBegun(at: 9 * UploadPaceTests.millisecond)
    #expect(pace.delay(at: 9 * UploadPaceTests.millisecond) == nil)
  }
}
