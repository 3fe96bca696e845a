internal import Synchronization

extension Router {
  /// Begins what the configuration asks for: a debug log, dumps at a signal.
  nonisolated func beginDiagnostics() {
    if configuration.debug { _ = startDebugLog() }
    guard configuration.dumpsOnSignal else { return }
    do {
      try dumpOnSignal()
    } catch {
      Router.log.warning("\(error)")
    }
  }
}
