internal import Glibc
internal import Synchronization

/// Gives each record to the handler that was there before, as far as that one would have got it, and to a file.
///
/// So the thresholds can be lowered for the file, and what is on a terminal stays readable. What a child forwards is not
/// held back: its parent decides.
final class DebugLogHandler: LogHandler {
  /// The handler that was there before.
  let previous: any LogHandler
  /// What that one wants; nil for everything.
  private let previousLevels: LogLevels?
  private let file: DiagnosticFile

  init(_ file: consuming DiagnosticFile, previous: any LogHandler, levels: LogLevels?) {
    self.file = file
    self.previous = previous
    previousLevels = levels
  }

  var path: String { file.path }

  func log(_ record: LogRecord) {
    file.write(LogLine.bytes(of: record))
    if let previousLevels, record.level < previousLevels[record.logger] { return }
    if record.level >= previous.level { previous.log(record) }
  }
}

/// The debug log of this process: one, whatever number of routers it has.
enum DebugLog {
  private static let path = Mutex<String?>(nil)

  /// Begins it, unless it has begun; its path.
  ///
  /// - Throws: ``LogFileError`` if there is no place for it.
  static func start(context: ContextID, parentProcess: Int32) throws(LogFileError) -> String {
    // Under the lock, so that two that come at once make one file.
    let result: Result<String, LogFileError> = path.withLock { path in
      if let path { return .success(path) }
      do throws(LogFileError) {
        let started = try begin(context: context, parentProcess: parentProcess)
        path = started
        return .success(started)
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  private static func begin(context: ContextID, parentProcess: Int32) throws(LogFileError) -> String {
    let file = try DiagnosticFile(named: "mitogen.\(getpid()).\(timestamp())")
    let path = file.path
    file.write("Parent PID: \(parentProcess)\nContext: \(context)\n")
    let system = LoggingSystem.shared
    let previous = system.handler
    let levels = system.levels
    let isForwarding = previous is ForwardingLogHandler
    system.configure(
      handler: DebugLogHandler(file, previous: previous, levels: isForwarding ? nil : levels),
      levels: LogLevels(
        root: min(levels.root, .debug), mitogen: min(levels.mitogen, .debug), mitogenIO: min(levels.mitogenIO, .info)))
    return path
  }

  /// The local time as `20240229_235959`.
  private static func timestamp() -> String {
    var seconds = time(nil)
    var parts = unsafe tm()
    unsafe _ = localtime_r(&seconds, &parts)
    let numbers = unsafe [
      (Int(parts.tm_year) + 1900, 4), (Int(parts.tm_mon) + 1, 2), (Int(parts.tm_mday), 2), (Int(parts.tm_hour), 2),
      (Int(parts.tm_min), 2), (Int(parts.tm_sec), 2),
    ]
    let digits = numbers.map { number, width in
      let text = String(number)
      return String(repeating: "0", count: max(0, width - text.count)) + text
    }
    return digits[..<3].joined() + "_" + digits[3...].joined()
  }
}

extension Router {
  /// Makes this process, and all contexts below it now and later, write logs of everything: each a file of its own,
  /// `/tmp/mitogen.PID.YYYYMMDD_HHMMSS.log`, which only its owner may read. Mitogen's `enable_debug()`, which leaves out the
  /// contexts that are there already.
  ///
  /// What was logged before goes where it went, with the thresholds that it had. Children forward everything too, so that
  /// the file of the master has all of the tree. The environment variable `MITOGEN_DIAGNOSTICS_DIRECTORY` names another
  /// directory than `/tmp`.
  ///
  /// - Parameter timeout: How long the contexts that are there may take to answer.
  /// - Returns: The files of this process and of the contexts that have answered, each on its own machine.
  /// - Throws: ``LogFileError`` if there is no place for this process's file; those of others log that they have none.
  @discardableResult
  public func enableDebug(timeout: Duration = .seconds(5)) async throws -> [ContextID: String] {
    var paths = [contextID: try DebugLog.start(context: contextID, parentProcess: getppid())]
    isDebugging.store(true, ordering: .relaxed)
    let contexts = reachableContexts
    let answers = await Router.ask(contexts) { try? await self.enableDebug(of: $0, timeout) }
    paths.merge(answers) { own, _ in own }
    return paths
  }

  private nonisolated func enableDebug(of context: Context, _ timeout: Duration) async throws -> String? {
    let reply = try await request(
      Message(destination: context.id, handle: .diagnostics, payload: Array(DiagnosticsRequest.debug.rawValue.utf8)),
      respondent: context.id, timeout: timeout)
    return reply.payload.isEmpty ? nil : String(decoding: reply.payload, as: UTF8.self)
  }

  /// Begins this process's debug log because a parent wants it; its path, nil if there is no place for it.
  nonisolated func startDebugLog() -> String? {
    isDebugging.store(true, ordering: .relaxed)
    do {
      return try DebugLog.start(context: contextID, parentProcess: getppid())
    } catch {
      Router.log.warning("no debug log: \(error)")
      return nil
    }
  }
}
