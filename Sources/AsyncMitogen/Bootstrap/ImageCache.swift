/// Where a machine keeps this program between visits, so that it need not be sent again.
///
/// Local contexts run the file that is there already: for them there is nothing to keep.
public enum ImageCache: Sendable, Hashable, Codable {
  /// Nowhere: nothing is left behind.
  case none
  /// In this directory.
  case directory(String)
  /// In the user's own cache directory.
  case user
}
