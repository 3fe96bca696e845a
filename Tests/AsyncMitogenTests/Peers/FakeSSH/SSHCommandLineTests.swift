import Testing

@testable import AsyncMitogen

/// What programs ask of `ssh`.
struct SSHCommandLineTests {
  private static func parse(_ line: String) throws -> SSHCommandLine {
    try SSHCommandLine.parse(line.split(separator: " ").map { Array($0.utf8) }, limit: 100)
  }

  private static func command(_ text: String) -> SSHCommandLine { .command(Array(text.utf8), readsNothing: false) }

  @Test(arguments: [
    ("host ls", "ls"),
    ("host ls -l -a", "ls -l -a"),
    ("-l user host rsync --server -vlogDtpre.iLsfxCIvu . /to", "rsync --server -vlogDtpre.iLsfxCIvu . /to"),
    ("-luser -p22 -p 22 -i key -ikey -F /dev/null host ls", "ls"),
    ("host -l user ls -l", "ls -l"),
    ("host -p 22 -x -- ls --", "ls --"),
    (
      "-x -oPermitLocalCommand=no -oClearAllForwardings=yes -oRemoteCommand=none -oRequestTTY=no -l user -- host scp -t .",
      "scp -t ."
    ),
    ("-- host -x", "-x"),
    ("-o SendEnv=GIT_PROTOCOL user@host git-upload-pack '/srv/a b'", "git-upload-pack '/srv/a b'"),
    ("-46AaCgKkqTXxYyv -vvv host ls", "ls"),
    ("-Tvp22 host ls", "ls"),
    ("-oBatchMode=yes -e none -c aes -m mac -b 10.0.0.1 -B eth0 -S none -J jump -E log -I lib host ls", "ls"),
    ("ssh://user@host:22 ls", "ls"),
    ("host - x", "- x"),
  ])
  func `the words of the command`(line: String, command: String) throws {
    #expect(try Self.parse(line) == Self.command(command))
  }

  @Test func `subsystems, and what reads nothing`() throws {
    #expect(try Self.parse("-s host sftp") == .subsystem("sftp", readsNothing: false))
    #expect(try Self.parse("-x -oForwardX11=no -l me -s -- host sftp") == .subsystem("sftp", readsNothing: false))
    #expect(try Self.parse("host -ns sftp") == .subsystem("sftp", readsNothing: true))
    #expect(try Self.parse("-n host ls") == .command(Array("ls".utf8), readsNothing: true))
    #expect(try Self.parse("-V") == .version)
  }

  @Test func `a command need not be text, and keeps its spaces`() throws {
    let words: [[UInt8]] = [Array("host".utf8), [0xff, 0x20, 0x20], [], [0x0a]]
    #expect(
      try SSHCommandLine.parse(words, limit: 100)
        == .command([0xff, 0x20, 0x20, 0x20, 0x20, 0x0a], readsNothing: false))
  }

  @Test(arguments: [
    ("", "Missing hostname"), ("-x", "Missing hostname"), ("-l user", "Missing hostname"), ("--", "Missing hostname"),
    ("-l", "option requires an argument -- l"), ("host -p", "option requires an argument -- p"),
    ("-z host ls", "unknown option -- z"), ("--help host", "unknown option -- -"),
    ("-xz host ls", "unknown option -- z"),
    ("host", "login mode not supported and no command specified"),
    ("host --", "login mode not supported and no command specified"), ("-s host", "there is no subsystem specified"),
    ("-- -host ls", "hostname contains invalid characters"), ("-t host ls", "-t: there are no terminals"),
    ("-tt host ls", "-t: there are no terminals"),
    ("-oRequestTTY=force host ls", "-o requesttty=force: there are no terminals"),
    ("-f host ls", "-f: it cannot go to the background"), ("-N host", "-N: there is nothing to do without a command"),
    ("-M host ls", "-M: there is no connection to share"), ("-O check host", "-O: there is no connection to share"),
    ("-L 1:h:2 host ls", "-L: nothing is forwarded"), ("-R1:h:2 host ls", "-R: nothing is forwarded"),
    ("-D 1080 host ls", "-D: nothing is forwarded"), ("-W h:1 host", "-W: nothing is forwarded"),
    ("-w 0 host ls", "-w: nothing is forwarded"), ("-Q cipher", "-Q: there are no algorithms to list"),
    ("-G host", "-G: there is no configuration to print"), ("-oBatchMode host ls", "-o batchmode: it has no value"),
    ("-oRemoteCommand=ls host", "-o remotecommand=ls: say the command behind the host"),
  ])
  func `what cannot be done is refused`(line: String, reason: String) {
    #expect(throws: SSHCommandLine.Refusal(reason)) { try Self.parse(line) }
  }

  @Test func `a command has a limit`() throws {
    #expect(
      try Self.parse("host " + String(repeating: "x", count: 100)) == Self.command(String(repeating: "x", count: 100)))
    #expect(throws: SSHCommandLine.Refusal("the command has 101 bytes, of which there may be 100")) {
      try Self.parse("host " + String(repeating: "x", count: 101))
    }
    #expect(FakeSSH.Limits(sessions: 0, commandSize: 1 << 30) == FakeSSH.Limits(sessions: 1, commandSize: 131_071))
  }

  @Test func `no words make it do anything but read or refuse`() {
    var random = SplitMix64(state: 11)
    let letters = Array("-onhls 1=/zVtp".utf8)
    for _ in 0..<20_000 {
      let words = (0..<Int.random(in: 0...6, using: &random)).map { _ in
        (0..<Int.random(in: 0...5, using: &random)).map { _ in letters.randomElement(using: &random) ?? 0 }
      }
      guard case .command(let command, _)? = try? SSHCommandLine.parse(words, limit: 100) else { continue }
      // It is the last words as they were.
      let joined = Array(words.joined(separator: [UInt8(ascii: " ")]))
      #expect(joined.suffix(command.count) == command[...])
    }
  }
}

/// How an `ssh` of ours says what it was asked to do.
struct StandInGreetingTests {
  private static func bytes(_ words: [[UInt8]]) -> [UInt8] {
    let body = Array(words.map { $0 + [0] }.joined())
    return unsafe withUnsafeBytes(of: UInt64(body.count)) { unsafe Array($0) } + body
  }

  @Test func `words are what was sent, however it is cut`() {
    var random = SplitMix64(state: 5)
    for _ in 0..<500 {
      let words = (0..<Int.random(in: 0...5, using: &random)).map { _ in
        (0..<Int.random(in: 0...40, using: &random)).map { _ in UInt8.random(in: 1...255, using: &random) }
      }
      var greeting = StandInGreeting(limit: 1_000)
      var rest = Self.bytes(words)[...]
      var progress = StandInGreeting.Progress.more
      while progress == .more {
        let piece = rest.prefix(Int.random(in: 1...max(1, greeting.wanted), using: &random))
        #expect(!piece.isEmpty && piece.count <= greeting.wanted)
        rest = rest.dropFirst(piece.count)
        progress = greeting.take(piece)
      }
      #expect(progress == .words(words) && rest.isEmpty)
    }
  }

  @Test func `what is too long or makes no sense is refused`() {
    var long = StandInGreeting(limit: 10)
    #expect(long.take(Self.bytes([Array(repeating: 1, count: 10)])) == .refused(size: 11))
    var huge = StandInGreeting(limit: 10)
    #expect(huge.take(Array(repeating: 0xff, count: 8)) == .refused(size: .max))
    var open = StandInGreeting(limit: 10)
    #expect(open.take([1, 0, 0, 0, 0, 0, 0, 0, 65]) == .refused(size: 1))
  }
}
