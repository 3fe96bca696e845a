import Glibc
import Testing

@testable import AsyncMitogen

/// Real programs, where they are installed, with a child and one below it in the place of another machine.
@Suite(.timeLimit(.minutes(2)))
struct FakeSSHProgramTests {
  private typealias Fixtures = FakeSSHFixtures

  private static let hasRsync = ShellCommand.finds("rsync")
  private static let hasSCP = ShellCommand.finds("scp")
  private static let hasSFTP = hasSCP && RemoteCommand.sftpServers.contains { unsafe access($0, X_OK) == 0 }
  private static let hasGit = ShellCommand.finds("git")

  /// Takes a tree there and back again with two command lines, and compares.
  private func roundTrip(
    _ there: (Sandbox) -> [String], _ back: (Sandbox) -> [String], environment: [String: String] = [:]
  ) async throws {
    try await withRouter { router in
      for context in try await Fixtures.contexts(router) {
        let sandbox = try Sandbox()
        try Fixtures.makeTree(sandbox, "here")
        for words in [there(sandbox), back(sandbox)] {
          let result = try await Fixtures.run(
            words, router, in: context, environment: environment, directory: sandbox.path)
          #expect(result.status.isSuccess, "\(words): \(result)")
        }
        #expect(try Fixtures.difference(sandbox("here"), sandbox("there")) == "")
        #expect(try Fixtures.difference(sandbox("here"), sandbox("back")) == "")
      }
    }
  }

  @Test(.enabled(if: hasRsync, "there is no rsync"))
  func `rsync takes a tree there and back`() async throws {
    try await roundTrip {
      ["rsync", "-a", "here/", "any:\($0("there"))"]
    } _: {
      ["rsync", "-a", "any:\($0("there"))/", "back"]
    }
    // As people write it.
    try await roundTrip {
      ["rsync", "-az", "-e", "ssh -p 22", "here/", "me@any:\($0("there"))"]
    } _: {
      ["rsync", "-a", "any:\($0("there"))/", "back"]
    }
  }

  @Test(.enabled(if: hasRsync, "there is no rsync"))
  func `rsync runs in a child, towards one below it`() async throws {
    let sandbox = try Sandbox()
    try Fixtures.makeTree(sandbox, "here")
    try await withRouter { router in
      let contexts = try await Fixtures.contexts(router)
      let status = try await contexts[0].call(contexts[1], sandbox("here/"), sandbox("there")) { below, from, to in
        guard let router = ExternalContext.current?.router else { throw StreamError("not in a child") }
        return try await FakeSSH.run(["rsync", "-a", from, "any:\(to)"], router: router, in: router.context(below.id))
      }
      #expect(status.isSuccess)
      #expect(try Fixtures.difference(sandbox("here"), sandbox("there")) == "")
    }
  }

  @Test(.enabled(if: hasRsync, "there is no rsync"))
  func `what rsync complains about arrives, and so does its status`() async throws {
    let sandbox = try Sandbox()
    try await withRouter { router in
      let child = try await router.local()
      let result = try await Fixtures.run(
        ["rsync", "-a", "any:\(sandbox("none"))", "."], router, in: child, directory: sandbox.path)
      #expect(result.status == .exited(code: 23))
      #expect(result.errors.contains("No such file or directory"))
    }
  }

  @Test(.enabled(if: hasSCP, "there is no scp"), arguments: ["scp", "/usr/bin/scp"])
  func `scp takes a tree there and back, by its old protocol`(program: String) async throws {
    try await copies([program, "-O"])
  }

  @Test(.enabled(if: hasSFTP, "there is no scp or no sftp-server"))
  func `scp takes a tree there and back, by sftp`() async throws { try await copies(["scp", "-s"]) }

  private func copies(_ scp: [String]) async throws {
    // It follows links.
    try await withRouter { router in
      for context in try await Fixtures.contexts(router) {
        let sandbox = try Sandbox()
        try Fixtures.makeTree(sandbox, "here")
        sandbox.remove("here/deep/link")
        for words in [["-rp", "here", "any:\(sandbox("there"))"], ["-rp", "any:\(sandbox("there"))", "back"]] {
          let result = try await Fixtures.run(scp + words, router, in: context, directory: sandbox.path)
          #expect(result.status.isSuccess, "\(words): \(result)")
        }
        #expect(try Fixtures.difference(sandbox("here"), sandbox("there")) == "")
        #expect(try Fixtures.difference(sandbox("here"), sandbox("back")) == "")
      }
    }
  }

  @Test(.enabled(if: hasSFTP, "there is no sftp or no sftp-server"))
  func `sftp does what its batch says`() async throws {
    try await withRouter { router in
      for context in try await Fixtures.contexts(router) {
        let sandbox = try Sandbox()
        try Fixtures.makeTree(sandbox, "here")
        sandbox.remove("here/deep/link")
        let batch =
          "mkdir \(sandbox("there"))\nput -Rp here/* \(sandbox("there"))\nget -Rp \(sandbox("there")) back\nbye\n"
        let result = try await Fixtures.run(
          ["sftp", "-b", "-", "any"], router, in: context, directory: sandbox.path, input: .bytes(Array(batch.utf8)))
        #expect(result.status.isSuccess, "\(result)")
        #expect(try Fixtures.difference(sandbox("here"), sandbox("there")) == "")
        #expect(try Fixtures.difference(sandbox("here"), sandbox("back")) == "")
      }
    }
  }

  @Test(.enabled(if: hasGit, "there is no git"))
  func `git pushes and clones`() async throws {
    let environment = [
      "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b",
      "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b",
    ]
    try await withRouter { router in
      for context in try await Fixtures.contexts(router) {
        let sandbox = try Sandbox()
        try Fixtures.makeTree(sandbox, "here")
        let script = """
          set -e; git init -q --bare '\(sandbox("there.git"))'; cd here; git init -q; git add -A; git commit -q -m all
          git push -q any:'\(sandbox("there.git"))' HEAD:main; cd ..
          git clone -q -b main ssh://any'\(sandbox("there.git"))' back; rm -rf here/.git back/.git
          """
        let result = try await Fixtures.run(
          ["/bin/sh", "-c", script], router, in: context, environment: environment, directory: sandbox.path)
        #expect(result.status.isSuccess, "\(result)")
        #expect(try Fixtures.difference(sandbox("here"), sandbox("back")) == "")
      }
    }
  }

  @Test(.enabled(if: hasRsync, "there is no rsync"))
  func `several at once, in several contexts`() async throws {
    let sandbox = try Sandbox()
    try Fixtures.makeTree(sandbox, "here")
    try await withRouter { router in
      let contexts = try await Fixtures.contexts(router)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<8 {
          group.addTask {
            let target = sandbox("there\(number)")
            let result = try await Fixtures.run(
              ["rsync", "-a", "here/", "any:\(target)"], router, in: contexts[number % 2], directory: sandbox.path)
            #expect(result.status.isSuccess, "\(result)")
            #expect(try Fixtures.difference(sandbox("here"), target) == "")
          }
        }
        try await group.waitForAll()
      }
    }
  }
}
