/// The arguments make no sense, and why: one line.
struct UsageError: Error, Equatable {
  let message: String

  init(_ message: String) { self.message = message }
}
