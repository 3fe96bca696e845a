/// A resource, or a library, could not be had, and why.
public struct ResourceError: Error, Sendable, Hashable, Codable, CustomStringConvertible {
  /// What went wrong.
  public enum Reason: Sendable, Hashable, Codable {
    /// The root of the tree has none of that name, or it is larger than a message may be.
    case notFound
    /// The name is empty or longer than 1,024 bytes.
    case impossibleName
    /// So many are registered, or waited for, as may be.
    case limit
    /// This context is not the root of its tree: what it registered nobody would find.
    case notRoot
    /// It is no shared library, or not one that can be loaded here.
    case notLoadable
  }

  /// What went wrong.
  public let reason: Reason
  /// The package and the name.
  public let name: String
  /// What is known beyond the reason, for a person.
  public let detail: String?

  /// Makes an error.
  public init(_ reason: Reason, name: String, detail: String? = nil) {
    self.reason = reason
    self.name = name
    self.detail = detail
  }

  init(_ reason: Reason, _ name: ResourceName, detail: String? = nil) {
    self.init(reason, name: name.package.isEmpty ? name.name : "\(name.package)/\(name.name)", detail: detail)
  }

  /// What went wrong with which resource.
  public var description: String {
    let text =
      switch reason {
      case .notFound: "there is no resource \(name)"
      case .impossibleName: "no resource can be called \(name.prefix(64))"
      case .limit: "\(name): too many resources"
      case .notRoot: "\(name): only the root of a tree has resources to give"
      case .notLoadable: "\(name) cannot be loaded"
      }
    return detail.map { "\(text): \($0)" } ?? text
  }
}
