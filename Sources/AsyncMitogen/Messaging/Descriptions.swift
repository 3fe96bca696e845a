// What is inside of these types are locks and closures, which the standard library's reflection cannot take apart
// (some of it crashes on them), so each says what it shows.

extension Receiver: CustomStringConvertible, CustomReflectable {
  /// The context and the handle.
  public var description: String {
    "Receiver(context \(core.queue.port.contextID), handle \(handle.map { "\($0)" } ?? "closed"))"
  }

  /// What a debugger shows: the handle, and how many elements wait.
  public var customMirror: Mirror {
    Mirror(self, children: ["handle": handle as Any, "size": size], displayStyle: .struct)
  }
}

extension Sender: CustomStringConvertible, CustomReflectable {
  /// The receiver's context and handle.
  public var description: String { "Sender(context \(contextID), handle \(handle))" }

  /// What a debugger shows: the receiver's context and handle.
  public var customMirror: Mirror {
    Mirror(self, children: ["contextID": contextID, "handle": handle], displayStyle: .struct)
  }
}

extension Channel: CustomStringConvertible {
  /// The receiver and the sender.
  public var description: String { "Channel(\(receiver), \(sender))" }
}

extension Select: CustomStringConvertible, CustomReflectable {
  /// How many elements wait.
  public var description: String { "Select(\(hasMembers ? "\(size) waiting" : "empty"))" }

  /// What a debugger shows: how many elements wait.
  public var customMirror: Mirror { Mirror(self, children: ["size": size], displayStyle: .class) }
}

extension SelectEvent: CustomStringConvertible {
  /// The context and the receiver; not the element, which may be secret.
  public var description: String { "SelectEvent(context \(contextID), \(receiver))" }
}
