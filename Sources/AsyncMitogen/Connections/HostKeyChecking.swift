/// What becomes of a host whose key is not known. Mitogen's `check_host_keys`.
public enum HostKeyChecking: String, Sendable, Hashable, Codable, CaseIterable {
  /// It is refused.
  case enforce
  /// Its key is taken for good and remembered; one that has changed is refused.
  case accept
  /// Keys are not looked at, nor remembered.
  case ignore
}
