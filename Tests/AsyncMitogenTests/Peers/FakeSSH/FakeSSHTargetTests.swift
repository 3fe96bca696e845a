import AsyncMitogen
import Glibc
import Testing

private let bed = Testbed.shared

extension `Contexts over real programs` {
  /// rsync and its like with a context of another account, that was reached over a real program; see Tests/Testbed.
  @Suite(.serialized, .enabled(if: ShellCommand.finds("rsync") && ShellCommand.finds("git"), "needs rsync and git"))
  struct `Moving files over real programs` {
    private func check(_ connect: (Router) async throws -> Context) async throws {
      try await withRouter { router in
        let context = try await connect(router)
        let sandbox = try Sandbox()
        try FakeSSHFixtures.makeTree(sandbox, "here")
        let there = try await context.call {
          var template = Array("/tmp/amt-moving-XXXXXX".utf8CString)
          guard unsafe mkdtemp(&template) != nil else { throw CancellationError() }
          return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        let script = """
          rsync -a here/ there:\(there)/copy/ && rsync -a there:\(there)/copy/ back/ &&
          ssh there 'git init -q --bare \(there)/a.git' && git clone -q there:\(there)/a.git clone 2>/dev/null &&
          ssh there 'id -u; cat; rm -rf \(there)'
          """
        let result = try await FakeSSHFixtures.script(script, router, in: context, directory: sandbox.path)
        let user = try await context.call { geteuid() }
        #expect(result.status == .exited(code: 0) && result.output == "\(user)\n", "\(result)")
        #expect(try FakeSSHFixtures.difference(sandbox("here"), sandbox("back")) == "")
        #expect(sandbox.names(in: "clone") == [".git"])
      }
    }

    @Test(.enabled(if: bed.has("SSH"), "\(bed.reason("SSH"))")) func `ssh`() async throws {
      try await check { router in try await router.connect(ConnectFixtures.ssh()) }
    }

    @Test(.enabled(if: bed.has("SUDO"), "\(bed.reason("SUDO"))")) func `sudo`() async throws {
      try await check { router in try await ConnectFixtures.become("SUDO_NOPASSWD_USER", router) }
    }

    @Test(.enabled(if: bed.has("SUDO") && bed.has("SSH"), "\(bed.reason("SSH"))"))
    func `below another one`() async throws {
      try await check { router in
        let between = try await router.connect(ConnectFixtures.ssh())
        return try await router.local(via: between)
      }
    }
  }
}
