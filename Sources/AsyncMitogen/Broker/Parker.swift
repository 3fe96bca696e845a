internal import CAsyncMitogen

/// Lets one thread sleep until another wakes it; a wake-up that comes first is not lost.
///
/// Safe to share: the word is only touched atomically, by this type and by the kernel, and lives until `deinit`.
@safe final class Parker: @unchecked Sendable {
  private let word: UnsafeMutablePointer<UInt32>

  init() {
    unsafe word = .allocate(capacity: 1)
    unsafe word.initialize(to: 0)
  }

  deinit { unsafe word.deallocate() }

  /// Sleeps until ``wake()`` has been called once more than this.
  func park() {
    while unsafe amt_take(word) == 0 { unsafe amt_futex_wait(word, 0) }
  }

  /// Wakes the sleeper, or lets its next ``park()`` return at once.
  func wake() {
    unsafe amt_give(word)
    unsafe amt_futex_wake(word)
  }
}
