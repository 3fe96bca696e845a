import Testing

@testable import AsyncMitogenDemo

@Suite struct `Arguments of the demonstration` {
  private static func command(_ line: String) throws(UsageError) -> Command {
    try Command(arguments: line.split(separator: " ").map(String.init))
  }

  @Test func `Without targets as before`() throws {
    #expect(try Self.command("") == .facts(TreeOptions()))
    var options = TreeOptions()
    options.local = 3
    options.depth = 0
    options.json = true
    #expect(try Self.command("--local 3 --depth=0 --json") == .facts(options))
    #expect(try Self.command("tree --local 3 --depth=0 --json") == .tree(options))
    #expect(
      try Self.command("run --local 3 --depth=0 --json ls -l --json")
        == .run(options, commandLine: ["ls", "-l", "--json"]))
    #expect(try Self.command("run -- -x") == .run(TreeOptions(), commandLine: ["-x"]))
  }

  @Test(arguments: ["", "facts ", "tree ", "run ", "copy ", "fetch ", "tail ", "top ", "services "])
  func `Targets of any command`(_ name: String) throws {
    let operands = ["run ": " x", "copy ": " a b", "fetch ": " a b", "tail ": " a"][name] ?? ""
    let given = "--on local --inventory hosts --on=ssh:k3?port=1 --parallel 0 --timeout 2.5 --password-prompt"
    let command = try Self.command(name + given + " --join=a.sock" + operands)
    var options = TreeOptions()
    options.targets.sources = [
      .spec(try TargetSpec(parsing: "local")), .inventory("hosts"), .spec(try TargetSpec(parsing: "ssh:k3:1")),
    ]
    options.targets.parallel = 0
    options.targets.timeout = .seconds(2.5)
    options.targets.asksPassword = true
    options.targets.joined = "a.sock"
    let expected: Command =
      switch name {
      case "tree ": .tree(options)
      case "run ": .run(options, commandLine: ["x"])
      case "copy ": .copy(options, IncomingFile(source: "a", destination: "b"))
      case "fetch ": .fetch(options, IncomingFile(source: "a", destination: "b"))
      case "tail ": .tail(options, TailOptions(file: "a"))
      case "top ": .top(options, TopOptions())
      case "services ": .services(options, ServicesOptions())
      default: .facts(options)
      }
    #expect(command == expected)
  }

  @Test func `Options of one command`() throws {
    guard case .tail(_, let tail) = try Self.command("tail --on local --lines 0 -- -f") else {
      Issue.record("not tail")
      return
    }
    #expect(tail == TailOptions(file: "-f", lines: 0))
    guard case .fetch(_, let file) = try Self.command("fetch --resume --on local a b") else {
      Issue.record("not fetch")
      return
    }
    #expect(file == IncomingFile(source: "a", destination: "b", resumes: true))
    guard case .top(_, let top) = try Self.command("top --on local --interval 0.5 --count 3") else {
      Issue.record("not top")
      return
    }
    #expect(top == TopOptions(interval: .milliseconds(500), count: 3))
    guard case .services(_, let services) = try Self.command("services --on local --interval 9 --once --load 0") else {
      Issue.record("not services")
      return
    }
    #expect(services == ServicesOptions(pace: TopOptions(interval: .seconds(9), count: 1), load: 0))
  }

  @Test func `A context that is left behind, and joined`() throws {
    #expect(try Self.command("detach") == .detach(path: nil, ends: false))
    #expect(try Self.command("detach a.sock") == .detach(path: "a.sock", ends: false))
    #expect(try Self.command("detach --end a.sock") == .detach(path: "a.sock", ends: true))
    var options = TreeOptions()
    options.targets.joined = "a.sock"
    #expect(try Self.command("top --join a.sock --count 2") == .top(options, TopOptions(count: 2)))
  }

  @Test(arguments: HelpTopic.allCases) func `Help`(_ topic: HelpTopic) throws {
    #expect(try Self.command("help \(topic.rawValue)") == .help(topic))
    if topic.isCommand { #expect(try Self.command("\(topic.rawValue) --help") == .help(topic)) }
    #expect(topic.text.hasSuffix("\n") && !topic.text.hasSuffix("\n\n\n"))
    #expect(topic.text.split(separator: "\n").allSatisfy { $0.count <= 120 })
  }

  @Test(arguments: [
    ("no-such", "no such command: 'no-such'"), ("targets", "no such command: 'targets'"),
    ("--on", "--on needs a target"), ("--on=", "--on needs a target"),
    ("--on lokal", "--on: target 'lokal': hop 1 'lokal': there is no method 'lokal'"),
    ("--on su?passwort=hunter2", "--on: target 'su?passwort=***'"),
    ("--inventory", "--inventory needs a file"),
    ("--parallel -1 --on local", "--parallel: '-1' is not a number from 0 to 100000"),
    ("--timeout --on local", "--timeout: '--on' is not a number of seconds from 0.001 to 1000000"),
    ("--timeout", "--timeout needs a number of seconds"), ("--timeout nan --on local", "--timeout: 'nan' is not"),
    ("--parallel 3", "--parallel needs targets"), ("--timeout 3", "--timeout needs targets"),
    ("--password-prompt", "--password-prompt needs targets"),
    ("--password-prompt=x --on local", "--password-prompt takes no value"),
    ("--on local --depth 3", "--depth is for contexts without targets"),
    ("tree --join a --local 3", "--local is for contexts without targets"), ("--join", "--join needs a socket"),
    ("detach --end", "detach --end needs a path"), ("detach a b", "detach takes no argument 'b'"),
    ("detach --on local a", "detach has no option '--on'"), ("tree --end", "tree has no option '--end'"),
    ("detach --end=a", "--end takes no value"),
    ("run --on local", "run needs a command"), ("run --on local --", "run needs a command"),
    ("tree --on local --", "tree takes no arguments after '--'"), ("facts --lines 3", "facts has no option '--lines'"),
    ("copy a b", "copy needs targets"), ("copy --on local a", "copy needs a file and where it goes"),
    ("copy --on local a b c", "copy takes no argument 'c'"), ("copy --on local -- a b c", "copy takes no argument 'c'"),
    ("fetch --on local a", "fetch needs a file and where it goes"), ("fetch a b", "fetch needs targets"),
    ("copy --resume=1 --on local a b", "--resume takes no value"), ("tail --resume a", "tail has no option '--resume'"),
    ("copy --local 3 a b", "copy has no option '--local'"),
    ("tail --on local", "tail needs one file"), ("tail --on local a b", "tail takes no argument 'b'"),
    ("tail --on local --lines x a", "--lines: 'x' is not a number"),
    ("top", "top needs targets"), ("top --on local x", "top takes no argument 'x'"),
    ("top --on local --interval 0", "--interval: '0' is not a number of seconds from 0.1 to 3600"),
    ("top --on local --count 0", "--count: '0' is not a number from 1"),
    ("services", "services needs targets"), ("top --on local --once", "top has no option '--once'"),
    ("services --on local --once=1", "--once takes no value"),
    ("services --on local --load -1", "--load: '-1' is not a number from 0 to 100000"),
    ("tail --on local --count 1 a", "tail has no option '--count'"),
  ])
  func `Make no sense`(_ line: String, _ message: String) {
    let error = #expect(throws: UsageError.self) { try Self.command(line) }
    #expect(error?.message.hasPrefix(message) == true, "\(error?.message ?? "")")
    #expect(error?.message.contains("\n") == false && error?.message.contains("hunter2") == false)
  }
}
