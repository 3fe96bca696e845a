import Foundation
import Testing

@testable import AsyncMitogen

struct ExitStatusTests {
  @Test(
    arguments: [
      (0, "exited with return code 0"), (1, "exited with return code 1"), (-9, "exited due to signal 9 (SIGKILL)"),
      (-40, "exited due to signal 40 (SIGRTMIN+6)"), (-33, "exited due to signal 33"), (-99, "exited due to signal 99"),
    ] as [(Int32, String)]) func `a status has Mitogen's text`(returnCode: Int32, text: String)
  {
    #expect(ExitStatus(returnCode: returnCode).description == text)
  }

  @Test func `a wait status is read`() {
    #expect(ExitStatus(waitStatus: 0) == .exited(code: 0))
    #expect(ExitStatus(waitStatus: 0xFF00) == .exited(code: 255))
    #expect(ExitStatus(waitStatus: 15) == .signalled(number: 15))
    #expect(ExitStatus(waitStatus: 11 | 0x80) == .signalled(number: 11))
    #expect(ExitStatus(waitStatus: 0).isSuccess && !ExitStatus(waitStatus: 256).isSuccess)
  }

  @Test(arguments: [
    (SIGHUP, "SIGHUP"), (SIGINT, "SIGINT"), (SIGKILL, "SIGKILL"), (SIGUSR1, "SIGUSR1"), (SIGSEGV, "SIGSEGV"),
    (SIGTERM, "SIGTERM"), (SIGCHLD, "SIGCHLD"), (SIGSTOP, "SIGSTOP"), (SIGWINCH, "SIGWINCH"), (SIGSYS, "SIGSYS"),
  ]) func `signals have the C library's numbers`(number: Int32, name: String) {
    #expect(SignalName.name(of: number) == name)
  }

  @Test func `the ends of the table`() {
    #expect([0, 32, 33, 65, -1].allSatisfy { SignalName.name(of: $0) == nil })
    #expect(
      [31, 34, 35, 63, 64].map { SignalName.name(of: $0) } == [
        "SIGSYS", "SIGRTMIN", "SIGRTMIN+1", "SIGRTMIN+29", "SIGRTMAX",
      ])
  }
}

struct DefaultRemoteNameTests {
  @Test func `slashes become underscores`() {
    #expect(
      DefaultRemoteName.make(user: "ECORP\\Administrator", host: "box", pid: 123) == "ECORP_Administrator@box:123")
    #expect(DefaultRemoteName.make(user: "a/b", host: "c\\d", pid: 1) == "a_b@c_d:1")
  }
}
