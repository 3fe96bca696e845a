import AsyncMitogen
import Glibc
import Testing

private let bed = Testbed.shared

extension `Contexts over real programs` {
  /// Whole contexts as other users of this machine; see Tests/Testbed.
  @Suite(.serialized) struct `Contexts as other users` {
    @Test(
      .enabled(if: bed.has("SUDO"), "\(bed.reason("SUDO"))"),
      arguments: [
        ("SUDO_NOPASSWD_USER", ""), ("SUDO_PASSWORD_USER", "SUDO_PASSWORD"), ("SUDO_REQUIRETTY_USER", ""),
        ("SUDO_LECTURE_USER", "SUDO_LECTURE_PASSWORD"),
      ])
    func `sudo lets in who may`(_ user: String, _ password: String) async throws {
      try await withRouter { router in
        let from = try await ConnectFixtures.become(user, router)
        #expect(try await ConnectFixtures.user(of: from) == bed[user])
        let root = try await router.sudo(password: password.isEmpty ? nil : Secret(bed[password]), via: from)
        #expect(try await root.call { getuid() } == 0)
        #expect(root.name == "sudo.\(bed[user]).sudo.root")
      }
    }

    @Test(.enabled(if: bed.has("SUDO"), "\(bed.reason("SUDO"))"))
    func `standard streams as another user`() async throws {
      try await withRouter { router in
        let from = try await ConnectFixtures.become("SUDO_NOPASSWD_USER", router)
        let root = try await router.sudo(via: from)
        #expect(try await root.call { getuid() } == 0)
        #expect(try await root.call { StandardDescriptors.inputIsEmpty() })
        #expect(try await root.call { StandardDescriptors.areBlocking() })
        #expect(try await root.call { StandardDescriptors.write(1 << 20) } == 1 << 20)
        #expect(try await root.call { StandardDescriptors.inherited() }.isEmpty)
      }
    }

    @Test(.enabled(if: bed.has("SUDO"), "\(bed.reason("SUDO"))"))
    func `sudo says no`() async throws {
      try await withRouter { router in
        let from = try await ConnectFixtures.become("SUDO_PASSWORD_USER", router)
        await #expect(throws: PasswordError("sudo password is required")) { try await router.sudo(via: from) }
        await #expect(throws: PasswordError("sudo password is incorrect")) {
          try await router.sudo(password: "wrong", via: from)
        }
        var attempts: [Int] = []
        let asked = AsyncStream.makeStream(of: Int.self)
        let root = try await router.sudo(via: from) { request in
          asked.continuation.yield(request.attempt)
          return request.attempt == 1 ? "wrong" : Secret(bed["SUDO_PASSWORD"])
        }
        asked.continuation.finish()
        for await attempt in asked.stream { attempts.append(attempt) }
        #expect(attempts == [1, 2])
        #expect(try await root.call { getuid() } == 0)
        let denied = try await ConnectFixtures.become("SUDO_DENIED_USER", router)
        let error = await #expect(throws: ConnectionError.self) {
          try await router.sudo(password: Secret(bed["SUDO_DENIED_PASSWORD"]), via: denied)
        }
        #expect(error?.lines.last == "\(bed["SUDO_DENIED_USER"]) is not in the sudoers file.")
        #expect(error?.description.contains(bed["SUDO_DENIED_PASSWORD"]) == false)
      }
    }

    @Test(.enabled(if: bed.has("SU"), "\(bed.reason("SU"))"))
    func `su lets in who knows the password, over a terminal`() async throws {
      try await withRouter { router in
        let from = try await ConnectFixtures.become("SU_FROM_USER", router)
        let target = try await router.su(
          username: bed["SU_TARGET_USER"], password: Secret(bed["SU_TARGET_PASSWORD"]), via: from)
        #expect(try await ConnectFixtures.user(of: target) == bed["SU_TARGET_USER"])
        // Every byte passes, and much of it.
        let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        #expect(try await target.call(bytes) { Array($0.reversed()) } == Array(bytes.reversed()))
        await #expect(throws: PasswordError("su password is incorrect")) {
          try await router.su(username: bed["SU_TARGET_USER"], password: "wrong", via: from)
        }
        await #expect(throws: PasswordError("su password is required")) {
          try await router.su(username: bed["SU_TARGET_USER"], via: from)
        }
      }
    }

    @Test(
      .enabled(if: bed.has("DOAS"), "\(bed.reason("DOAS"))"),
      arguments: [("DOAS_NOPASS_USER", ""), ("DOAS_PASSWORD_USER", "DOAS_PASSWORD")])
    func `doas lets in who may`(_ user: String, _ password: String) async throws {
      try await withRouter { router in
        let from = try await ConnectFixtures.become(user, router)
        let root = try await router.doas(password: password.isEmpty ? nil : Secret(bed[password]), via: from)
        #expect(try await root.call { getuid() } == 0)
      }
    }

    @Test(.enabled(if: bed.has("SSH") && bed.has("SUDO") && bed.has("SU"), "ssh, sudo and su are not all up"))
    func `ten deep, by ssh, sudo, su and local in turn`() async throws {
      try await withRouter { router in
        let uploads = await router.uploads
        var context = try await router.connect(ConnectFixtures.ssh())
        for depth in 1..<10 {
          switch depth % 4 {
          case 1:
            // The account has no rights of its own: it becomes one that has.
            context = try await router.su(
              username: bed["SUDO_PASSWORD_USER"], password: Secret(bed["SUDO_PASSWORD"]), via: context)
          case 2: context = try await router.sudo(password: Secret(bed["SUDO_PASSWORD"]), via: context)
          case 3: context = try await router.connect(ConnectFixtures.ssh(), via: context)
          default: context = try await router.local(via: context)
          }
        }
        #expect(try await context.call { Mitogen.parentIDs.count } == 10)
        await router.shutdown()
        var contexts: Set<ContextID> = []
        for await upload in uploads { contexts.insert(upload.context.id) }
        // Over the first link the program went once: each of the others had it from the one before.
        #expect(contexts.count == 1)
      }
      #expect(try await ConnectFixtures.leftFiles() == "")
    }
  }
}
