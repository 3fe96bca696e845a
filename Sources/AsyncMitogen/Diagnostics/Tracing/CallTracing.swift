internal import Synchronization

/// What travels with calls: a trace's identifier, baggage, or anything else that a program wants with each of them.
///
/// Fields are bound to a task, and go with each call from there, of functions and services, to contexts of ours; there they
/// are bound to the function's task, and go with its calls in turn. Python's contexts are called without them.
///
/// ```swift
/// try await CallTracing.with(["traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"]) {
///   try await child.call { CallTracing.fields["traceparent"] }
/// }
/// ```
///
/// A ``CallTracer`` connects this with a tracing library: Docs/Diagnostics.md has a page of code for swift-distributed-tracing.
/// A program that uses none of it pays one load from memory for a call.
public enum CallTracing {
  /// How many bytes the fields of one call may take together; more are not sent, which is logged. 8,192 as of W3C baggage.
  public static let limit = 8_192

  /// The fields that are bound to this task; empty outside.
  public static var fields: [String: String] { TracingState.fields }

  /// Runs `body` with fields that are sent with its calls, in place of those that were bound.
  public static func with<Result>(
    _ fields: [String: String], _ body: () async throws -> Result
  ) async rethrows -> Result {
    TracingState.turnOn()
    return try await TracingState.$fields.withValue(fields, operation: body)
  }

  /// The tracer of this process; nil in the beginning, in each child too, where a first call may set it.
  public static var tracer: (any CallTracer)? {
    get { TracingState.tracer.withLock { $0 } }
    set {
      TracingState.tracer.withLock { $0 = newValue }
      if newValue != nil { TracingState.turnOn() }
    }
  }
}

/// Connects calls with a tracing library. All of it is called on the tasks of callers and callees.
public protocol CallTracer: Sendable {
  /// Adds what is to travel with a call to what travels already. In the caller, before the call is sent.
  func inject(_ call: TracedCall, into fields: inout [String: String])

  /// Runs a function that was called: `body` is to be run once, and what it throws is to be thrown on. In the callee.
  ///
  /// Also for calls that bring no fields. What is task-local around `body` is there in the function.
  func run(
    _ call: TracedCall, fields: [String: String], _ body: nonisolated(nonsending) () async throws -> Void
  ) async throws
}

/// A call as a ``CallTracer`` sees it.
public struct TracedCall: Sendable, Hashable {
  /// A function's module, type and name, a service and its method, or a closure's place in the program and its type.
  public let name: String
  /// Who calls.
  public let caller: ContextID
  /// Who is called.
  public let callee: ContextID
  /// Whether it is a service's method.
  public let isService: Bool
}

/// What the process knows of tracing.
enum TracingState {
  private static let flag = Atomic(false)

  /// Whether anything may have to travel, or be told of.
  static var isOn: Bool { flag.load(ordering: .relaxed) }
  /// Somebody wants that, from now on.
  static func turnOn() { flag.store(true, ordering: .relaxed) }

  static let tracer = Mutex<(any CallTracer)?>(nil)

  @TaskLocal static var fields: [String: String] = [:]
}
