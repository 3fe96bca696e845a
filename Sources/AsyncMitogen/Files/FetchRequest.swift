/// The arguments of `fetch`: Mitogen's, and what is added to them between contexts of this library.
struct FetchRequest: Codable, Sendable {
  /// The file.
  var path: String
  /// Where its content goes.
  var sender: Sender<Message>
  /// Asks for a ``FetchReply`` in place of Mitogen's dictionary, and says from where on the content is wanted.
  var offset: Int?
  /// The key of the digests that are exchanged, which the reader chooses anew for each transfer.
  var key: Blob?
  /// The digest of what is there already, before the offset. If it is not that of the file, all of it is sent.
  var prefix: Blob?
}

/// The answer to an extended `fetch`.
///
/// The content follows in messages of raw bytes whose reply address is the control handle: the reader sends there, in
/// decimal, how many bytes it has taken since the offset, or a dead message if it wants no more. At the end comes a
/// pickled ``FetchEnd``, or a pickled error at any time.
struct FetchReply: Codable, Sendable {
  var metadata: FileMetadata
  /// From where on content is sent: what was asked for, or 0.
  var offset: Int
  /// Where the reader says what it has taken.
  var control: Handle
}

/// What follows the content.
struct FetchEnd: Codable, Sendable {
  /// The size of the whole file.
  var size: Int
  /// The digest of the whole file, with the reader's key.
  var digest: Blob
}
