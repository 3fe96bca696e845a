/// A part of a file on its way, in order.
struct CopyPiece: Codable, Sendable {
  var bytes: [UInt8]
  /// What all pieces are to make together, if this is the last.
  var total: CopyTotal?

  /// How many bytes a piece has: a few of them fill the window of a receiver.
  static let size = 128 * 1024
}

/// What a whole file is known by.
struct CopyTotal: Codable, Sendable, Equatable {
  var bytes: Int
  var checksum: UInt32
}

/// What became of a copy.
struct CopyResult: Codable, Sendable {
  /// The path that the file has now.
  var path: String
  var bytes: Int
}
