import Testing

@testable import AsyncMitogen

/// A program on its way through a stream, in a simulation with its own clock.
struct UploadTests {
  private static let program: [UInt8] = {
    var random = Seeded(41)
    return random.bytes(1_000_000)
  }()

  private static let payload = ImagePayload(unpacking: program, beginning: 10_000, digest: "00")

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func `it keeps to its pace, and what follows is not held up`(seed: UInt64) {
    let count = UInt64(UploadTests.program.count)
    let careful = Upload(seed: seed).send(UploadTests.payload, isNear: false, readsAfter: nil)
    let least = (count - UInt64(UploadPace.pieceSize)) * 1_000_000_000 / UploadPace.cautiousRate - UploadPace.catchUp
    #expect((least...count * 1_000_000_000 / UploadPace.cautiousRate).contains(careful))
    let told = Upload(seed: seed).send(UploadTests.payload, isNear: false, readsAfter: .milliseconds(10))
    // In 10 ms not more than 160,000 bytes and a piece.
    #expect(told >= 10_000_000 + (count - 320_000) * 1_000_000_000 / UploadPace.fullRate)
    #expect(told <= 10_000_000 + count * 1_000_000_000 / UploadPace.fullRate)
  }

  @Test func `near ones, and those that nobody says he reads, have none`() {
    #expect(Upload(seed: 1).send(UploadTests.payload, isNear: true, readsAfter: nil) == 0)
    let plain = ImagePayload(digest: "00", size: 1_000_000, bytes: UploadTests.program, isCompressed: false)
    #expect(Upload(seed: 2).send(plain, isNear: false, readsAfter: nil) == 0)
    // Who says so although there is nothing to read does no harm.
    #expect(Upload(seed: 3).send(plain, isNear: false, readsAfter: .milliseconds(1)) <= 1_000_000)
  }

  @Test func `the end does not wait for its time`() {
    let test = Upload(seed: 4)
    let (start, stream) = (test.loop.now, test.stream)
    test.loop.enqueue {
      stream.enter { stream in
        stream.send(image: UploadTests.payload, isNear: false)
        stream.flush()
        stream.close(.ended(isAtBoundary: true))
      }
    }
    #expect(test.simulation.run())
    #expect(test.loop.now == start && (test.other.recorded?.count ?? 0) < 200_000)
  }
}

/// A stream to nobody, that keeps what is written.
private struct Upload {
  let simulation: Simulation
  let loop: SimulatedLoop
  let stream: Stream
  let other: SimulatedTransport

  init(seed: UInt64) {
    simulation = Simulation(seed: seed)
    loop = simulation.makeLoop()
    let router = Router(
      loop: loop, broker: nil, contextID: .master, parentIDs: [], configuration: RouterConfiguration())
    let (ours, theirs) = SimulatedTransport.pair(loop, loop, capacity: 8_000_000)
    theirs.recorded = []
    other = theirs
    stream = Stream(
      link: LinkIdentifier(1), name: "x", router: router, loop: loop, transport: ours,
      maximumMessageSize: 1_000)
  }

  /// Sends the program and something behind it; returns how long that took in nanoseconds.
  func send(_ payload: ImagePayload, isNear: Bool, readsAfter: Duration?) -> UInt64 {
    let (start, stream) = (loop.now, stream)
    loop.enqueue {
      stream.enter { stream in
        stream.send(image: payload, isNear: isNear)
        stream.send(raw: [1, 2, 3])
      }
    }
    if let readsAfter { _ = loop.schedule(after: readsAfter) { stream.enter { $0.imageIsRead() } } }
    #expect(simulation.run(limit: 100_000))
    let isWhole = other.recorded == payload.announcement + payload.bytes + [1, 2, 3]
    #expect(isWhole)
    return loop.now - start
  }
}
