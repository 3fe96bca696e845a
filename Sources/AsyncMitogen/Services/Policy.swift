/// Says who may call a method of a service.
///
/// A method may have several, joined with `&&`: all must agree. Policies are asked before a request waits, one after the
/// other; one that blocks holds up the service pool of its context. Mitogen's `Policy`.
public struct Policy: Sendable {
  private let allows: @Sendable (PolicyRequest) -> Bool

  /// Makes a policy of your own.
  ///
  /// - Parameter allows: Says whether a request may go on.
  public init(_ allows: @escaping @Sendable (PolicyRequest) -> Bool) { self.allows = allows }

  /// Whether a request may go on.
  public func isAuthorized(_ request: PolicyRequest) -> Bool { allows(request) }

  /// Every context may call. Mitogen's `AllowAny`.
  public static let allowAny = Policy { _ in true }

  /// The parents of the service's context may call, and that context itself. Mitogen's `AllowParents`.
  public static let allowParents = Policy { $0.hasParentAuthority }

  /// Both have to agree; the second is asked only if the first does.
  public static func && (left: Policy, right: Policy) -> Policy {
    Policy { left.isAuthorized($0) && right.isAuthorized($0) }
  }
}

/// What a ``Policy`` decides on: who wants to call what.
public struct PolicyRequest: Sendable {
  /// The type of the service.
  public let service: any Service.Type
  /// The name by which it was called.
  public let serviceName: String
  /// The method.
  public let methodName: String
  /// The request, as it came.
  public let message: Message
  /// The router of the service's context.
  public let router: Router

  /// Who sent the request.
  public var caller: Context { router.context(message.source) }

  /// Whether the request acts for the service's context or one of its parents.
  public var hasParentAuthority: Bool { router.hasParentAuthority(message) }
}

extension Router {
  /// Whether a message acts for this context or one of its parents. Mitogen's `has_parent_authority`.
  nonisolated func hasParentAuthority(_ message: Message) -> Bool {
    message.authority == contextID || parentIDs.contains(message.authority)
  }
}
