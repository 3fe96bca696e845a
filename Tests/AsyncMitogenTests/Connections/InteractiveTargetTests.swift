import CAsyncMitogen
import Glibc
import Testing

@testable import AsyncMitogen

private let bed = Testbed.shared

extension `Contexts over real programs` {
  /// The demonstration program, and a person at its terminal; see Tests/Testbed.
  @Suite(.serialized, .enabled(if: bed.has("SSH"), "\(bed.reason("SSH"))"))
  struct `Targets that ask a person` {
    private static func command(_ interactive: Bool) -> [String] {
      let own = [
        "-F", "/dev/null", "-o", "UserKnownHostsFile%20\(bed["KNOWN_HOSTS"])", "-o", "IdentityAgent%20none", "-o",
        "IdentityFile%20/dev/null",
      ].map { "&ssh_args=" + $0 }.joined()
      return [
        Place.build + "/AsyncMitogenDemo", "run", "--on",
        "ssh:\(bed["SSH_USER"])@\(bed["SSH_HOST"]):\(bed["SSH_KBDINT_PORT"])?interactive=\(interactive)\(own)", "--",
        "id", "-un",
      ]
    }

    @Test(.timeLimit(.minutes(1))) func `what is typed is not seen, and lets in`() throws {
      let session = try TerminalSession(Self.command(true))
      try session.read(until: "Password for ssh:\(bed["SSH_USER"])@\(bed["SSH_HOST"]):\(bed["SSH_KBDINT_PORT"]): ")
      session.type("wrong\n")
      try session.read(until: "That was not accepted. Password for")
      session.type(bed["SSH_PASSWORD"] + "\n")
      try session.read(until: nil)
      #expect(
        session.text.contains("| \(bed["SSH_USER"])") || session.text.contains(" \(bed["SSH_USER"])\r\n"),
        "\(session.text)")
      #expect(!session.text.contains(bed["SSH_PASSWORD"]) && !session.text.contains("wrong"))
      #expect(session.status == .exited(code: 0))
    }

    @Test(.timeLimit(.minutes(1))) func `who does not ask for it is not asked`() throws {
      let session = try TerminalSession(Self.command(false))
      try session.read(until: nil)
      #expect(session.text.contains("SSH authentication is incorrect"), "\(session.text)")
      #expect(!session.text.contains("Password for"))
    }
  }
}

/// A program on a terminal of its own, and what a person does there.
private final class TerminalSession {
  private let terminal: PseudoTerminal
  private let process: ChildProcess
  private(set) var text = ""

  init(_ words: [String]) throws {
    terminal = try PseudoTerminal()
    var settings = termios()
    unsafe tcgetattr(terminal.master.number, &settings)
    settings.c_lflag |= tcflag_t(ECHO | ICANON)
    unsafe tcsetattr(terminal.master.number, TCSANOW, &settings)
    process = try ChildProcess(
      path: words[0], arguments: words, environment: HostFacts.environment, input: nil, output: nil, error: nil,
      terminal: terminal.slavePath, poller: Poller())
    try process.watch()
  }

  deinit { process.signal(SIGKILL) }

  /// How it ended.
  var status: AsyncMitogen.ExitStatus? {
    for _ in 0..<100 where process.status == nil {
      process.ready([])
      usleep(10_000)
    }
    return process.status
  }

  func type(_ line: String) {
    let bytes = Array(line.utf8)
    _ = unsafe write(terminal.master.number, bytes, bytes.count)
  }

  /// Reads until a text has been printed, or to the end.
  func read(until wanted: String?) throws {
    let start = text.utf8.count
    while wanted.map({ !Array(text.utf8.dropFirst(start)).holds($0) }) ?? true {
      var request = pollfd(fd: terminal.master.number, events: Int16(POLLIN), revents: 0)
      try #require(unsafe poll(&request, 1, 30_000) > 0, "\(text)")
      var chunk = [UInt8](repeating: 0, count: 4_096)
      let count = unsafe Glibc.read(terminal.master.number, &chunk, chunk.count)
      if count <= 0 {
        try #require(wanted == nil, "\(text)")
        return
      }
      text += String(decoding: chunk[..<count], as: UTF8.self)
    }
  }
}
