import AsyncMitogen
import Glibc
import Testing

private let bed = Testbed.shared

extension `Contexts over real programs` {
  /// From a controller to host 2, and from there to host 3; see Tests/Testbed.
  @Suite(.serialized, .enabled(if: bed.has("NETNS"), "\(bed.reason("NETNS"))"))
  struct `Contexts on three hosts` {
    /// What happens on the way.
    enum Fault: CaseIterable {
      /// Host 2 is gone with all its processes.
      case crash
      /// Only what sshd started for us is killed.
      case session
      /// Only our process is killed.
      case process
    }

    @Test func `each is where it should be, and all end with the router`() async throws {
      try await withRouter { router in
        let way = try await ThreeHosts.way(router)
        let names = [way.controller, way.second, way.third]
        #expect(try await names[1].call { HostName.own } == bed["NETNS_HOST2"])
        #expect(try await names[2].call { HostName.own } == bed["NETNS_HOST3"])
        #expect(way.third.name == "controller.ssh.\(ThreeHosts.address(of: 2)).ssh.\(ThreeHosts.address(of: 3))")
        #expect(try ThreeHosts.processes(on: 3).contains(where: ThreeHosts.isContext))
      }
      try await ThreeHosts.waitUntilEmpty()
      try await ThreeHosts.waitForController()
    }

    @Test(arguments: Fault.allCases) func `a host that dies takes what is beyond it along`(_ fault: Fault) async throws
    {
      try await withRouter { router in
        let way = try await ThreeHosts.way(router)
        let calls = [way.second, way.third].map { context in
          Task { try await context.call { try await Task.sleep(for: .seconds(60)) } }
        }
        // They have begun: another call's answer comes behind them.
        for context in [way.second, way.third] { _ = try await context.call { 1 } }
        let start = ContinuousClock.now
        defer { if fault == .crash { #expect(throws: Never.self) { try ThreeHosts.repair() } } }
        try cause(fault)
        let hop = "ssh.\(ThreeHosts.address(of: 2))"
        for (call, context) in zip(calls, [way.second, way.third]) {
          let error = await #expect(throws: (any Error).self) { try await call.value }
          let text = error.map { "\($0)" } ?? ""
          #expect(text.contains(hop), "\(text)")
          #expect(
            context.id != way.third.id || text.contains("its way led through context \(way.second.id)"), "\(text)")
        }
        #expect(ContinuousClock.now - start < .seconds(2))
        // Whoever asks afterwards is told at once, and the controller goes on.
        await #expect(throws: (any Error).self) { try await way.third.call { 1 } }
        #expect(try await way.controller.call { HostName.own } != "")
        try await ThreeHosts.waitUntilEmpty(limit: .seconds(3))
      }
      try await ThreeHosts.waitForController()
    }

    private func cause(_ fault: Fault) throws {
      switch fault {
      case .crash: Glibc.kill(try ThreeHosts.daemon(of: 2), SIGKILL)
      case .session: try kill { $0.contains("sshd: \(bed["NETNS_SSH_USER"])") }
      case .process: try kill(ThreeHosts.isContext)
      }
    }

    /// Kills some processes of host 2.
    private func kill(_ isMeant: (String) -> Bool) throws {
      let first = try ShellCommand("cat /proc/\(ThreeHosts.daemon(of: 2))/task/*/children").output.split(separator: " ")
      let pids = try ThreeHosts.processes(on: 2).filter(isMeant).compactMap { $0.split(separator: " ").first }
      try #require(!pids.isEmpty && !first.isEmpty)
      #expect(try ShellCommand("nsenter -t \(first[0]) -p -m kill -9 \(pids.joined(separator: " "))").status == 0)
    }

    @Test func `a link that is cut is given up at both ends`() async throws {
      let interval = Duration.milliseconds(250)
      try await withRouter(configuration: RouterConfiguration(keepAliveInterval: interval)) { router in
        let way = try await ThreeHosts.way(router)
        let calls = [way.second, way.third].map { context in
          Task { try await context.call { try await Task.sleep(for: .seconds(60)) } }
        }
        for context in [way.second, way.third] { _ = try await context.call { 1 } }
        // Longer than it takes to give up a link that is silent: this one is not.
        try await Task.sleep(for: interval * 6)
        #expect(try await way.third.call { 2 } == 2)
        try ThreeHosts.setLink(0, 2, isDown: true)
        defer { #expect(throws: Never.self) { try ThreeHosts.setLink(0, 2, isDown: false) } }
        let start = ContinuousClock.now
        for call in calls {
          let error = await #expect(throws: (any Error).self) { try await call.value }
          let text = error.map { "\($0)" } ?? ""
          #expect(text.contains("ssh.\(ThreeHosts.address(of: 2))"), "\(text)")
          #expect(text.contains("nothing was heard for \(interval * 4)"), "\(text)")
        }
        #expect(ContinuousClock.now - start < interval * 5 + .seconds(1))
        // The sshd over there does not know of it yet: it still has something to say to somebody who is not there.
        try await ThreeHosts.waitUntilEmpty(except: { $0.contains("sshd: ") })
        try ThreeHosts.setLink(0, 2, isDown: false)
        try await ThreeHosts.waitUntilEmpty(limit: .seconds(60))
        // And there is a way again.
        let again = try await router.connect(ThreeHosts.ssh(2, byKey: true), via: way.controller)
        #expect(try await again.call { HostName.own } == bed["NETNS_HOST2"])
      }
      try await ThreeHosts.waitForController()
    }

    @Test func `when the controller is killed nothing stays anywhere`() async throws {
      let words = ThreeHosts.arguments.map { "ssh_args=" + $0.split(separator: " ").joined(separator: "%20") }
      let own = words.joined(separator: "&")
      let user = bed["NETNS_SSH_USER"]
      let spec =
        "ssh:\(user)@\(ThreeHosts.address(of: 2))?identity_file=\(bed["NETNS_SSH_KEY"])&\(own)"
        + "/ssh:\(user)@\(ThreeHosts.address(of: 3))?password=\(bed["NETNS_SSH_PASSWORD"])&\(own)"
      let line = [bed["NETNS_EXEC"], Place.build + "/AsyncMitogenDemo", "run", "--on", spec, "--", "sleep", "4711"]
      let started = try ShellCommand(
        "\(line.map(ShellCommand.quoted).joined(separator: " ")) >/dev/null 2>&1 & echo $!")
      let pid = try #require(pid_t(started.output.split(separator: "\n").first ?? ""))
      defer { Glibc.kill(pid, SIGKILL) }
      let deadline = ContinuousClock.now + .seconds(30)
      while try !ThreeHosts.processes(on: 3).contains(where: { $0.hasSuffix("sleep 4711") }) {
        try #require(ContinuousClock.now < deadline && Glibc.kill(pid, 0) == 0)
        await Task.yield()
      }
      #expect(try ThreeHosts.processes(on: 2).contains(where: ThreeHosts.isContext))
      Glibc.kill(pid, SIGKILL)
      let spent = try await ThreeHosts.waitUntilEmpty()
      #expect(spent < .seconds(3))
      try await ThreeHosts.waitForController()
    }
  }
}

/// What a machine is called.
enum HostName {
  static var own: String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard unsafe gethostname(&buffer, buffer.count - 1) == 0 else { return "" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
