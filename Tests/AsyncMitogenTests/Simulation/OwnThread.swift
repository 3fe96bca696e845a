import Foundation

/// Runs what computes for seconds without a pause on a thread of its own: the pool has no more threads than the machine
/// has cores, and every other test's tasks wait for them.
func onOwnThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
  await withCheckedContinuation { continuation in
    Thread.detachNewThread { continuation.resume(returning: body()) }
  }
}
