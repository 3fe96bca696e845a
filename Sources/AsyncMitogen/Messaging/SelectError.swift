/// A ``Select`` cannot do what it was asked, because of what its members are.
///
/// Mitogen's `Select.Error`, with its texts.
public struct SelectError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What is wrong, for a person.
  public let message: String

  /// A Select would, perhaps through others, be a member of itself.
  public static let cycle = SelectError(message: "Adding this Select instance would create a Select cycle")
  /// What is to be added is a member of a Select already, perhaps of this one.
  public static let owned = SelectError(message: "Cannot add: Receiver is already owned by another Select")
  /// What is to be removed is not a member.
  public static let notMember = SelectError(message: "Instance is not a member of this Select")
  /// There is no member to wait for.
  public static let empty = SelectError(message: "Cannot get(), Select instance is empty")

  /// The message.
  public var description: String { message }
}
