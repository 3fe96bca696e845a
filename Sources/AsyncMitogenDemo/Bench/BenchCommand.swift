/// `bench`: measures AsyncMitogen beside the bare system calls that the same work costs.
enum BenchCommand {
  static let usage = """
    Usage: AsyncMitogenDemo bench [CASE…] [--on SPEC]… [--json] [--quick]

    Measures each case, all if none is named, beside its floor: the same processes and sockets in plain C,
    in alternating rounds on the same machine. Build with -c release first.

      --on SPEC  a target for connect, which is only measured if there is one (see 'help targets'): one hop
                 that asks for nothing, such as ssh:user@host or sudo:user
      --json   one line of JSON for each figure: {"case","value","unit","floor","ratio","n"}.
               The first figure of a case has its name, others are called case/figure. The ratio is
               value / floor, also for rates, where more is better.
      --quick  fewer and smaller rounds: under 20 seconds in all.
      --help   this text.

    Cases:
    """

  /// Runs the cases that the arguments name and returns the exit status: 0, 1 if a case failed (not if it missed its
  /// target), 64 if the arguments make no sense.
  ///
  /// On no actor, whatever the caller's: a call from the main actor would begin and end with a change of threads.
  @concurrent
  static func run(_ arguments: [String]) async -> Int32 {
    if arguments == [DoomedMaster.option] { return await DoomedMaster.run() }
    var names: [String] = []
    var json = false
    var quick = false
    var specs: [TargetSpec] = []
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      switch argument {
      case "--on":
        do {
          guard let text = rest.popFirst() else { throw UsageError("--on needs a target (see 'help targets')") }
          specs.append(try TargetSpec(parsing: text))
        } catch {
          Console.error("\(error)")
          return 64
        }
      case "--json": json = true
      case "--quick": quick = true
      case "--help":
        Console.line(help)
        return 0
      default:
        guard BenchCase.all.contains(where: { $0.name == argument }) else {
          Console.error("no such \(argument.hasPrefix("-") ? "option" : "case"): \(argument) (see --help)")
          return 64
        }
        names.append(argument)
      }
    }
    let effort = Effort(quick: quick, targets: specs)
    let cases = BenchCase.all.filter { names.isEmpty ? !$0.needsTargets || !specs.isEmpty : names.contains($0.name) }
    if specs.isEmpty, let benchCase = cases.first(where: \.needsTargets) {
      Console.error("\(benchCase.name) needs --on SPEC (see --help)")
      return 64
    }
    #if DEBUG
      Console.error("built for debugging; figures mean something only with -c release")
    #endif
    Machine.raiseDescriptorLimit()
    let report = Report(json: json)
    report.begin()
    var status: Int32 = 0
    for benchCase in cases {
      do {
        for figure in try await benchCase.measure(effort) { report.add(figure) }
      } catch let skipped as SkippedCase {
        Console.error("\(benchCase.name) is skipped: \(skipped.reason)")
      } catch {
        Console.error("\(benchCase.name): \(error)")
        status = 1
      }
    }
    return status
  }

  private static var help: String {
    BenchCase.all.reduce(usage) { text, benchCase in
      let blanks = String(repeating: " ", count: max(1, 15 - benchCase.name.count))
      return text + "\n  " + benchCase.name + blanks + benchCase.summary
    }
  }
}
