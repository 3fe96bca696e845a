import AsyncMitogen
import Glibc
import Testing

private let bed = Testbed.shared

extension `Contexts over real programs` {
  /// Whole contexts over a real sshd, with the program sent to where they run; see Tests/Testbed.
  @Suite(.serialized, .enabled(if: bed.has("SSH"), "\(bed.reason("SSH"))"))
  struct `Contexts over ssh` {
    @Test func `one runs there as somebody else, and leaves nothing`() async throws {
      let process = try await withRouter { router in
        let context = try await router.connect(ConnectFixtures.ssh())
        #expect(try await ConnectFixtures.user(of: context) == bed["SSH_USER"])
        #expect(context.name == "ssh.\(bed["SSH_HOST"]):\(bed["SSH_PORT"])")
        return try await context.call { getpid() }
      }
      #expect(kill(process, 0) == -1)
      #expect(try await ConnectFixtures.leftFiles() == "")
    }

    @Test func `a password, a passphrase, a question`() async throws {
      try await withRouter { router in
        let password = Secret(bed["SSH_PASSWORD"])
        let first = try await router.connect(ConnectFixtures.ssh(key: nil, password: password))
        #expect(try await ConnectFixtures.user(of: first) == bed["SSH_USER"])
        var encrypted = ConnectFixtures.ssh(key: bed["SSH_KEY_ENCRYPTED"])
        encrypted.identityPassphrase = Secret(bed["SSH_KEY_PASSPHRASE"])
        #expect(try await ConnectFixtures.user(of: router.connect(encrypted)) == bed["SSH_USER"])
        let asked = try await router.connect(
          ConnectFixtures.ssh(key: nil, port: bed["SSH_KBDINT_PORT"], isInteractive: true)
        ) { request in
          #expect(request.method == "ssh" && request.prompt.hasSuffix("Password:"))
          return password
        }
        #expect(try await ConnectFixtures.user(of: asked) == bed["SSH_USER"])
      }
    }

    @Test func `what is asked below is asked of whoever connects`() async throws {
      try await withRouter { router in
        let between = try await router.local()
        let context = try await router.connect(
          ConnectFixtures.ssh(key: nil, port: bed["SSH_KBDINT_PORT"], isInteractive: true), via: between
        ) { _ in Secret(bed["SSH_PASSWORD"]) }
        #expect(try await ConnectFixtures.user(of: context) == bed["SSH_USER"])
        await #expect(throws: PasswordError.self) {
          try await router.connect(
            ConnectFixtures.ssh(key: nil, port: bed["SSH_KBDINT_PORT"], isInteractive: true), via: between
          ) { _ in nil }
        }
      }
    }

