internal import CAsyncMitogen
internal import Glibc
internal import Synchronization

/// Writes a dump of every router of this process to a file when the process gets SIGUSR2.
///
/// A thread of its own waits for the signal, so it is noticed too that a broker does not run at all any more: by what
/// should be a moment's work that takes longer than the patience.
final class DumpSignal: Sendable {
  static let shared = DumpSignal()

  private struct State: Sendable {
    var isInstalled = false
    var routers: [ObjectIdentifier: WeakRouter] = [:]
  }

  private struct WeakRouter: Sendable {
    weak let router: Router?
  }

  private let state = Mutex(State())
  /// How long a broker may take.
  private static let patience = Duration.seconds(2)

  /// Dumps this router too from now on.
  ///
  /// - Throws: ``StreamError`` if the program has a handler for the signal, or no descriptors are left.
  func add(_ router: Router) throws(StreamError) {
    let result: Int32 = state.withLock { state in
      state.routers = state.routers.filter { $0.value.router != nil }
      state.routers[ObjectIdentifier(router)] = WeakRouter(router: router)
      guard !state.isInstalled else { return 0 }
      let descriptor = amt_signal_descriptor(SIGUSR2)
      guard descriptor >= 0 else { return descriptor }
      state.isInstalled = true
      return descriptor
    }
    guard result >= 0 else {
      throw StreamError(
        result == -EBUSY
          ? "the program has a handler for SIGUSR2 already, so there are no dumps"
          : "SIGUSR2 cannot be watched: error \(-result)")
    }
    if result > 0 { startThread(result) }
  }

  /// Forgets a router that has ended.
  func remove(_ router: Router) { state.withLock { $0.routers[ObjectIdentifier(router)] = nil } }

  private final class ThreadStart: Sendable {
    let descriptor: Int32
    init(descriptor: Int32) { self.descriptor = descriptor }
  }

  private func startThread(_ descriptor: Int32) {
    let start = unsafe Unmanaged.passRetained(ThreadStart(descriptor: descriptor))
    let failure = unsafe amt_thread(
      "mitogen.dump",
      { argument in
        guard let argument = unsafe argument else { return }
        let start = unsafe Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue()
        DumpSignal.shared.serve(start.descriptor)
      }, start.toOpaque())
    if failure != 0 { unsafe start.release() }
  }

  private func serve(_ descriptor: Int32) {
    while true {
      var count: UInt64 = 0
      guard unsafe read(descriptor, &count, 8) == 8 || errno == EINTR else { return }
      guard count > 0 else { continue }
      writeAll()
    }
  }

  private func writeAll() {
    let routers = state.withLock { $0.routers.values.compactMap(\.router) }.sorted { $0.contextID < $1.contextID }
    do throws(LogFileError) {
      let file = try DiagnosticFile(named: "mitogen.dump.\(getpid())")
      for router in routers { file.write(DumpSignal.dump(router)) }
      Router.log.warning("SIGUSR2: a dump is in \(file.path)")
    } catch {
      Router.log.warning("SIGUSR2: no dump: \(error)")
    }
  }

  /// The dump of a router, or that there is none.
  private static func dump(_ router: Router) -> String {
    let box = DumpBox()
    router.loop.enqueue { [weak router] in
      router?.enter { box.give($0.dump()) }
    }
    return box.wait(for: patience)
      ?? "context \(router.contextID), process \(getpid()): its broker has not run for \(patience)\n"
  }
}

/// Where a thread waits for a text.
private final class DumpBox: Sendable {
  private let text = Mutex<String?>(nil)
  private let descriptor: FileDescriptor?

  init() { descriptor = try? FileDescriptor(SystemError.check("eventfd", amt_eventfd())) }

  func give(_ text: String) {
    self.text.withLock { $0 = text }
    var one: UInt64 = 1
    if let descriptor { _ = unsafe write(descriptor.number, &one, 8) }
  }

  func wait(for patience: Duration) -> String? {
    guard let descriptor else { return nil }
    var watched = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
    _ = unsafe poll(&watched, 1, Int32(clamping: patience.nanoseconds / 1_000_000))
    return text.withLock { $0 }
  }
}

extension Router {
  /// Makes this process write a dump when it gets SIGUSR2, into a new file `/tmp/mitogen.dump.PID.log`, or with `.1`, `.2`
  /// before the end if there is one. Its path is logged as a warning. Mitogen's `mitogen.debug.install_handler()`.
  ///
  /// Contexts that are started later do it too. Only the owner may read the files; `MITOGEN_DIAGNOSTICS_DIRECTORY` names
  /// another directory than `/tmp`. The handler stays until the process ends.
  ///
  /// - Throws: ``StreamError`` if the program has a handler for the signal.
  public nonisolated func dumpOnSignal() throws {
    try DumpSignal.shared.add(self)
    dumpsOnSignal.store(true, ordering: .relaxed)
  }
}
