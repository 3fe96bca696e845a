import CAsyncMitogenFloor
import Glibc

/// The raw child processes of a floor.
struct RawProcesses: Sendable {
  private let all: [amf_process]

  private init(_ all: [amf_process]) { self.all = all }

  /// Starts as many processes in one role (one of the `AMF_` constants).
  static func start(_ role: String, count: Int = 1) throws -> RawProcesses {
    var all = [amf_process](repeating: amf_process(), count: count)
    for index in all.indices { try unsafe Machine.check("start", amf_start(role, &all[index])) }
    return RawProcesses(all)
  }

  /// Starts a row in which each process talks to its neighbours only: relays, and an echo at its end.
  static func startRow(of count: Int) throws -> RawProcesses {
    var all = [amf_process](repeating: amf_process(), count: count)
    try unsafe Machine.check("start", amf_start_relays(&all, Int32(count)))
    return RawProcesses(all)
  }

  /// Starts a process that writes a file whenever it is told to.
  static func startSending(_ path: String) throws -> RawProcesses {
    var process = amf_process()
    try unsafe Machine.check("start", amf_start_file(path, &process))
    return RawProcesses([process])
  }

  /// Starts processes that wait, and times it until the first byte of the last has come.
  static func startIdle(_ count: Int) throws -> (processes: RawProcesses, nanoseconds: UInt64) {
    var all = [amf_process](repeating: amf_process(), count: count)
    var duration: UInt64 = 0
    try unsafe Machine.check("start", amf_start_idle(&all, Int32(count), &duration))
    return (RawProcesses(all), duration)
  }

  /// Starts this program with two arguments and our socket as its standard input and output.
  static func startSelf(_ first: String, _ second: String) throws -> RawProcesses {
    var process = amf_process()
    try unsafe Machine.check("start", amf_start_self(first, second, &process))
    return RawProcesses([process])
  }

  var identifiers: [pid_t] { all.map(\.pid) }

  /// Closes their sockets, at which they end, and reaps them; returns how long that took, in nanoseconds.
  @discardableResult
  func stop() throws -> UInt64 {
    var duration: UInt64 = 0
    try unsafe Machine.check("stop", amf_stop(all, Int32(all.count), &duration))
    return duration
  }

  // MARK: - The first, or only, process

  func roundTrips(_ count: Int) throws -> [UInt64] {
    var durations = [UInt64](repeating: 0, count: count)
    try unsafe Machine.check("round trip", amf_round_trips(all[0], &durations, Int32(count)))
    return durations
  }

  func pipelinedRoundTrips(_ count: Int) throws {
    try Machine.check("round trip", amf_pipelined_round_trips(all[0], Int32(count)))
  }

  func receive(_ bytes: Int, chunk: Int) throws -> UInt64 {
    var duration: UInt64 = 0
    try unsafe Machine.check("receive", amf_receive(all[0], Int64(bytes), Int32(chunk), &duration))
    return duration
  }

  /// Copies the file of ``startSending(_:)``.
  func copyFile(_ bytes: Int, chunk: Int, to path: String) throws -> UInt64 {
    var duration: UInt64 = 0
    try unsafe Machine.check("copy", amf_copy_file(all[0], Int64(bytes), Int32(chunk), path, &duration))
    return duration
  }

  /// Reads until the end of a line, which it leaves out.
  func readLine() throws -> String {
    var line: [UInt8] = []
    var byte: CChar = 0
    while true {
      let count = unsafe amf_read(all[0].descriptor, &byte, 1)
      try Machine.check("read", count)
      if count == 0 || byte == 10 { return String(decoding: line, as: UTF8.self) }
      line.append(UInt8(bitPattern: byte))
    }
  }

  // MARK: - All of them

  func fanOut() throws -> UInt64 {
    var duration: UInt64 = 0
    try unsafe Machine.check("fan out", amf_fan_out(all, Int32(all.count), &duration))
    return duration
  }
}

/// Floors that start their processes themselves.
enum Floor {
  static func siblingRoundTrips(_ count: Int) throws -> [UInt64] {
    var durations = [UInt64](repeating: 0, count: count)
    try unsafe Machine.check("siblings", amf_sibling_round_trips(&durations, Int32(count)))
    return durations
  }

  static func runTrue() throws -> UInt64 {
    var duration: UInt64 = 0
    try unsafe Machine.check("/bin/true", amf_run_true(&duration))
    return duration
  }

  /// Runs a command as many times at once until all have ended; returns how long that took, in nanoseconds.
  static func run(_ words: [String], count: Int) throws -> UInt64 {
    // Safe: the copies live until the call has returned.
    var copies = unsafe words.map { unsafe strdup($0) } + [nil]
    defer { for index in unsafe copies.indices { unsafe free(copies[index]) } }
    var duration: UInt64 = 0
    let result = unsafe amf_run_commands(&copies, Int32(count), &duration)
    if result == -ECHILD { throw CommandFailed(words: words) }
    try Machine.check(words.first ?? "", result)
    return duration
  }

  struct CommandFailed: Error, CustomStringConvertible {
    let words: [String]
    var description: String {
      "'\(words.joined(separator: " "))' did not end with status 0: it has to work without a password"
    }
  }

  /// Runs a floor where it keeps nobody from working: it blocks its thread, and a body of `withRouter` runs on the
  /// broker's, which would have to hand over its loop to another thread.
  static func measure<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await Task.detached(operation: body).value
  }
}
