import AsyncMitogen
import Glibc
import Testing

private let bed = Testbed.shared

extension `Contexts over real programs` {
  /// Whole contexts where something is missing or in the way; see Tests/Testbed.
  @Suite(.serialized, .enabled(if: bed.has("ODD") && bed.has("SSH"), "\(bed.reason("ODD"))"))
  struct `Contexts in odd places` {
    private static func ssh(_ user: String) -> SSHConnection {
      var method = ConnectFixtures.ssh()
      method.username = bed[user]
      return method
    }

    @Test(arguments: ["CSH", "FISH", "MKSH", "ZSH", "BANNER", "HOMELESS"].map { "ODD_\($0)_USER" })
    func `accounts with other shells, with a profile that prints, with no home`(_ user: String) async throws {
      try await withRouter { router in
        for context in [
          try await router.connect(Self.ssh(user)), try await router.su(username: bed[user]),
          try await router.sudo(username: bed[user]), try await router.sudo(username: bed[user], login: true),
        ] {
          #expect(try await context.call { Own.account } == bed[user], "\(context.name ?? "")")
          let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
          #expect(try await context.call(bytes) { Array($0.reversed()) } == Array(bytes.reversed()))
        }
        let mask = try await router.connect(Self.ssh(user)).call { Own.mask }
        #expect(mask == (user == "ODD_BANNER_USER" ? 0o077 : 0o022))
      }
      #expect(try await ConnectFixtures.leftFiles() == "")
    }

    @Test func `an account that may not log in is told by what it says`() async throws {
      try await withRouter { router in
        let user = bed["ODD_NOLOGIN_USER"]
        let text = "This account is currently not available."
        let byLogin = await #expect(throws: ConnectionError.self) {
          try await router.connect(Self.ssh("ODD_NOLOGIN_USER"))
        }
        #expect(byLogin?.lines.contains { $0.hasPrefix(text) } == true, "\(byLogin.map { "\($0)" } ?? "")")
        let bySu = await #expect(throws: ConnectionError.self) { try await router.su(username: user) }
        #expect(bySu?.lines.contains { $0.hasPrefix(text) } == true, "\(bySu.map { "\($0)" } ?? "")")
        let bySudo = await #expect(throws: ConnectionError.self) { try await router.sudo(username: user, login: true) }
        #expect(bySudo?.lines.contains { $0.hasPrefix(text) } == true, "\(bySudo.map { "\($0)" } ?? "")")
        // sudo asks no log-in shell.
        let sudo = try await router.sudo(username: user)
        #expect(try await sudo.call { Own.account } == user)
      }
      #expect(try await ConnectFixtures.leftFiles() == "")
    }

    @Test func `no home, a mask, a directory that is gone`() async throws {
      try await withRouter { router in
        let context = try await router.connect(
          OddConnection("umask 077; mkdir /tmp/amt-gone.$$; cd /tmp/amt-gone.$$; rmdir /tmp/amt-gone.$$"))
        #expect(try await context.call { Environment.value("HOME") } == "")
        #expect(try await context.call { Own.mask } == 0o077)
        #expect(try await context.call { Own.directory } == "/")
      }
      #expect(try await ConnectFixtures.leftFiles() == "")
    }