    @Test(arguments: [false, true]) func `what goes wrong has its type, here and below`(_ isBelow: Bool) async throws {
      try await withRouter { router in
        let via = isBelow ? try await router.local() : nil
        let wrong = await #expect(throws: PasswordError.self) {
          try await router.connect(ConnectFixtures.ssh(key: nil, password: "wrong"), via: via)
        }
        #expect(wrong?.message == "SSH password is incorrect")
        await #expect(throws: PasswordError("SSH password was requested, but none specified")) {
          try await router.connect(ConnectFixtures.ssh(key: nil), via: via)
        }
        await #expect(throws: HostKeyError.self) {
          try await router.connect(ConnectFixtures.ssh(knownHosts: bed["KNOWN_HOSTS_CHANGED"]), via: via)
        }
        let refused = await #expect(throws: ConnectionError.self) {
          try await router.connect(ConnectFixtures.ssh(port: "1"), via: via)
        }
        #expect(refused?.lines == ["ssh: connect to host 127.0.0.1 port 1: Connection refused"])
        #expect(refused?.status == .exited(code: 255))
        #expect(refused?.route == (isBelow ? [.master, via?.id ?? .master] : [.master]))
        #expect(refused?.command.first == "ssh" && refused?.description.contains("(first stage)") == true)
        var missing = ConnectFixtures.ssh()
        missing.sshPath = "no-such-ssh"
        let none = await #expect(throws: ConnectionError.self) { try await router.connect(missing, via: via) }
        #expect(none?.message == "Child start failed: [Errno 2] No such file or directory")
      }
    }

    @Test func `who never answers is given up in time, and nothing of it is left`() async throws {
      // A server that takes the connection and says nothing.
      let listener = try SilentListener()
      try await withRouter { router in
        let start = ContinuousClock.now
        let error = await #expect(throws: ConnectionError.self) {
          try await router.connect(ConnectFixtures.ssh(port: "\(listener.port)", timeout: .milliseconds(700)))
        }
        #expect(error?.message.hasPrefix("did not come up within 0.7 seconds") == true)
        #expect(ContinuousClock.now - start < .seconds(3))
        let method = ConnectFixtures.ssh(port: "\(listener.port)")
        let task = Task { try await router.connect(method) }
        listener.accept()
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(await router.reachableContexts.isEmpty)
      }
      #expect(try ShellCommand("pgrep -f '[s]sh .*-p \(listener.port)' || true").output == "")
    }

    @Test func `the program is sent once to a cache, and its way can be watched`() async throws {
      let cache = TestCache()
      try await withRouter { router in
        let uploads = await router.uploads
        let first = try await router.connect(ConnectFixtures.ssh(cache: .directory(cache.path)))
        let second = try await router.connect(ConnectFixtures.ssh(cache: .directory(cache.path)))
        #expect(try await ConnectFixtures.user(of: second) == bed["SSH_USER"])
        let size = try await ProgramImage.own.details().size
        await router.shutdown()
        var sent: [ContextID: Int] = [:]
        for await upload in uploads {
          #expect(upload.sentBytes <= upload.totalBytes && upload.sentBytes >= sent[upload.context.id] ?? 0)
          sent[upload.context.id] = upload.sentBytes
        }
        #expect(Set(sent.keys) == [first.id])
        #expect(sent[first.id] ?? 0 > size / 100)
      }
      #expect(cache.entries == 1)
    }

    @Test func `many at once`() async throws {
      let cache = TestCache()
      try await withRouter { router in
        // The first fills the cache for the others.
        _ = try await router.connect(ConnectFixtures.ssh(cache: .directory(cache.path)))
        try await withThrowingTaskGroup(of: pid_t.self) { group in
          for _ in 0..<50 {
            group.addTask {
              let context = try await router.connect(
                ConnectFixtures.ssh(timeout: .seconds(60), cache: .directory(cache.path)))
              return try await context.call { getpid() }
            }
          }
          var processes: Set<pid_t> = []
          for try await process in group { processes.insert(process) }
          #expect(processes.count == 50)
        }
      }
      #expect(cache.entries == 1)
      #expect(try await ConnectFixtures.leftFiles() == "")
    }

    @Test func `a killed ssh ends its context, and all below it`() async throws {
      try await withRouter { router in
        let context = try await router.connect(ConnectFixtures.ssh())
        let below = try await router.local(via: context)
        let pids = [try await context.call { getpid() }, try await below.call { getpid() }]
        let waiting = Task { try await below.call { try await Task.sleep(for: .seconds(60)) } }
        let disconnects = await router.disconnects
        _ = try ShellCommand("pkill -f '^ssh .*-p \(bed["SSH_PORT"])'")
        await #expect(throws: ChannelError.self) { try await waiting.value }
        var gone: Set<ContextID> = []
        for await event in disconnects {
          gone.insert(event.context.id)
          if gone.count == 2 { break }
        }
        #expect(gone == [context.id, below.id])
        // They run as somebody else on another terminal: they notice by their streams.
        for pid in pids { try await ended(pid) }
      }
    }

    private func ended(_ pid: pid_t) async throws {
      let deadline = ContinuousClock.now + .seconds(5)
      while kill(pid, 0) == 0 || errno == EPERM {
        guard ContinuousClock.now < deadline else {
          Issue.record("process \(pid) is still there")
          return
        }
        try await Task.sleep(for: .milliseconds(5))
      }
    }
  }
}

/// A port of this machine that takes connections and says nothing.
private struct SilentListener: ~Copyable {
  private let descriptor: Int32
  let port: UInt16

  init() throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let number = descriptor
    let result = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        unsafe bind(number, generic, length) | listen(number, 8) | getsockname(number, generic, &length)
      }
    }
    try #require(result == 0)
    port = UInt16(bigEndian: address.sin_port)
  }

  /// Waits until somebody connects.
  func accept() { close(Glibc.accept(descriptor, nil, nil)) }

  deinit { close(descriptor) }
}
