import Glibc
import Testing

@testable import AsyncMitogen

private let bed = Testbed.shared

extension `Methods with real programs` {
  /// A way in, if the testbed has it.
  struct Way: Sendable, CustomTestStringConvertible {
    let name: String
    let method: any CommandConnection
    var wrapper: [String] = []
    var environment: [String: String] = [:]
    var testDescription: String { name }

    static var all: [Way] {
      let ways = [
        Way(name: "SSH", method: ConnectFixtures.ssh()),
        Way(
          name: "DROPBEAR",
          method: ConnectFixtures.ssh(port: bed["DROPBEAR_PORT"], knownHosts: bed["DROPBEAR_KNOWN_HOSTS"])),
        Way(name: "SUDO", method: SudoConnection(), wrapper: bed.as("SUDO_NOPASSWD_USER")),
        Way(name: "SUDO", method: SudoConnection(login: true), wrapper: bed.as("SUDO_NOPASSWD_USER")),
        Way(name: "DOAS", method: DoasConnection(), wrapper: bed.as("DOAS_NOPASS_USER")),
        Way(name: "SU", method: SuConnection(username: bed["SU_TARGET_USER"])),
        Way(
          name: "DOCKER", method: DockerConnection(container: bed["DOCKER_CONTAINER"], dockerPath: bed["DOCKER"]),
          environment: ["DOCKER_HOST": bed["DOCKER_HOST"]]),
        Way(name: "PODMAN", method: PodmanConnection(container: bed["PODMAN_CONTAINER"], podmanPath: bed["PODMAN"])),
        Way(name: "LXC", method: LXCConnection(container: bed["LXC_CONTAINER"], lxcAttachPath: bed["LXC_ATTACH"])),
        Way(
          name: "LXD", method: LXDConnection(container: bed["LXD_CONTAINER"], lxcPath: bed["LXD"]),
          environment: ["LXD_DIR": bed["LXD_DIR"]]),
        Way(
          name: "KUBECTL", method: KubectlConnection(pod: bed["KUBECTL_POD"], kubectlPath: bed["KUBECTL"]),
          environment: ["KUBECONFIG": bed["KUBECONFIG"]]),
      ]
      return ways.filter { bed.has($0.name) }
    }
  }

  @Test(.enabled(if: !Way.all.isEmpty, "\(bed.reason("SSH"))"), arguments: Way.all)
  func `What the first stage reads from blocks`(_ way: Way) throws {
    let line = #"echo MITO002; read -r line; echo "got $(grep flags: /proc/self/fdinfo/0)""#
    let outcome = try MethodsDriver.run(
      way.method, wrapper: way.wrapper, environment: way.environment, boot: ["sh", "-c", line])
    let flags = try #require(
      outcome.reply.split(whereSeparator: \.isWhitespace).last.flatMap { Int32($0, radix: 8) }, "\(outcome)")
    #expect(flags & O_NONBLOCK == 0, "\(outcome)")
  }
}
