import CAsyncMitogen
import Glibc

@testable import AsyncMitogen

/// Starts what a method starts, over real descriptors, and leads its dialogue until the first stage runs.
struct MethodsDriver {
  /// What came of it.
  struct Outcome {
    /// Whether the first stage printed its line.
    var isUp = false
    /// What the first stage answered to a line that it was sent.
    var reply = ""
    var failure: LoginFailure?
    var requests: [AuthenticationRequest] = []
    var log: [String] = []
    var unanswered: String?
    var status: AsyncMitogen.ExitStatus?
  }

  /// A first stage that says that it is up, and echoes a line.
  static let boot = ["sh", "-c", #"echo MITO002; read -r line; echo "got $line""#]

  private var descriptors: ChildDescriptors
  private let process: ChildProcess
  private var dialogue: LoginDialogue?
  private var answers: [Secret?]
  private var stream = LineSplitter()
  private var outcome = Outcome()
  private var isDone = false
  private var open: [FileDescriptor] = []

  /// Runs a method.
  ///
  /// - Parameters:
  ///   - wrapper: A command line that runs the method's.
  ///   - answers: What is answered to what is asked.
  static func run(
    _ method: any CommandConnection, wrapper: [String] = [], environment: [String: String] = [:],
    answers: [Secret?] = [], boot: [String] = boot, seconds: Int = 20
  ) throws -> Outcome {
    var driver = try MethodsDriver(method.launchPlan(boot: boot), wrapper, environment, answers)
    return try driver.run(seconds: seconds)
  }

  /// Runs a plan.
  static func run(_ plan: LaunchPlan, seconds: Int = 20) throws -> Outcome {
    var driver = try MethodsDriver(plan, [], plan.environment, [])
    return try driver.run(seconds: seconds)
  }

  private init(
    _ plan: LaunchPlan, _ wrapper: [String], _ environment: [String: String], _ answers: [Secret?]
  ) throws {
    descriptors = try ChildDescriptors(plan.streams)
    let words = wrapper + plan.arguments
    process = try ChildProcess(
      path: wrapper.first ?? plan.path, arguments: words,
      environment: HostFacts.environment
        + (environment.merging(plan.environment) { $1 }).map { "\($0.key)=\($0.value)" },
      input: descriptors.input,
      output: descriptors.output, error: descriptors.error, terminal: descriptors.terminal, poller: Poller())
    try process.watch()
    dialogue = plan.login
    self.answers = answers
  }

  private mutating func run(seconds: Int) throws -> Outcome {
    let end = amt_monotonic_nanoseconds() + UInt64(seconds) * 1_000_000_000
    open = [descriptors.stream, descriptors.errorOutput].compactMap { $0 }
    descriptors.releaseChildSide()
    while !isDone, !open.isEmpty, amt_monotonic_nanoseconds() < end {
      var polled = open.map { pollfd(fd: $0.number, events: Int16(POLLIN), revents: 0) }
      let count = unsafe poll(&polled, nfds_t(polled.count), Int32(LoginDialogue.settlingMilliseconds))
      if count == 0 {
        if process.status != nil { break }
        process.ready([])
        if dialogue?.isUndecided == true { perform(dialogue?.settled() ?? []) }
        outcome.unanswered = dialogue?.unansweredPrompt
      }
      for (descriptor, event) in zip(open, polled) where event.revents != 0 {
        if !receive(from: descriptor) { open.removeAll { $0 === descriptor } }
      }
    }
    perform(dialogue?.finish() ?? [])
    for _ in 0..<100 where process.status == nil {
      process.ready([])
      if process.status == nil { usleep(10_000) }
    }
    outcome.status = process.status
    process.signal(SIGKILL)
    for _ in 0..<200 where process.status == nil {
      process.ready([])
      usleep(10_000)
    }
    return outcome
  }

  /// Reads what is there; false at the end.
  private mutating func receive(from descriptor: FileDescriptor) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 4_096)
    let count = unsafe read(descriptor.number, &buffer, buffer.count)
    guard count > 0 else { return false }
    let bytes = Array(buffer[..<count])
    let isStream = descriptor === descriptors.stream
    if !isStream || descriptors.errorOutput == nil {
      if let actions = dialogue?.receive(bytes) {
        perform(actions)
      } else {
        outcome.log.append(String(decoding: bytes, as: UTF8.self))
      }
    }
    if isStream { for line in stream.lines(bytes) { receive(line) } }
    return true
  }

  private mutating func receive(_ line: String) {
    if line == "MITO002" {
      outcome.isUp = true
      dialogue?.succeed()
      write("hello there")
    } else if line.hasPrefix("got ") {
      outcome.reply = line
      isDone = true
    }
  }

  private mutating func perform(_ actions: [LoginDialogue.Action]) {
    for action in actions {
      switch action {
      case .type(let secret): write(secret.reveal(), to: descriptors.errorOutput)
      case .ask(let request):
        outcome.requests.append(request)
        perform(dialogue?.answer(answers.isEmpty ? nil : answers.removeFirst()) ?? [])
      case .fail(let failure):
        outcome.failure = failure
        isDone = true
      case .log(let line, _): outcome.log.append(line)
      // This driver looks for its line itself.
      case .started: break
      }
    }
  }

  private func write(_ text: String, to descriptor: FileDescriptor? = nil) {
    let bytes = Array((text + "\n").utf8)
    _ = unsafe Glibc.write((descriptor ?? descriptors.stream).number, bytes, bytes.count)
  }
}
