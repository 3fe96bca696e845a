import CAsyncMitogen
import Glibc
import Testing

@testable import AsyncMitogen

@Suite struct `Standard streams of a child` {
  /// A program of the shell, started with one kind of streams.
  private struct Program {
    let descriptors: ChildDescriptors
    let process: ChildProcess

    init(_ streams: ChildStreams, _ script: String) throws {
      var descriptors = try ChildDescriptors(streams)
      process = try ChildProcess(
        path: "/bin/sh", arguments: ["sh", "-c", script], environment: HostFacts.environment,
        input: descriptors.input, output: descriptors.output, error: descriptors.error, terminal: descriptors.terminal,
        poller: Poller())
      try process.watch()
      descriptors.releaseChildSide()
      self.descriptors = descriptors
    }

    /// All that one descriptor says until its end.
    static func text(_ descriptor: FileDescriptor?) -> String {
      guard let descriptor else { return "" }
      var text: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 4_096)
      while case let count = unsafe read(descriptor.number, &buffer, buffer.count), count > 0 {
        text += buffer[..<count]
      }
      return String(decoding: text, as: UTF8.self)
    }

    var output: String { Self.text(descriptors.stream) }
    var errors: String { Self.text(descriptors.errorOutput) }

    func write(_ text: String, to descriptor: FileDescriptor? = nil) {
      let bytes = Array(text.utf8)
      _ = unsafe Glibc.write((descriptor ?? descriptors.stream).number, bytes, bytes.count)
    }

