import AsyncMitogen
import Glibc
import Testing

/// ssh, sudo, su and doas by programs that behave as the real ones: the dialogue, then calls.
@Suite(.timeLimit(.minutes(2))) struct `Log-in by stubs` {
  /// What a context is called and whom its calls run as, and what the stub was told.
  private func expectUp(
    _ stub: StubProgram, _ context: Context, _ name: String, _ words: [String], user: String = "root",
    at line: SourceLocation = #_sourceLocation
  ) async throws {
    #expect(context.name == name, sourceLocation: line)
    #expect(stub.words == words && stub.isGivenFirstStage, sourceLocation: line)
    #expect(try await context.call(1, 2) { $0 + $1 } == 3, sourceLocation: line)
    let seen = try await context.call { unsafe getenv("USER").map { unsafe String(cString: $0) } ?? "" }
    #expect(seen == user, sourceLocation: line)
  }

  /// What would be sent: every context that starts others would read all of this program.
  private static let small = ProgramImage.file("/bin/sh")
  private static let sudo = ["-p", "mitogen-sudo-prompt:", "-u"]

  @Test func `sudo, with each way of asking`() async throws {
    let cache = TestCache()
    try await withRouter { router in
      for mode in ["", "rs", "exec"] {
        let stub = try StubProgram("sudo", ["STUB_PASSWORD": "secret", "STUB_MODE": mode])
        let context = try await router.sudo(password: "secret", sudoPath: stub.path, cache: .directory(cache.path))
        try await expectUp(stub, context, "sudo.root", Self.sudo + ["root", "--"])
        // What it prints to its terminal afterwards does no harm.
        try await context.call { _ = unsafe write(2, "x\n", 2) }
      }
      let stub = try StubProgram("sudo")
      let options = ["--type", "setype", "--role", "serole", "--user", "user"]
      let parsed = try await router.sudo(sudoPath: stub.path, sudoArguments: options, cache: .directory(cache.path))
      try await expectUp(
        stub, parsed, "sudo.user", Self.sudo + ["user", "-r", "serole", "-t", "setype", "--"], user: "user")
      let all = try await router.sudo(
        username: "me", sudoPath: stub.path, preserveEnvironment: true, setHome: true, login: true,
        selinuxRole: "serole", selinuxType: "setype", sudoArguments: options, cache: .directory(cache.path))
      try await expectUp(
        stub, all, "sudo.me", Self.sudo + ["me", "-E", "-H", "-i", "-r", "serole", "-t", "setype", "--"], user: "me")
    }
  }

  @Test(arguments: [false, true]) func `sudo says no`(_ isBelow: Bool) async throws {
    try await withRouter { router in
      let via = isBelow ? try await router.local() : nil
      for mode in ["", "rs"] {
        let stub = try StubProgram("sudo", ["STUB_PASSWORD": "secret", "STUB_MODE": mode])
        await #expect(throws: PasswordError("sudo password is required")) {
          try await router.sudo(sudoPath: stub.path, image: Self.small, via: via)
        }
        await #expect(throws: PasswordError("sudo password is incorrect")) {
          try await router.sudo(password: "wrong", sudoPath: stub.path, image: Self.small, via: via)
        }
        // Whoever is asked may err, as often as sudo asks.
        await #expect(throws: PasswordError("sudo password is incorrect")) {
          try await router.sudo(sudoPath: stub.path, image: Self.small, via: via) { _ in "wrong" }
        }
      }
      let denied = try StubProgram("sudo", ["STUB_MODE": "denied"])
      let error = await #expect(throws: ConnectionError.self) {
        try await router.sudo(sudoPath: denied.path, image: Self.small, via: via)
      }
      #expect(error?.lines == ["me is not in the sudoers file."] && error?.status == .exited(code: 1))
      await #expect(throws: StreamError("sudo: no such option: --foo")) {
        try await router.sudo(sudoPath: denied.path, sudoArguments: ["--foo"], image: Self.small)
      }
    }
  }

  @Test func `a question that nobody expects, here and below`() async throws {
    let cache = TestCache()
    let stub = try StubProgram("sudo", ["STUB_MODE": "question"])
    try await withRouter { router in
      let between = try await router.local()
      for via in [nil, between] {
        // However slow this machine is: the program is given more time until it has asked.
        var message = ""
        for tenths in [8, 30, 120, 500] where !message.contains("it waits") {
          let silent = await #expect(throws: ConnectionError.self) {
            try await router.sudo(
              sudoPath: stub.path, connectTimeout: .milliseconds(100 * tenths), image: Self.small, via: via)
          }
          message = silent?.message ?? ""
        }
        #expect(message.hasPrefix("did not come up within "))
        #expect(message.hasSuffix(#": it waits for an answer to "Enter the magic word:""#))
        let wrong = await #expect(throws: ConnectionError.self) {
          try await router.sudo(sudoPath: stub.path, image: Self.small, via: via) { _ in "abracadabra" }
        }
        #expect(wrong?.lines.last == "sudo: no such word")
        await #expect(throws: PasswordError("nobody knows")) {
          try await router.sudo(sudoPath: stub.path, image: Self.small, via: via) { _ in
            throw PasswordError("nobody knows")
          }
        }
      }
      let context = try await router.sudo(sudoPath: stub.path, cache: .directory(cache.path)) { request in
        #expect(request.kind == .other && request.prompt == "Enter the magic word:" && request.attempt == 1)
        return "please"
      }
      #expect(try await context.call { 1 } == 1)
    }
  }

  @Test func `su, over a terminal for everything`() async throws {
    let cache = TestCache()
    try await withRouter { router in
      let stub = try StubProgram("su", ["STUB_PASSWORD": "secret"])
      let context = try await router.su(password: "secret", suPath: stub.path, cache: .directory(cache.path))
      try await expectUp(stub, context, "su.root", ["root", "-c"])
      await #expect(throws: PasswordError("su password is required")) { try await router.su(suPath: stub.path) }
      await #expect(throws: PasswordError("su password is incorrect")) {
        try await router.su(password: "wrong", suPath: stub.path)
      }
      let split = try StubProgram("su", ["STUB_MODE": "split"])
      await #expect(throws: PasswordError("su password is incorrect")) { try await router.su(suPath: split.path) }
    }
  }

  @Test func `doas, the portable one and OpenBSD's`() async throws {
    let cache = TestCache()
    try await withRouter { router in
      for mode in ["", "openbsd"] {
        let stub = try StubProgram("doas", ["STUB_PASSWORD": "secret", "STUB_MODE": mode])
        let context = try await router.doas(
          username: "someuser", password: "secret", doasPath: stub.path, cache: .directory(cache.path))
        try await expectUp(stub, context, "doas.someuser", ["-u", "someuser", "--"], user: "someuser")
        await #expect(throws: PasswordError("doas password is required")) {
          try await router.doas(doasPath: stub.path)
        }
        await #expect(throws: PasswordError("doas password is incorrect")) {
          try await router.doas(password: "wrong", doasPath: stub.path)
        }
      }
    }
  }

  private static let quiet = ["-o", "LogLevel ERROR"]
  private static let alive = ["-o", "ServerAliveInterval 15", "-o", "ServerAliveCountMax 3"]
  private static let strict = ["-o", "StrictHostKeyChecking yes"]

  @Test func `ssh, with a password, a key, an unknown host`() async throws {
    let cache = TestCache()
    try await withRouter { router in
      let plain = try StubProgram("ssh")
      let context = try await router.ssh(hostname: "h", sshPath: plain.path, cache: .directory(cache.path))
      let batch = ["-o", "BatchMode yes"]
      try await expectUp(plain, context, "ssh.h", Self.quiet + Self.alive + batch + Self.strict + ["h"], user: "me")
      #expect(!plain.hasTerminal)
      let asking = try StubProgram("ssh", ["STUB_PASSWORD": "secret"])
      let other = try await router.ssh(
        hostname: "h", username: "u", port: 2222, password: "secret", sshPath: asking.path,
        cache: .directory(cache.path))
      let login = ["-l", "u", "-p", "2222", "-o", "IdentitiesOnly yes"]
      try await expectUp(
        asking, other, "ssh.h:2222", Self.quiet + login + Self.alive + Self.strict + ["h"], user: "u")
      #expect(asking.hasTerminal)
      let unknown = try StubProgram("ssh", ["STUB_MODE": "ask"])
      let accepted = try await router.ssh(
        hostname: "h", checkHostKeys: .accept, sshPath: unknown.path, cache: .directory(cache.path))
      #expect(try await accepted.call { 1 } == 1)
      #expect(unknown.hasTerminal)
      let ignored = try StubProgram("ssh", ["STUB_MODE": "ask"])
      _ = try await router.ssh(
        hostname: "h", checkHostKeys: .ignore, sshPath: ignored.path, cache: .directory(cache.path))
      #expect(!ignored.hasTerminal)
      // Names say the way.
      let sudo = try StubProgram("sudo")
      let root = try await router.sudo(sudoPath: sudo.path, cache: .directory(cache.path), via: other)
      #expect(root.name == "ssh.h:2222.sudo.root")
    }
  }

  @Test(arguments: [false, true]) func `ssh says no`(_ isBelow: Bool) async throws {
    try await withRouter { router in
      let via = isBelow ? try await router.local() : nil
      for mode in ["classic", "75"] {
        let stub = try StubProgram("ssh", ["STUB_MODE": mode])
        await #expect(throws: PasswordError("SSH password was requested, but none specified")) {
          try await router.ssh(hostname: "h", sshPath: stub.path, image: Self.small, via: via)
        }
        await #expect(throws: PasswordError("SSH authentication is incorrect")) {
          try await router.ssh(hostname: "h", password: "secret", sshPath: stub.path, image: Self.small, via: via)
        }
      }
      let asking = try StubProgram("ssh", ["STUB_PASSWORD": "secret"])
      await #expect(throws: PasswordError("SSH password was requested, but none specified")) {
        try await router.ssh(hostname: "h", sshPath: asking.path, image: Self.small, via: via)
      }
      await #expect(throws: PasswordError("SSH password is incorrect")) {
        try await router.ssh(hostname: "h", password: "wrong", sshPath: asking.path, image: Self.small, via: via)
      }
      let unknown = try StubProgram("ssh", ["STUB_MODE": "ask"])
      for password in [nil, "secret"] as [Secret?] {
        let error = await #expect(throws: HostKeyError.self) {
          try await router.ssh(hostname: "h", password: password, sshPath: unknown.path, image: Self.small, via: via)
        }
        #expect(error?.message.hasPrefix("Host key checking is enabled, and SSH reported an unrecognized") == true)
      }
    }
  }
}

extension ChildLogTests {
  @Test func `what ssh tells of itself, under the name of its context`() async throws {
    let stub = try StubProgram("ssh")
    let (_, lines) = try await collect(.debug) { router in
      try await router.ssh(hostname: "h", sshPath: stub.path, debugLevel: 3)
    }
    #expect(stub.words.first == "-vvv")
    #expect(lines.contains { $0.message.hasPrefix("ssh.h: debug1: Reading configuration data") })
  }
}
