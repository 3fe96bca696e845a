/// How much to measure.
struct Effort: Sendable {
  let quick: Bool
  /// Where the cases that need targets are to connect to.
  var targets: [TargetSpec] = []

  /// One of two amounts.
  func of(_ full: Int, quick few: Int) -> Int { quick ? few : full }

  /// The rounds in which a case and its floor take turns.
  var rounds: Int { of(7, quick: 3) }
}

/// Something to measure.
struct BenchCase: Sendable {
  let name: String
  let summary: String
  /// Whether it can only be measured with targets.
  var needsTargets = false
  let measure: @Sendable (Effort) async throws -> [Figure]

  static let all = [
    BenchCase(
      name: "latency", summary: "a call to a child and back: both on one core, then (unpinned) each on its own",
      measure: { try await LatencyCase.measure("latency", hops: 1, effort: $0) }),
    BenchCase(
      name: "latency-3hops", summary: "a call to a great-grandchild and back",
      measure: { try await LatencyCase.measure("latency-3hops", hops: 3, effort: $0) }),
    BenchCase(
      name: "latency-unix", summary: "a call to a context whose tree was joined through a socket, and back",
      measure: { try await LatencyCase.measureUnix("latency-unix", effort: $0) }),
    BenchCase(
      name: "throughput", summary: "CPU time of a call in both processes, with up to 1,000 calls under way",
      measure: { try await ThroughputCase.measure($0) }),
    BenchCase(
      name: "siblings", summary: "a message between two children through their parent, and back",
      measure: { try await SiblingsCase.measure($0) }),
    BenchCase(
      name: "stream", summary: "bytes from a child, 128 KiB at a time",
      measure: { try await StreamCase.measure($0) }),
    BenchCase(
      name: "services", summary: "calls of a child to services here, beside calls of functions",
      measure: { try await ServicesCase.measure($0) }),
    BenchCase(
      name: "files", summary: "a file of a child copied to one here, over one link and over three",
      measure: { try await FilesCase.measure($0) }),
    BenchCase(
      name: "start", summary: "a new child until its first reply, and 100 at once",
      measure: { try await StartCase.measure($0) }),
    BenchCase(
      name: "fanout", summary: "a call to each of 100 and of 1,000 children until the last reply",
      measure: { try await FanOutCase.measure($0) }),
    BenchCase(
      name: "memory", summary: "an idle child's proportional set size, among 20 and among 1,000",
      measure: { try await MemoryCase.measure($0) }),
    BenchCase(
      name: "shutdown", summary: "the end of 20 children, and of a tree whose master was killed",
      measure: { try await ShutdownCase.measure($0) }),
    BenchCase(
      name: "python", summary: "calls to a Python child, beside the same from Mitogen itself (skipped without it)",
      measure: { try await PythonCase.measure($0) }),
    BenchCase(
      name: "connect", summary: "a context at each --on SPEC, beside its program with the command true",
      needsTargets: true, measure: { try await ConnectCase.measure($0) }),
  ]
}
