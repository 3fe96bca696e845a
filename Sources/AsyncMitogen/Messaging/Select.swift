/// Waits for whichever of several receivers has something first.
///
/// ```swift
/// for try await reply in Select(contexts.map { $0.callAsync { hostName() } }) {
///   print(reply.context, try reply.value)
/// }
/// ```
///
/// By default each receiver leaves after one element, and iteration ends when the last has left: that is how replies
/// are gathered. With `oneshot: false` they stay, until they are closed or have nothing more to give. A receiver that
/// failed or was closed shows that in an event whose ``SelectEvent/value`` throws, and leaves in any case when nothing
/// more can come.
///
/// Members take turns: one that is always busy does not keep others from being heard. A Select can be a member of
/// another; events then name the receiver at the bottom. The inner one decides by its own `oneshot` when its receivers
/// leave it; it leaves a oneshot Select itself when its last receiver has left, and any Select when it is closed.
///
/// A receiver is a member of at most one Select; others may still take from it directly. When the last reference to a
/// Select goes, its members are released with whatever they hold. Members may be added and removed during an
/// iteration, and several tasks may iterate.
///
/// Mitogen's `Select`.
public final class Select<Element: Sendable>: AsyncSequence, Sendable {
  let core: SelectCore
  private let failure: SelectError?

  /// Makes a Select of receivers.
  ///
  /// If one of them cannot be added, none is, and waiting throws the ``SelectError``.
  ///
  /// - Parameters:
  ///   - receivers: The first members.
  ///   - oneshot: Whether a receiver leaves after one element.
  public init(_ receivers: some Sequence<Receiver<Element>>, oneshot: Bool = true) {
    core = SelectCore(oneshot: oneshot)
    var added: [ReceiverCore] = []
    do {
      for receiver in receivers {
        try core.add(receiver.core)
        added.append(receiver.core)
      }
      failure = nil
    } catch {
      for receiver in added { try? core.remove(receiver) }
      failure = error as? SelectError
    }
  }

  /// Makes a Select without members.
  public convenience init(oneshot: Bool = true) { self.init([], oneshot: oneshot) }

  deinit { core.close() }

  /// Adds a receiver; what it holds already is shown too, also that it is closed.
  ///
  /// - Throws: ``SelectError/owned``; ``LatchError`` if the Select has been closed. Nothing is changed then.
  public func add(_ receiver: Receiver<Element>) throws { try core.add(receiver.core) }

  /// Adds the members of another Select, as they are from time to time.
  ///
  /// - Throws: ``SelectError/cycle``, ``SelectError/owned``; ``LatchError`` if this Select has been closed. Nothing is
  ///   changed then.
  public func add(_ select: Select<Element>) throws { try core.add(select.core, owner: select) }

  /// Removes a receiver, which keeps what it holds.
  ///
  /// - Throws: ``SelectError/notMember``.
  public func remove(_ receiver: Receiver<Element>) throws { try core.remove(receiver.core) }

  /// Removes a Select, which keeps its members.
  ///
  /// - Throws: ``SelectError/notMember``.
  public func remove(_ select: Select<Element>) throws { try core.remove(select.core) }

  /// Waits for the next element of any member. Mitogen's `get()`.
  ///
  /// - Parameter timeout: How long to wait at most; for ever if nil. With zero, only what is there already is returned.
  /// - Throws: what ``nextEvent(timeout:)`` and ``SelectEvent/value`` throw.
  public func get(timeout: Duration? = nil) async throws -> Element { try await nextEvent(timeout: timeout).value }

  /// Waits for the next event of any member. Mitogen's `get_event()`.
  ///
  /// - Parameter timeout: How long to wait at most; for ever if nil. With zero, only what is there already is returned.
  /// - Throws: ``SelectError/empty`` if there are no members, or none are left; ``TimeoutError``; ``LatchError`` if the
  ///   Select has been closed; `CancellationError`.
  public func nextEvent(timeout: Duration? = nil) async throws -> SelectEvent<Element> {
    guard let event = try await next(timeout) else { throw SelectError.empty }
    return event
  }

  /// The events, which is what iterating the Select itself yields. Mitogen's `iter_events()`.
  public var events: Select<Element> { self }

  /// Whether no member has something to show.
  public var isEmpty: Bool { !core.hasEvent }

  /// Whether there is anything to wait for. Mitogen's truth value of a Select.
  public var hasMembers: Bool { core.hasMembers }

  /// The number of messages that wait in all members; only advice when several tasks take them.
  public var size: Int { core.size }

  /// Releases all members, with what they hold, and ends every wait and iteration. May be called again.
  public func close() { core.close() }

  /// Waits for one element of each receiver, in the order in which they come.
  ///
  /// - Throws: what the first receiver that fails throws; the others are released then.
  public static func all(_ receivers: some Sequence<Receiver<Element>>) async throws -> [Element] {
    let select = Select(receivers)
    var elements: [Element] = []
    while let event = try await select.next(nil) { elements.append(try event.value) }
    return elements
  }

  private func next(_ timeout: Duration?) async throws -> SelectEvent<Element>? {
    if let failure { throw failure }
    guard let event = try await core.event(timeout: timeout) else { return nil }
    // Only receivers of this element were let in.
    guard let coding = event.source.coding as? ElementCoding<Element> else { throw SelectError.notMember }
    return SelectEvent(event, from: Receiver(core: event.source, coding: coding))
  }
}

extension Select {
  /// Takes events one by one, for one task.
  public struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate let select: Select

    /// Waits for the next event, on the actor of the caller; nil when no members are left, or the Select is closed.
    ///
    /// - Throws: `CancellationError`. A member's failure is thrown by its event's value.
    public mutating func next(isolation actor: isolated (any Actor)?) async throws -> SelectEvent<Element>? {
      do {
        return try await select.next(nil)
      } catch is LatchError {
        return nil
      }
    }
  }

  /// Makes an iterator for one task.
  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(select: self) }
}
