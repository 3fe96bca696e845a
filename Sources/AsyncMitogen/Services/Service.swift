internal import Synchronization

/// An actor whose methods other contexts call by name, as far as each method's policy lets them.
///
/// ```swift
/// actor Counter: Service {
///   private var total = 0
///   init(router: Router) {}
///   func add(_ amount: Int) -> Int { total += amount; return total }
///
///   struct Add: Codable, Sendable { var amount: Int }
///   static let add = ServiceMethod<Counter, Add, Int>("add", policy: .allowParents) { counter, arguments in
///     counter.add(arguments.amount)
///   }
///   static var methods: [AnyServiceMethod<Counter>] { add }
/// }
/// let total = try await child.call(Counter.add, .init(amount: 4))
/// ```
///
/// A ``Pool`` holds the services of a context. A master makes one; children make theirs with the first call of a parent,
/// and construct a service with the first call to it. Only what ``methods`` lists can be called. Mitogen's `Service`.
public protocol Service: Actor {
  /// What the events of ``select`` hold; raw messages unless the service says otherwise.
  associatedtype Incoming: Sendable = Message

  /// By which name it is called; `Module.Type` by default.
  ///
  /// A service with another name cannot be constructed by a call: add it to a ``Pool``. Mitogen's `Service.name()`.
  static var name: String { get }

  /// Makes the service of a context; an initializer that neither waits nor throws will do.
  nonisolated init(router: Router) async throws

  /// What can be called. Mitogen's `expose`.
  @ServiceMethods static var methods: [AnyServiceMethod<Self>] { get }

  /// How its methods run beside each other: ``InvokerStrategy/concurrent`` by default. Mitogen's `invoker_class`.
  static var invoker: InvokerStrategy { get }

  /// Receivers to watch, which the service may add and remove at any time; none by default.
  ///
  /// Make one with `nonisolated let select = Select<Message>(oneshot: false)`. Mitogen has this, and never looks at it.
  nonisolated var select: Select<Incoming> { get }

  /// Something has come to a receiver in ``select``. One event after the other; the default does nothing.
  func onMessage(_ event: SelectEvent<Incoming>) async

  /// The pool has been closed, and no method runs any more: once for each service. The default does nothing.
  func onShutdown() async
}

extension Service {
  /// Module and type, with the types around it.
  public static var name: String { ServiceNames.shared.name(of: self) }

  /// Methods run concurrently.
  public static var invoker: InvokerStrategy { .concurrent }

  /// A Select that nothing can be added to.
  public nonisolated var select: Select<Incoming> {
    let select = Select<Incoming>()
    select.close()
    return select
  }

  /// Does nothing.
  public func onMessage(_ event: SelectEvent<Incoming>) async {}

  /// Does nothing.
  public func onShutdown() async {}
}

/// The names of types, each looked up once: a call needs its service's.
final class ServiceNames: Sendable {
  static let shared = ServiceNames()

  private let names = Mutex<[ObjectIdentifier: String]>([:])

  func name(of type: any Service.Type) -> String {
    let key = ObjectIdentifier(type)
    if let name = names.withLock({ $0[key] }) { return name }
    let name = String(reflecting: type)
    names.withLock { $0[key] = name }
    return name
  }
}