    @Test func `where no programs may be, and where there is no room, it goes elsewhere or says so`() async throws {
      let refusing = [("/dev/shm", "noexec"), ("/tmp", "size=1m"), ("/var/tmp", "ro")]
      try await withRouter { router in
        // The machine's own disk takes it.
        let home = try await router.connect(OddConnection(OddConnection.mounting(refusing), ["HOME=/root"]))
        #expect(try await home.call { Own.account } == "root")
        let runtime = try await router.connect(
          OddConnection(
            OddConnection.mounting(refusing + [("/mnt", "size=1g")]), ["XDG_RUNTIME_DIR=/mnt"]))
        #expect(try await runtime.call { 1 } == 1)
        let error = await #expect(throws: ConnectionError.self) {
          try await router.connect(OddConnection(OddConnection.mounting(refusing)))
        }
        #expect(error?.cause?.cause == .directory)
        #expect(error?.cause?.detail == "noexec:/dev/shm full:/tmp unwritable:/var/tmp noexec:/dev/shm")
        #expect(error?.description.contains("make room, or set XDG_RUNTIME_DIR to one") == true)
      }
      #expect(try await ConnectFixtures.leftFiles() == "")
    }

    @Test func `a root that is read only needs one place that is not`() async throws {
      let readOnly = "mount -o remount,bind,ro / || exit 9"
      try await withRouter { router in
        let context = try await router.connect(OddConnection(readOnly + "; cd /", ["HOME=/root"]))
        #expect(try await context.call { unsafe access("/tmp", W_OK) } == -1)
        let error = await #expect(throws: ConnectionError.self) {
          try await router.connect(
            OddConnection(readOnly + "; mount -o remount,ro,bind /dev/shm; cd /", ["HOME=/root"]))
        }
        let detail = "unwritable:/dev/shm unwritable:/tmp unwritable:/var/tmp unwritable:/root unwritable:/"
        #expect(error?.cause?.detail == detail, "\(error.map { "\($0)" } ?? "")")
      }
    }

    @Test(arguments: ["busybox", "toybox"]) func `programs of small systems`(_ kind: String) async throws {
      let place = TestCache()
      let path = place.path
      let shells = kind == "busybox" ? ["busybox"] : ["dash", "mksh"]
      for shell in shells {
        let setting =
          kind == "busybox"
          ? "mkdir -p '\(path)' && busybox --install -s '\(path)'"
          : "mkdir -p '\(path)' && cp -d '\(bed["ODD_TOYBOX_PATH"])'/* '\(path)' && ln -sf $(command -v \(shell)) '\(path)/sh'"
        #expect(try ShellCommand(setting).status == 0)
        try await withRouter { router in
          let context = try await router.connect(OddConnection(path: path))
          #expect(try await context.call { Environment.value("PATH") } == path)
          // And from there on.
          #expect(try await router.local(via: context).call { 1 } == 1)
        }
      }
      #expect(try await ConnectFixtures.leftFiles() == "")
    }

    @Test(.enabled(if: bed.has("DROPBEAR"), "\(bed.reason("DROPBEAR"))"), arguments: [false, true])
    func `another ssh server`(_ byPassword: Bool) async throws {
      let process = try await withRouter { router in
        var method = ConnectFixtures.ssh(
          key: byPassword ? nil : bed["DROPBEAR_KEY"], password: byPassword ? Secret(bed["DROPBEAR_PASSWORD"]) : nil,
          port: bed["DROPBEAR_PORT"], knownHosts: bed["DROPBEAR_KNOWN_HOSTS"])
        method.username = bed["DROPBEAR_USER"]
        let context = try await router.connect(method)
        #expect(try await context.call { Own.account } == bed["DROPBEAR_USER"])
        return try await context.call { getpid() }
      }
      #expect(kill(process, 0) == -1)
      #expect(try await ConnectFixtures.leftFiles() == "")
    }

    @Test(arguments: [false, true]) func `a link that dies in the middle of the program leaves nothing`(
      _ isCached: Bool
    ) async throws {
      let cache = TestCache()
      try await withRouter { router in
        let uploads = await router.uploads
        let method = ConnectFixtures.ssh(cache: isCached ? .directory(cache.path) : ImageCache.none)
        let connecting = Task { try await router.connect(method) }
        for await upload in uploads where upload.sentBytes > upload.totalBytes / 10 { break }
        _ = try ShellCommand("pkill -KILL -f '^ssh .*-p \(bed["SSH_PORT"])'")
        let error = await #expect(throws: ConnectionError.self) { try await connecting.value }
        #expect(error?.status == .signalled(number: SIGKILL), "\(error.map { "\($0)" } ?? "")")
      }
      // The shell over there is told by sshd.
      try await eventually("nothing is left") { (try? ConnectFixtures.files()) == "" && cache.entries == 0 }
    }
  }
}
