import CAsyncMitogen
import Glibc
import Testing

@testable import AsyncMitogen

/// How reading and writing end on real descriptors.
struct DescriptorTransportTests {
  private func transport(_ input: FileDescriptor, _ output: FileDescriptor? = nil) throws -> DescriptorTransport {
    DescriptorTransport(input: input, output: output ?? input, poller: try Poller(), keepsAlive: false)
  }

  private func read(_ transport: DescriptorTransport) -> TransportResult {
    unsafe withUnsafeTemporaryAllocation(byteCount: 16, alignment: 1) { buffer in
      unsafe transport.read(buffer, UnsafeMutableRawBufferPointer(start: nil, count: 0))
    }
  }

  @Test func `its descriptors do not wait`() throws {
    let (left, right) = try FileDescriptor.socketPair(nonblocking: false)
    let transport = try transport(left)
    #expect(fcntl(left.number, F_GETFL) & O_NONBLOCK != 0)
    #expect(read(transport) == .wouldBlock)
    _ = unsafe Glibc.write(right.number, [1, 2, 3], 3)
    #expect(read(transport) == .bytes(3))
    #expect(transport.write([4, 5], offset: 1) == .bytes(1))
    let pipe = try FileDescriptor.pipe(nonblocking: false)
    #expect(read(try self.transport(pipe.read, pipe.write)) == .wouldBlock)
    #expect(fcntl(pipe.write.number, F_GETFL) & O_NONBLOCK != 0)
  }

  @Test func `a full one takes nothing, and then something again`() throws {
    let (left, right) = try FileDescriptor.socketPair(nonblocking: true)
    let transport = try transport(left)
    let bytes = [UInt8](repeating: 0, count: 65_536)
    while case .bytes = transport.write(bytes, offset: 0) {}
    #expect(transport.write(bytes, offset: 0) == .wouldBlock)
    var room = [UInt8](repeating: 0, count: 1 << 20)
    while unsafe Glibc.read(right.number, &room, room.count) > 0 {}
    #expect(transport.write([1], offset: 0) == .bytes(1))
  }

  @Test func `the end of the other side is the end`() throws {
    var pair = Optional(try FileDescriptor.socketPair(nonblocking: true))
    let transport = try transport(try #require(pair?.0))
    pair = nil
    #expect(read(transport) == .end)
    // EPIPE, and no signal.
    #expect(transport.write([1], offset: 0) == .end)
    #expect(transport.write([[1], [2]][...], offset: 0) == .end)
  }

  @Test func `a connection that is reset is the end`() throws {
    var pair = Optional(try FileDescriptor.socketPair(nonblocking: true))
    let transport = try transport(try #require(pair?.0))
    // What the other side has not read when it goes makes this one ECONNRESET.
    #expect(transport.write([1], offset: 0) == .bytes(1))
    pair = nil
    #expect(read(transport) == .end)
  }

  @Test func `a pipe without a reader is the end`() throws {
    let here = try FileDescriptor.pipe(nonblocking: true)
    var there = Optional(try FileDescriptor.pipe(nonblocking: true))
    let transport = try transport(here.read, there?.write)
    there = nil
    #expect(transport.write([1], offset: 0) == .end)
  }

  @Test func `a terminal without its other side is the end`() throws {
    let terminal = try PseudoTerminal()
    var slave = Optional(FileDescriptor(unsafe open(terminal.slavePath, O_RDWR | O_NOCTTY | O_CLOEXEC)))
    let transport = try transport(terminal.master)
    #expect(read(transport) == .wouldBlock && slave != nil)
    slave = nil
    // EIO.
    #expect(read(transport) == .end)
  }

  @Test func `an error of its own is the end too`() throws {
    let pipe = try FileDescriptor.pipe(nonblocking: true)
    // EBADF: one end for the wrong direction.
    let transport = try transport(pipe.write, pipe.read)
    #expect(read(transport) == .end)
    #expect(transport.write([1], offset: 0) == .end)
  }

  @Test func `closing it is heard by the other side, whoever else has it open`() throws {
    let (left, right) = try FileDescriptor.socketPair(nonblocking: true)
    let copy = try left.duplicate()
    let transport = try transport(left)
    transport.close()
    transport.close()
    var byte: UInt8 = 0
    #expect(unsafe Glibc.read(right.number, &byte, 1) == 0)
    withExtendedLifetime(copy) {}
  }
}
