/// Where a machine keeps this program for the next time, so that it need not be sent again.
///
/// Local contexts run the file that is there already: for them there is nothing to keep.
public enum ImageCache: Sendable, Hashable, Codable {
  /// Nowhere: the program is sent each time, and leaves nothing on disk.
  case none
  /// In the user's own cache: `$XDG_CACHE_HOME/async-mitogen`, or `~/.cache/async-mitogen`.
  case user
  /// In this directory, which must belong to the user or root, and be writable by nobody else. It is made if it is not
  /// there.
  case directory(String)
}
