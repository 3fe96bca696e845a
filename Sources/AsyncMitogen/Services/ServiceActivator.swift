/// Makes services when they are first called. Mitogen's `Activator`.
///
/// What a pool is made with; the default lets parents call any service of this program by its type's name.
public protocol ServiceActivator: Sendable {
  /// Whether a call may bring a service into being; by default those may that act for this context or its parents.
  func isPermitted(_ request: ActivationRequest) -> Bool

  /// The type of a service; nil if there is none of that name. By default, types are found by their names.
  func serviceType(named name: String) -> (any Service.Type)?

  /// Makes a service; by default with its initializer. Called once, however many calls wait, unless it throws.
  func activate(_ type: any Service.Type, router: Router) async throws -> any Service
}

/// A call to a service that is not there.
public struct ActivationRequest: Sendable {
  /// The name by which it was called.
  public let serviceName: String
  /// The request.
  public let message: Message
  /// The router of this context.
  public let router: Router

  /// Whether the request acts for this context or one of its parents.
  public var hasParentAuthority: Bool { router.hasParentAuthority(message) }
}

extension ServiceActivator {
  /// This context and its parents may.
  public func isPermitted(_ request: ActivationRequest) -> Bool { request.hasParentAuthority }

  /// The type of this program that has this name, and gives it to its services.
  public func serviceType(named name: String) -> (any Service.Type)? {
    guard let type = NamedType.find(name, where: { $0 as? any Service.Type }), type.name == name else { return nil }
    return type
  }

  /// Calls the initializer.
  public func activate(_ type: any Service.Type, router: Router) async throws -> any Service {
    try await type.init(router: router)
  }
}

/// Lets parents call any service of this program.
public struct DefaultServiceActivator: ServiceActivator {
  /// Makes an activator.
  public init() {}
}
