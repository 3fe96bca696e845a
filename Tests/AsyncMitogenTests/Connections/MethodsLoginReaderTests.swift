import Glibc
import Synchronization
import Testing

@testable import AsyncMitogen

/// A log-in over a terminal of a small program that asks, led by the reader on a broker.
@Suite(.timeLimit(.minutes(1))) struct `Reading at log-in` {
  /// A program with its reader, and what the reader tells.
  private final class Session: Sendable {
    let broker: Broker
    let process: ChildProcess
    let reader: LoginReader
    let descriptors: ChildDescriptors
    let events: AsyncStream<LoginReader.Event>

    init(
      _ script: String, streams: ChildStreams = .hybridTerminal, _ rules: any LoginRules,
      authenticate: Authenticator? = nil
    ) throws {
      broker = try Broker()
      var descriptors = try ChildDescriptors(streams)
      process = try ChildProcess(
        path: "/bin/sh", arguments: ["sh", "-c", script], environment: HostFacts.environment,
        input: descriptors.input, output: descriptors.output, error: descriptors.error, terminal: descriptors.terminal,
        poller: broker.core.poller)
      descriptors.releaseChildSide()
      self.descriptors = descriptors
      let (events, continuation) = AsyncStream.makeStream(of: LoginReader.Event.self)
      self.events = events
      reader = LoginReader(
        descriptor: descriptors.errorOutput ?? descriptors.stream, dialogue: LoginDialogue(rules),
        poller: broker.core.poller, loop: broker, authenticate: authenticate
      ) { continuation.yield($0) }
      // On the lane, as a router does it; the broker's first thread starts with its first work.
      try broker.defer { [reader, process] in
        try? reader.start()
        try? process.watch()
      }
    }

    /// The lines up to one that is `END`; or what else was told.
    func lines() async -> [String] {
      var lines: [String] = []
      for await event in events {
        switch event {
        case .line("END", _): return lines
        case .line(let line, _): lines.append(line)
        case .failed(let error): return lines + ["failed: \(error)"]
        case .started(let bytes): return lines + ["started: " + String(decoding: bytes, as: UTF8.self)]
        }
      }
      return lines
    }

    func end() {
      reader.close()
      process.signal(SIGKILL)
      broker.shutdown()
    }
  }

  private static let sudo = #"printf mitogen-sudo-prompt: >/dev/tty; read p </dev/tty; echo; echo "<$p>" >&2; "#

  @Test func `A password is typed`() async throws {
    let session = try Session(Self.sudo + "echo END >&2; read x", SudoLoginRules(password: "secret"))
    #expect(await session.lines() == ["mitogen-sudo-prompt:<[secret]>"])
    session.end()
  }

  @Test func `A refusal is told as an error`() async throws {
    let session = try Session(
      #"echo; echo "sudo: a password is required" >&2; read x"#, SudoLoginRules())
    #expect(await session.lines() == ["sudo: a password is required", "failed: sudo password is required"])
    session.end()
  }

  @Test func `An unknown question is asked once it is sure that it is one`() async throws {
    let asked = Mutex<[AuthenticationRequest]>([])
    let session = try Session(
      #"printf 'Your '; printf 'Verification ' >&2; sleep 0.05; printf 'code: ' >&2; read p </dev/tty; "#
        + #"echo >&2; echo "$p" | tr 1-3 a-c >&2; echo END >&2; read x"#,
      SudoLoginRules(isInteractive: true)
    ) { request in
      asked.withLock { $0.append(request) }
      return "123"
    }
    #expect(await session.lines() == ["Verification code: ", "abc"])
    #expect(asked.withLock { $0.map(\.prompt) } == ["Verification code:"])
    #expect(asked.withLock { $0.map(\.kind) } == [.oneTimeCode])
    session.end()
  }

  @Test func `An error of whoever answers is passed on`() async throws {
    let session = try Session(Self.sudo + "read x", SudoLoginRules(isInteractive: true)) { _ in
      throw PasswordError("nobody is at home")
    }
    #expect(await session.lines() == ["failed: nobody is at home"])
    session.end()
  }

  @Test func `Nobody to answer is an error`() async throws {
    let session = try Session(Self.sudo + "read x", SudoLoginRules(isInteractive: true))
    #expect(await session.lines() == ["failed: sudo password is required"])
    session.end()
  }

  @Test func `On one terminal the rest is handed over`() async throws {
    let rules = BecomeLoginRules(
      method: "su", password: "secret", passwordPrompts: ["password:"], incorrectPrompts: [],
      ignoresEarlyRefusals: false)
    let session = try Session(
      #"printf 'Password: '; read p; printf '\nhello\nMITO000\nrest'; read x"#, streams: .terminal, rules)
    #expect(await session.lines() == ["Password: ", "hello", "MITO000", "started: MITO000\nrest"])
    session.end()
  }

  @Test func `Once it has succeeded, nothing is typed`() async throws {
    let session = try Session(
      "sleep 0.2; printf mitogen-sudo-prompt: >&2; read x; echo >&2; echo END >&2; read x",
      SudoLoginRules(password: "secret"))
    session.reader.succeed()
    usleep(400_000)
    var fire = [UInt8(ascii: "\n")]
    _ = unsafe write(session.descriptors.stream.number, &fire, 1)
    #expect(await session.lines() == ["mitogen-sudo-prompt:"])
    session.end()
  }
}
