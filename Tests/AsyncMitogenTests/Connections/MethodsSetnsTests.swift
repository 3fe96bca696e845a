import Glibc
import Testing

@testable import AsyncMitogen

@Suite struct `Entering containers` {
  private static func lookup(_ kind: SetnsConnection.Kind) -> LeaderLookup {
    SetnsConnection(container: "c", kind: kind).leaderLookup!
  }

  @Test(arguments: [
    (SetnsConnection.Kind.docker, ["docker", "inspect", "--format={{.State.Pid}}", "c"]),
    (.podman, ["podman", "inspect", "--format={{.State.Pid}}", "c"]),
    (.lxc, ["lxc-info", "-n", "c"]), (.lxd, ["lxc", "info", "c"]), (.machinectl, ["machinectl", "status", "c"]),
  ])
  func `Each manager is asked in its own way`(_ kind: SetnsConnection.Kind, _ words: [String]) {
    #expect(Self.lookup(kind).words == words)
  }

  @Test(arguments: [
    (SetnsConnection.Kind.docker, "4711\n", 4711),
    (.lxc, "Name:           amt-lxc\nState:          RUNNING\nPID:            42\n", 42),
    (.lxc, "PID: 1\n", 1), (.lxd, "Name: c\nPid: 1\nIps:\n", 1), (.lxd, "Status: RUNNING\nPID: 99\n", 99),
    (
      .machinectl,
      "Failed to query unit control group path\namt-nspawn(5a6b)\n           Since: Sat 2026-11-21\n"
        + "          Leader: 815 (init)\n", 815
    ),
  ])
  func `The first process is found in what is printed`(_ kind: SetnsConnection.Kind, _ output: String, _ leader: Int32)
    throws
  {
    #expect(try Self.lookup(kind).leader(in: output, status: .exited(code: 0)) == leader)
  }

  @Test(arguments: [
    (SetnsConnection.Kind.docker, "", "could not find PID from docker output.\n"),
    (.docker, "0\n", "could not find PID from docker output.\n0\n"),
    (.docker, "x\n", "could not find PID from docker output.\nx\n"),
    (.lxc, "State: STOPPED\n", "could not find PID from lxc-info output.\nState: STOPPED\n"),
    (.lxd, "Pid:\n", "could not find PID from lxc output.\nPid:\n"),
    (.machinectl, "Leader: init\n", "could not find PID from machinectl output.\nLeader: init\n"),
  ])
  func `What is not found is an error`(_ kind: SetnsConnection.Kind, _ output: String, _ message: String) {
    let error = #expect(throws: StreamError.self) {
      try Self.lookup(kind).leader(in: output, status: .exited(code: 0))
    }
    #expect(error?.message == message)
  }

  @Test func `A program that fails is an error with what it said`() {
    let error = #expect(throws: StreamError.self) {
      try Self.lookup(.docker).leader(in: "Error: No such object: c", status: .exited(code: 1))
    }
    #expect(error?.message == "docker exited with status 1: Error: No such object: c")
  }

  @Test func `The command line keeps a shell in between`() {
    let plan = SetnsConnection(container: "c", kind: .lxc, username: "amt").launchPlan(
      boot: ["sh", "-c", "a b"], leader: 7)
    #expect(plan.path == "/proc/self/exe")
    #expect(plan.arguments == ["mitogen-enter:", "7", "amt", "/bin/sh", "-c", "sh -c 'a b'; exit $?"])
    #expect(SetnsConnection(container: "c", kind: .lxc).contextName(processID: 1) == "setns.c")
  }

  @Test func `A number is a process, and nothing else is`() throws {
    #expect(SetnsConnection(container: "12", kind: .pid).leaderLookup == nil)
    #expect(try SetnsConnection(container: "12", kind: .pid).leaderNumber == 12)
    for name in ["", "0", "-1", "x", "99999999999"] {
      #expect(throws: ConnectionError.self) { try SetnsConnection(container: name, kind: .pid).leaderNumber }
    }
  }

  @Test func `A process that is not there cannot be entered`() throws {
    let plan = SetnsConnection(container: "c", kind: .lxc).launchPlan(boot: ["true"], leader: 2_000_000_000)
    let outcome = try MethodsDriver.run(plan)
    #expect(outcome.status == .exited(code: 126))
    #expect(outcome.log.joined().hasPrefix("setns: stat(/proc/2000000000/ns/ipc): "), "\(outcome)")
  }

  struct Target: Sendable {
    let name: String
    let method: SetnsConnection
    let environment: String
  }

  private static let targets = [
    Target(
      name: "DOCKER",
      method: SetnsConnection(
        container: bed["DOCKER_CONTAINER"], kind: .docker, username: "amt", dockerPath: bed["DOCKER"]),
      environment: "DOCKER_HOST=\(bed["DOCKER_HOST"])"),
    Target(
      name: "PODMAN",
      method: SetnsConnection(container: bed["PODMAN_CONTAINER"], kind: .podman, podmanPath: bed["PODMAN"]),
      environment: "A=b"),
    Target(
      name: "LXC",
      method: SetnsConnection(container: bed["LXC_CONTAINER"], kind: .lxc, lxcInfoPath: bed["LXC_INFO"]),
      environment: "A=b"),
    Target(
      name: "LXD",
      method: SetnsConnection(container: bed["LXD_UNPRIVILEGED_CONTAINER"], kind: .lxd, lxcPath: bed["LXD"]),
      environment: "LXD_DIR=\(bed["LXD_DIR"])"),
    Target(
      name: "NSPAWN",
      method: SetnsConnection(
        container: bed["MACHINECTL_MACHINE"], kind: .machinectl, machinectlPath: bed["MACHINECTL"]),
      environment: "A=b"),
  ].filter { bed.has($0.name) }

  @Test(.enabled(if: !targets.isEmpty, "\(bed.reason("LXC"))"), arguments: targets.map(\.name))
  func `Real containers are entered`(_ name: String) throws {
    let target = try #require(Self.targets.first { $0.name == name })
    let lookup = try #require(target.method.leaderLookup)
    let command = try ShellCommand("env \(target.environment) " + ShellQuoting.join(lookup.words))
    let leader = try lookup.leader(in: command.output, status: .exited(code: command.status))
    let boot = [
      "sh", "-c", #"echo MITO002; read -r line; echo "got $(id -un) $(id -gn) $HOME $(readlink /proc/self/ns/mnt)""#,
    ]
    let outcome = try MethodsDriver.run(target.method.launchPlan(boot: boot, leader: leader))
    let words = outcome.reply.split(separator: " ").map(String.init)
    let user = target.method.username
    #expect(words.count == 5 && words.prefix(3) == ["got", user, user], "\(outcome)")
    #expect(
      words.last != (try ShellCommand("readlink /proc/self/ns/mnt").output.split(separator: "\n").last.map(String.init))
    )
    #expect(outcome.status == .exited(code: 0))
  }
}

private let bed = Testbed.shared