    var status: AsyncMitogen.ExitStatus? {
      for _ in 0..<500 where process.status == nil {
        process.ready([])
        usleep(10_000)
      }
      return process.status
    }
  }

  /// What the child's descriptor is, as the shell sees it.
  private static func kind(_ number: Int) -> String { "readlink /proc/self/fd/\(number) | cut -d: -f1 | cut -d/ -f1-3" }

  private static func isTerminal(_ descriptor: FileDescriptor?) -> Bool { isatty(descriptor?.number ?? -1) == 1 }

  private static func type(_ descriptor: FileDescriptor) -> mode_t {
    var status = stat()
    _ = unsafe fstat(descriptor.number, &status)
    return status.st_mode & S_IFMT
  }

  /// Access mode of a child's descriptor: the last octal digit of its flags.
  private static func access(_ number: Int) -> String {
    "sed -n 's/^flags:.*\\(.\\)$/\\1/p' /proc/$$/fdinfo/\(number)"
  }

  @Test(arguments: [ChildStreams.errorPipe, .merged, .hybridTerminal])
  func `Input and output are one socket, for reading and writing`(_ streams: ChildStreams) throws {
    let program = try Program(
      streams, "readlink /proc/$$/fd/0; readlink /proc/$$/fd/1; \(Self.access(0)); \(Self.access(1)); read x; echo $x")
    #expect(Self.type(program.descriptors.stream) == S_IFSOCK)
    program.write("there\n")
    let lines = program.output.split(separator: "\n")
    #expect(lines.count == 5 && lines[0].hasPrefix("socket:") && lines[0] == lines[1], "\(lines)")
    #expect(lines.dropFirst(2) == ["2", "2", "there"])
    #expect(program.status?.isSuccess == true)
  }

  @Test(arguments: [ChildStreams.errorPipe, .merged, .hybridTerminal, .terminal])
  func `What a program reads and writes waits for it`(_ streams: ChildStreams) throws {
    let flags = (0...2).map { "sed -n 's/^flags:.//p' /proc/$$/fdinfo/\($0)" }
    let program = try Program(streams, flags.joined(separator: "; "))
    let numbers = program.output.split(separator: "\n").compactMap { Int32($0, radix: 8) }
    #expect(numbers.count == 3 && numbers.allSatisfy { $0 & O_NONBLOCK == 0 }, "\(numbers)")
    #expect(program.status?.isSuccess == true)
  }

  @Test func `Errors have a pipe of their own`() throws {
    let program = try Program(.errorPipe, "readlink /proc/$$/fd/2 >&2; \(Self.access(2)) >&2; echo out")
    #expect(program.output == "out\n")
    let lines = program.errors.split(separator: "\n")
    #expect(lines.count == 2 && lines[0].hasPrefix("pipe:") && lines[1] == "1", "\(lines)")
    let ours = try #require(program.descriptors.errorOutput)
    #expect(Self.type(ours) == S_IFIFO)
    #expect(fcntl(ours.number, F_GETFL) & O_ACCMODE == O_RDONLY)
  }

  @Test func `Errors come with the output if merged`() throws {
    let program = try Program(.merged, "echo out; echo err >&2; readlink /proc/$$/fd/2; \(Self.access(2))")
    #expect(program.descriptors.errorOutput == nil)
    let lines = program.output.split(separator: "\n")
    #expect(lines.first == "out" && lines.dropFirst().first == "err" && lines.last == "2", "\(lines)")
    #expect(lines.dropFirst(2).first?.hasPrefix("socket:") == true)
  }

  @Test func `A full terminal is all three, and controls the program`() throws {
    let program = try Program(
      .terminal, "tty; echo hi >/dev/tty; echo err >&2; ps -o sid=,pid= -p $$; read x; echo \"<$x>\"; \(Self.access(0))"
    )
    #expect(program.descriptors.errorOutput == nil)
    #expect(Self.isTerminal(program.descriptors.stream))
    #expect(fcntl(program.descriptors.stream.number, F_GETFL) & O_ACCMODE == O_RDWR)
    program.write("typed\n")
    let lines = program.output.split(separator: "\n").map(String.init)
    #expect(lines.count == 6, "\(lines)")
    #expect(lines.first == program.descriptors.terminal)
    #expect(lines.dropFirst().first == "hi" && lines.dropFirst(2).first == "err")
    // The session is its own: two times the same number.
    #expect(Set(lines.dropFirst(3).first?.split(separator: " ").map(String.init) ?? []).count == 1)
    #expect(lines.suffix(2) == ["<typed>", "2"])
    #expect(program.status?.isSuccess == true)
  }

  @Test func `A hybrid terminal is for errors, and controls the program`() throws {
    let program = try Program(
      .hybridTerminal,
      "tty <&2 >&2; read x </dev/tty; echo \"<$x>\" >/dev/tty; echo err >&2; \(Self.access(2)) >&2; echo out")
    let terminal = try #require(program.descriptors.errorOutput)
    #expect(Self.isTerminal(terminal))
    program.write("typed\n", to: terminal)
    #expect(program.output == "out\n")
    let lines = program.errors.split(separator: "\n").map(String.init)
    #expect(lines == [program.descriptors.terminal ?? "", "<typed>", "err", "2"])
    #expect(program.status?.isSuccess == true)
  }

  @Test func `A terminal passes every byte as it is`() throws {
    let bytes = (0..<256).map { UInt8($0) }
    let program = try Program(.terminal, "head -c 256 | od -An -v -tu1; exit 7")
    _ = unsafe write(program.descriptors.stream.number, bytes, bytes.count)
    #expect(program.output.split(whereSeparator: \.isWhitespace).compactMap { UInt8($0) } == bytes)
    #expect(program.status == .exited(code: 7))
  }

  @Test func `A terminal's master is not inherited, and its end is the end of what is read`() throws {
    let terminal = try PseudoTerminal()
    #expect(fcntl(terminal.master.number, F_GETFD) & FD_CLOEXEC != 0)
    let program = try Program(.terminal, "for n in 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$n ] && echo $n; done; echo none")
    #expect(program.output.split(whereSeparator: \.isWhitespace) == ["none"])
  }

  @Test func `A missing program is an error`() throws {
    let descriptors = try ChildDescriptors(.terminal)
    #expect(throws: SystemError.self) {
      try ChildProcess(
        path: "/no/such/program", arguments: ["x"], environment: [], input: descriptors.input,
        output: descriptors.output, error: descriptors.error, terminal: descriptors.terminal, poller: Poller())
    }
  }

  @Test func `The text of a missing terminal helps`() {
    let text = PseudoTerminal.failureText(SystemError(operation: "openpty", code: ENOSPC))
    #expect(text.hasPrefix("Failed to create a PTY: [Errno 28] No space left on device. It is likely the maximum"))
  }
}
