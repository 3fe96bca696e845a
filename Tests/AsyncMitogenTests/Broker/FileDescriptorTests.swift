import CAsyncMitogen
import Glibc
import Testing

@testable import AsyncMitogen

/// Pairs of descriptors, and whether they wait.
struct FileDescriptorTests {
  private func isBlocking(_ descriptor: FileDescriptor) -> Bool {
    fcntl(descriptor.number, F_GETFL) & O_NONBLOCK == 0
  }

  private func isInherited(_ descriptor: FileDescriptor) -> Bool {
    fcntl(descriptor.number, F_GETFD) & FD_CLOEXEC == 0
  }

  @Test(arguments: [false, true]) func `a pair waits as it was told, and is not inherited`(nonblocking: Bool) throws {
    let pipe = try FileDescriptor.pipe(nonblocking: nonblocking)
    let sockets = try FileDescriptor.socketPair(nonblocking: nonblocking)
    for descriptor in [pipe.read, pipe.write, sockets.0, sockets.1] {
      #expect(isBlocking(descriptor) != nonblocking)
      #expect(!isInherited(descriptor))
      #expect(descriptor.number > 2)
    }
  }

  @Test func `a descriptor waits as it was told last`() throws {
    let pipe = try FileDescriptor.pipe(nonblocking: false)
    #expect(isBlocking(pipe.read))
    for wanted in [false, false, true] {
      _ = amt_set_nonblocking(pipe.read.number, wanted ? 0 : 1)
      #expect(isBlocking(pipe.read) == wanted)
      #expect(isBlocking(pipe.write))
    }
  }

  @Test func `a descriptor is closed with its last user, and a duplicate lives on`() throws {
    var pipe = Optional(try FileDescriptor.pipe(nonblocking: true))
    let reader = try #require(pipe?.read)
    var duplicate = try pipe?.write.duplicate()
    var byte: UInt8 = 0
    pipe = nil
    #expect(duplicate.map { !isInherited($0) } == true)
    #expect(unsafe read(reader.number, &byte, 1) == -1 && errno == EAGAIN)
    duplicate = nil
    // The end of the pipe: nobody can write any more.
    #expect(unsafe read(reader.number, &byte, 1) == 0)
  }
}
