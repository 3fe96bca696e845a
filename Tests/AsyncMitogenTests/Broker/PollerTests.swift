import CAsyncMitogen
import Glibc
import Testing

@testable import AsyncMitogen

/// The poller with real descriptors, without a loop around it.
struct PollerTests {
  /// Notes what it hears, and may do something about it.
  private final class Ear: ReadinessHandler, @unchecked Sendable {
    var heard: [Readiness] = []
    var onReady: (() -> Void)?

    func ready(_ readiness: Readiness) {
      heard.append(readiness)
      onReady?()
    }

    /// What was heard since the last time.
    func take() -> [Readiness] {
      defer { heard = [] }
      return heard
    }
  }

  private let poller: Poller
  private let left: FileDescriptor
  private let right: FileDescriptor

  init() throws {
    poller = try Poller()
    (left, right) = try FileDescriptor.socketPair(nonblocking: true)
  }

  private func poll(_ nanoseconds: Int64 = 0) { poller.poll(nanoseconds: nanoseconds) {} }

  private func watch(_ descriptor: FileDescriptor, _ interest: Readiness) throws -> Ear {
    let ear = Ear()
    try poller.register(descriptor.number, interest: interest, keepsAlive: false, handler: ear)
    return ear
  }

  private func put(_ descriptor: FileDescriptor) { _ = unsafe write(descriptor.number, [1], 1) }

  private func take(_ descriptor: FileDescriptor) {
    var byte: UInt8 = 0
    _ = unsafe read(descriptor.number, &byte, 1)
  }

  private func fill(_ descriptor: FileDescriptor) {
    let bytes = [UInt8](repeating: 0, count: 65_536)
    while unsafe write(descriptor.number, bytes, bytes.count) > 0 {}
  }

  private func drain(_ descriptor: FileDescriptor) {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    while unsafe read(descriptor.number, &bytes, bytes.count) > 0 {}
  }

  @Test func `with nothing to watch a wait takes its time, and no longer`() {
    let clock = ContinuousClock()
    var start = clock.now
    poll()
    #expect(start.duration(to: clock.now) < .seconds(1))
    start = clock.now
    poll(200_000_000)
    #expect(start.duration(to: clock.now) >= .milliseconds(200))
  }

  @Test func `what can be read is told until it has been read`() throws {
    let ear = try watch(right, .readable)
    poll()
    #expect(ear.take().isEmpty)
    put(left)
    for _ in 0..<2 {
      poll()
      #expect(ear.take() == [.readable])
    }
    take(right)
    poll()
    #expect(ear.take().isEmpty)
  }

  @Test func `what could be read before it was watched is told`() throws {
    put(left)
    let ear = try watch(right, .readable)
    poll()
    #expect(ear.take() == [.readable])
  }

  @Test func `two that can be read are both told, each to its own handler`() throws {
    let (first, second) = (try watch(left, .readable), try watch(right, .readable))
    put(left)
    put(right)
    poll()
    #expect(first.take() == [.readable] && second.take() == [.readable])
  }

  @Test func `room to write is told while there is some`() throws {
    let ear = try watch(left, .writable)
    poll()
    #expect(ear.take() == [.writable])
    fill(left)
    poll()
    #expect(ear.take().isEmpty)
    drain(right)
    poll()
    #expect(ear.take() == [.writable])
  }

  @Test func `one that is full already is told when there is room`() throws {
    let other = try FileDescriptor.socketPair(nonblocking: true)
    fill(left)
    fill(other.0)
    let (first, second) = (try watch(left, .writable), try watch(other.0, .writable))
    poll()
    #expect(first.take().isEmpty && second.take().isEmpty)
    drain(right)
    poll()
    #expect(first.take() == [.writable] && second.take().isEmpty)
    drain(other.1)
    poll()
    #expect(first.take() == [.writable] && second.take() == [.writable])
  }

  @Test func `reading and writing are told together`() throws {
    let ear = try watch(left, [.readable, .writable])
    poll()
    #expect(ear.take() == [.writable])
    put(right)
    poll()
    #expect(ear.take() == [[.readable, .writable]])
    fill(left)
    poll()
    #expect(ear.take() == [.readable])
  }

  @Test func `who is watched no more is told nothing, and may be forgotten twice`() throws {
    let ear = try watch(right, .readable)
    put(left)
    poller.setInterest(right.number, [])
    poll()
    #expect(ear.take().isEmpty)
    poller.setInterest(right.number, .readable)
    poller.unregister(right.number)
    poller.unregister(right.number)
    poller.unregister(left.number)
    poller.setInterest(left.number, .readable)
    poll()
    #expect(ear.take().isEmpty)
  }

  @Test(arguments: [Readiness.readable, .writable], [false, true])
  func `one that another handler has removed hears nothing of the same wait`(
    interest: Readiness, isReplaced: Bool
  ) throws {
    let ears = (try watch(left, interest), try watch(right, interest))
    let new = Ear()
    put(left)
    put(right)
    // Whoever is told first removes the other, or puts another one in its place.
    func meddle(_ victim: FileDescriptor) -> () -> Void {
      return { [poller] in
        poller.unregister(victim.number)
        guard isReplaced else { return }
        try? poller.register(victim.number, interest: interest, keepsAlive: false, handler: new)
      }
    }
    ears.0.onReady = meddle(right)
    ears.1.onReady = meddle(left)
    poll()
    #expect(ears.0.heard.count + ears.1.heard.count == 1)
    #expect(new.take().isEmpty)
    (ears.0.onReady, ears.1.onReady) = (nil, nil)
    poll()
    #expect(new.take() == (isReplaced ? [interest] : []))
  }

  @Test(arguments: [Readiness.readable, .writable]) func `one that was closed without a word is not told`(
    interest: Readiness
  ) throws {
    var pair = Optional(try FileDescriptor.socketPair(nonblocking: true))
    if let pair { put(pair.1) }
    let victim = dup(pair?.0.number ?? -1)
    let ear = Ear()
    try poller.register(victim, interest: interest, keepsAlive: false, handler: ear)
    poll()
    #expect(ear.take() == [interest])
    close(victim)
    pair = nil
    poll()
    #expect(ear.take().isEmpty)
    // Its number is as good as new: whoever gets it is told.
    poller.unregister(victim)
  }

  @Test func `a terminal whose other side is closed can be read to its end`() throws {
    let terminal = try PseudoTerminal()
    var slave = Optional(FileDescriptor(unsafe open(terminal.slavePath, O_RDWR | O_NOCTTY | O_CLOEXEC)))
    let ear = try watch(terminal.master, .readable)
    poll()
    #expect(ear.take().isEmpty && slave != nil)
    slave = nil
    poll(5_000_000_000)
    let heard = ear.take()
    #expect(heard.count == 1 && heard.first?.contains(.hangUp) == true)
  }

  @Test func `waking ends a wait`() {
    poller.wake()
    poller.wake()
    let clock = ContinuousClock()
    let start = clock.now
    poll(30_000_000_000)
    #expect(start.duration(to: clock.now) < .seconds(20))
    // Both wake-ups were for that wait.
    poll()
  }
}
